public import CheckpointBytes
public import TensorValues

/// A data set: an array of elements of one type, and where its bytes are.
public struct HDF5Dataset: Sendable, Hashable {
  /// The path by which it was met first, without a leading slash.
  public let path: ExactName
  /// Further hard links to the same data set.
  public package(set) var otherPaths: [ExactName] = []
  /// The attributes, in the order of the file.
  public let attributes: [HDF5Attribute]
  /// The type of the elements.
  public package(set) var elementType: HDF5ElementType
  /// The bits of an element that make up an integer, where they are not all; nil everywhere else.
  public let integerBits: HDF5IntegerBits?
  /// The size of one element in bytes.
  public let elementByteCount: Int
  /// The current extents.
  public let shape: Shape
  /// Where the elements are. Not asked, and given as unallocated, where the elements are no numbers.
  public package(set) var storage: HDF5Storage
  /// The element that stands where nothing was written: empty for zeros, nil if the file defines none.
  public package(set) var fillValue: [UInt8]?
  /// The size of all elements, packed; 0 where the elements are no numbers.
  public package(set) var byteCount: Int

  package init(
    path: ExactName, attributes: [HDF5Attribute], elementType: HDF5ElementType,
    integerBits: HDF5IntegerBits? = nil, elementByteCount: Int, shape: Shape, storage: HDF5Storage,
    fillValue: [UInt8]?, byteCount: Int
  ) {
    self.path = path
    self.attributes = attributes
    self.elementType = elementType
    self.integerBits = integerBits
    self.elementByteCount = elementByteCount
    self.shape = shape
    self.storage = storage
    self.fillValue = fillValue
    self.byteCount = byteCount
  }
}

/// What an element is.
public enum HDF5ElementType: Sendable, Hashable {
  /// A number in the given byte order. Booleans are h5py's enumeration (FALSE 0, TRUE 1, over one byte with a sign or without); complex numbers
  /// its compound (`r`, `i`); other enumerations are their integers.
  case number(DType, ByteOrder)
  /// Bytes without a meaning that this package knows.
  case opaque(byteCount: Int, tag: String)
  /// A type that is no number, in words: `variable-length string`, `reference`…
  case unsupported(String)
}

/// The bits of an element that make up an integer (HDF5 specification IV.A.2.d, bit offset and precision). The highest of them is
/// the sign of a signed one; the others are padding, whatever they hold.
public struct HDF5IntegerBits: Sendable, Hashable {
  /// The number of lower bits that do not count.
  public let offset: Int
  /// The number of bits that do, from 1 to 63.
  public let count: Int

  package init(offset: Int, count: Int) {
    self.offset = offset
    self.count = count
  }
}

/// Where the elements of a data set are. Offsets count from the start of the file, a user block included.
public enum HDF5Storage: Sendable, Hashable {
  /// In one piece.
  case contiguous(offset: Int, count: Int)
  /// In the object's header.
  case compact([UInt8])
  /// In chunks.
  case chunked(HDF5Chunks)
  /// Nowhere: all elements are the fill value.
  case unallocated
}

/// The chunks of a data set.
public struct HDF5Chunks: Sendable, Hashable {
  /// The extents of a chunk, as many as the data set has.
  public let shape: [Int]
  /// The filters in the order in which they were applied.
  public let filters: [HDF5Filter]
  /// True if chunks that reach beyond the data set were written without filters.
  public let leavesEdgesUnfiltered: Bool
  /// The chunks that are stored, in no particular order.
  public let chunks: [HDF5Chunk]

  package init(
    shape: [Int], filters: [HDF5Filter], leavesEdgesUnfiltered: Bool, chunks: [HDF5Chunk]
  ) {
    self.shape = shape
    self.filters = filters
    self.leavesEdgesUnfiltered = leavesEdgesUnfiltered
    self.chunks = chunks
  }
}

/// One stored chunk.
public struct HDF5Chunk: Sendable, Hashable {
  /// The index of its first element in the data set.
  public let origin: [Int]
  /// Where it begins in the file.
  public let offset: Int
  /// The number of bytes it takes there.
  public let byteCount: Int
  /// Bit `i` is set if filter `i` was left out for this chunk.
  public let filterMask: UInt32

  package init(origin: [Int], offset: Int, byteCount: Int, filterMask: UInt32) {
    self.origin = origin
    self.offset = offset
    self.byteCount = byteCount
    self.filterMask = filterMask
  }
}

/// A filter of a data set's chunks (HDF5 specification IV.A.2.l, "filter pipeline message").
public struct HDF5Filter: Sendable, Hashable {
  /// The filter's registered number: 1 deflate, 2 shuffle, 3 Fletcher-32, 4 szip, 5 n-bit, 6 scale-offset, 32000 LZF…
  public let identifier: Int
  /// The name that the file gives it, or the usual one of HDF5's own filters; may be empty.
  public let name: String
  /// The parameters.
  public let parameters: [UInt32]

  package init(identifier: Int, name: String, parameters: [UInt32]) {
    self.identifier = identifier
    self.name = name
    self.parameters = parameters
  }
}

extension HDF5ElementType: CustomStringConvertible {
  /// In words.
  public var description: String {
    switch self {
    case .number(let dtype, let order): order == .big ? "big-endian \(dtype)" : "\(dtype)"
    case .opaque(let byteCount, let tag):
      tag.isEmpty ? "opaque, \(byteCount) bytes" : "opaque, \(byteCount) bytes, \(quoted(tag))"
    case .unsupported(let words): words
    }
  }
}

extension ExactName {
  /// The path of the group that holds what is at this path; nil for the root, whose path is empty.
  public var parent: ExactName? {
    if string.isEmpty { return nil }
    guard let slash = string.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
    return ExactName(String(string[..<slash]))
  }
}
