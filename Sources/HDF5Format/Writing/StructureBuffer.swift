internal import CheckpointBytes

/// Bytes of structures in the making. All numbers are little-endian; addresses and lengths have eight bytes.
struct StructureBuffer {
  /// Something whose address is not known while the structure that refers to it is made.
  enum Reference {
    /// The header of an object of the tree.
    case header(Int)
    /// The B-tree of a group.
    case tree(Int)
    /// The names of a group.
    case names(Int)
    /// The elements of a data set of the plan.
    case elements(Int)
  }

  private(set) var bytes: [UInt8] = []
  private var references: [(place: Int, reference: Reference)] = []

  var count: Int { bytes.count }

  mutating func append(_ value: some FixedWidthInteger) {
    var rest = UInt64(truncatingIfNeeded: value)
    for _ in 0..<(value.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  mutating func append(_ content: some Collection<UInt8>) {
    bytes.append(contentsOf: content)
  }

  mutating func append(signature: StaticString) {
    signature.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }

  /// Appends an address; nil is the undefined one, all of whose bits are set.
  mutating func append(address: Int?) {
    append(address.map { UInt64(truncatingIfNeeded: $0) } ?? UInt64.max)
  }

  /// Appends an address that is told later (``resolve(_:)``).
  mutating func append(_ reference: Reference) {
    references.append((count, reference))
    append(zeros: 8)
  }

  mutating func append(zeros count: Int) {
    for _ in 0..<count { bytes.append(0) }
  }

  /// Appends zeros until what begins at `start` takes a multiple of eight bytes.
  mutating func align(from start: Int) {
    append(zeros: (count - start).paddingToEight)
  }

  /// Puts a number where one was appended before.
  mutating func put(_ value: some FixedWidthInteger, at place: Int) {
    var rest = UInt64(truncatingIfNeeded: value)
    for index in place..<(place + value.bitWidth / 8) {
      bytes[index] = UInt8(truncatingIfNeeded: rest)
      rest >>= 8
    }
  }

  /// Fills in the addresses of what was referred to.
  mutating func resolve(_ address: (Reference) -> Int?) {
    for (place, reference) in references {
      put(address(reference).map { UInt64(truncatingIfNeeded: $0) } ?? UInt64.max, at: place)
    }
    references = []
  }

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
  }
}

extension Int {
  /// What is missing to a multiple of eight.
  var paddingToEight: Int { -self & 7 }
  /// The next multiple of eight.
  var roundedToEight: Int { self + paddingToEight }
}
