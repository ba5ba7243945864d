internal import CheckpointBytes

/// Where an object keeps many links or attributes (HDF5 specification IV.A.2.c, IV.A.2.v): in a fractal heap, with a B-tree
/// of their names. Its info message says where both are.
struct NamedHeap {
  private let heapAddress: UInt64
  private let treeAddress: UInt64

  /// Reads an info message; nil if the object has neither heap nor tree.
  ///
  /// - Parameter indexByteCount: The size of the largest creation index, where it is tracked.
  init?(
    _ message: HeaderMessage, indexByteCount: Int, _ field: String, _ form: AddressForm
  ) throws(ParseFailure) {
    var body = message.body
    try body.readVersion(0...0, field)
    let flags = try body.readByte(field)
    guard flags & 0xFC == 0 else {
      throw ParseFailure(.malformed, at: body.offset, field, "unknown flags")
    }
    if flags & 1 != 0 { try body.skip(indexByteCount, "largest creation index") }
    let heap = try body.readAddress(form, field)
    let tree = try body.readAddress(form, field)
    guard let heap, let tree else { return nil }
    heapAddress = heap
    treeAddress = tree
  }

  /// Calls `body` with the heap and each record of the tree, in the order of the tree.
  func forEachRecord(
    _ kind: BTreeV2.Kind, in bytes: StructureBytes,
    _ body: (FractalHeap, inout ByteCursor) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    let heap = try FractalHeap(at: heapAddress, in: bytes)
    try BTreeV2(at: treeAddress, [kind], in: bytes).forEachRecord {
      (record) throws(ParseFailure) in
      try body(heap, &record)
    }
  }
}
