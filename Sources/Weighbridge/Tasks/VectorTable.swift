internal import CheckpointBytes

/// Rows of an id and a vector that wait to be written together.
struct VectorTable {
  /// What ids are.
  enum IDType { case number, text }

  /// What the ids are.
  let idType: IDType
  /// The numbers of each vector.
  let width: Int
  /// Whether vectors are float16, or float32.
  let isHalf: Bool

  /// How many rows there are.
  private(set) var count = 0
  /// Ids that are numbers, little-endian, or the text of all ids.
  private(set) var ids: [UInt8] = []
  /// Where the text of each id ends.
  private(set) var ends: [Int] = []
  /// All vectors.
  private(set) var numbers: [UInt8] = []

  /// About how many bytes of vectors are written together, so that no more lies in memory.
  static let byteCount = 1 << 24

  /// An empty table.
  init(idType: IDType, width: Int, isHalf: Bool) {
    self.idType = idType
    self.width = width
    self.isHalf = isHalf
  }

  /// The bytes of a number.
  var elementByteCount: Int { isHalf ? 2 : 4 }

  /// True if it should be written before it grows.
  var isFull: Bool { numbers.count >= Self.byteCount || ids.count >= Self.byteCount }

  /// Appends a row.
  ///
  /// - Throws: `inconsistent` if the id is of another type than the first, or the vector of another width.
  mutating func append(_ id: JSONValue, _ vector: [UInt8]) throws(CheckpointError) {
    if idType == .number, let number = id.integer {
      ids += Int64(number).littleEndianBytes
    } else if idType == .text, let text = id.string {
      ids += Array(text.utf8)
      ends.append(ids.count)
    } else {
      throw CheckpointError(
        .inconsistent, field: "id",
        "the ids of a table are all whole numbers, or all strings, as the first row's is")
    }
    guard vector.count == width * elementByteCount else {
      throw CheckpointError(.inconsistent, field: "embedding", "has another width than the first")
    }
    numbers += vector
    count += 1
  }

  /// Forgets all rows.
  mutating func removeAll() {
    count = 0
    ids.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    numbers.removeAll(keepingCapacity: true)
  }
}
