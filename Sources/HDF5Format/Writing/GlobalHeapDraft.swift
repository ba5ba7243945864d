/// The texts of variable length of all attributes (HDF5 specification III.E), as ``GlobalHeap`` reads them.
///
/// ```
/// GCOL │ version │ size │ number, references, size, bytes │ … │ 0: what is left
/// ```
struct GlobalHeapDraft {
  /// Where the heap begins.
  let address: Int
  private(set) var buffer = StructureBuffer()
  private var collectionStart = 0
  private var objectCount = 0

  private static let headByteCount = 16
  /// No collection may be smaller (`H5HG_MINSIZE`, libhdf5).
  private static let smallestCollection = 4_096
  /// A reader takes a whole collection for one text.
  private static let usualCollection = 65_536

  init(at address: Int) {
    self.address = address
  }

  /// Adds a text, and appends the reference to it that stands for the text where the element is. An empty text is an
  /// object too: the reference to nothing is C's null pointer.
  mutating func add(_ text: [UInt8], referTo element: inout StructureBuffer) {
    let byteCount = Self.headByteCount + text.count.roundedToEight
    if objectCount > 0, buffer.count - collectionStart + byteCount > Self.usualCollection {
      finish()
    }
    if objectCount == 0 {
      collectionStart = buffer.count
      buffer.append(signature: "GCOL")
      buffer.append([1, 0, 0, 0])
      // The size is known when the collection is full.
      buffer.append(0 as UInt64)
    }
    // Numbers have 16 bits; as many objects as a collection holds are far fewer.
    objectCount += 1
    buffer.append(UInt16(truncatingIfNeeded: objectCount))
    buffer.append(zeros: 6)
    buffer.append(UInt64(text.count))
    let start = buffer.count
    buffer.append(text)
    buffer.align(from: start)

    element.append(UInt32(truncatingIfNeeded: text.count))
    element.append(address: address + collectionStart)
    element.append(UInt32(truncatingIfNeeded: objectCount))
  }

  /// Ends the collection that is being filled.
  mutating func finish() {
    guard objectCount > 0 else { return }
    let left = Self.smallestCollection - (buffer.count - collectionStart)
    if left > 0 {
      // What is left is an object of number 0 if it has room for the head of one; that is part of its size.
      if left >= Self.headByteCount {
        buffer.append(0 as UInt64)
        buffer.append(UInt64(left))
      }
      buffer.append(zeros: left >= Self.headByteCount ? left - Self.headByteCount : left)
    }
    buffer.put(UInt64(buffer.count - collectionStart), at: collectionStart + 8)
    objectCount = 0
  }
}
