public import CheckpointBytes
internal import Checkpoints
internal import Conversion
internal import TensorValues
internal import WeightGraph

/// What the numbers of vectors are stored as (`quantize_embeddings`, sentence-transformers 6.2).
public enum EmbeddingPrecision: String, Sendable, Hashable, CaseIterable {
  /// As they are computed.
  case float32
  /// Rounded to 16 bits.
  case float16
  /// 256 steps between the least and the greatest number of each column, from −128.
  case int8
  /// The same from 0.
  case uint8
  /// A bit for each number that is above 0, eight in a byte, the first the highest; the bytes less 128.
  case binary
  /// The same, the bytes as they are.
  case ubinary

  /// True if the range of all vectors' numbers must be known first.
  public var needsRanges: Bool { self == .int8 || self == .uint8 }

  /// The elements that are stored of a vector of so many numbers.
  public func width(of count: Int) -> Int {
    self == .binary || self == .ubinary ? count / 8 + (count % 8 > 0 ? 1 : 0) : count
  }
}

/// The least and the greatest number of each column of a set of vectors, by which numbers become steps.
public struct EmbeddingRanges: Sendable, Hashable {
  /// The least of each column.
  public private(set) var least: [Float] = []
  /// The greatest of each column.
  public private(set) var greatest: [Float] = []

  /// The range of no vector.
  public init() {}

  /// Opens what ``write(to:)`` writes: a tensor `ranges`, `[2, width]`, the least numbers before the greatest, as
  /// `quantize_embeddings` of sentence-transformers takes them.
  ///
  /// - Throws: `notFound` or `mismatch` for a file of something else; what opening and reading throw.
  public init(opening path: String) throws(CheckpointError) {
    guard let weight = try Checkpoint.open(path).graph["ranges"] else {
      throw CheckpointError(.notFound, file: path, tensor: "ranges", "the file has no ranges")
    }
    let shape = weight.shape.dimensions
    guard shape.count == 2, shape[0] == 2 else {
      throw CheckpointError(
        .mismatch, file: path, tensor: "ranges", "expected the shape [2, width], found \(shape)")
    }
    let numbers = try weight.floats()
    least = Array(numbers[..<shape[1]])
    greatest = Array(numbers[shape[1]...])
  }

  /// Writes the ranges to a file, so that other vectors are given the same steps; an existing file is replaced.
  ///
  /// - Throws: `inputOutput` if the file cannot be written.
  public func write(to path: String) throws(CheckpointError) {
    var graph = WeightGraph()
    try graph.insert(try Weight(least + greatest, shape: [2, least.count]), as: "ranges")
    try graph.write(overAnyFileAt: path)
  }

  /// Takes a vector into account.
  public mutating func insert(_ vector: [Float]) {
    guard !least.isEmpty else {
      (least, greatest) = (vector, vector)
      return
    }
    for (column, value) in vector.enumerated() where column < least.count {
      least[column] = min(least[column], value)
      greatest[column] = max(greatest[column], value)
    }
  }

  /// Takes the ranges of other vectors into account.
  ///
  /// - Throws: `mismatch` if they have another width.
  public mutating func merge(_ other: EmbeddingRanges) throws(CheckpointError) {
    guard least.isEmpty || other.least.isEmpty || least.count == other.least.count else {
      throw CheckpointError(
        .mismatch, field: "ranges",
        "expected \(least.count) columns as in those before, found \(other.least.count)")
    }
    if other.least.isEmpty { return }
    insert(other.least)
    insert(other.greatest)
  }

  /// The step of each number of a vector, from 0 to 255.
  func steps(of vector: [Float]) -> [UInt8] {
    vector.enumerated().map { column, value in
      guard column < least.count else { return 0 }
      let step = (greatest[column] - least[column]) / 255
      let place = ((value - least[column]) / (step == 0 ? 1 : step)).rounded(.down)
      // No number at all is the least.
      return place >= 0 ? UInt8(min(place, 255)) : 0
    }
  }
}

extension EmbeddingPrecision {
  /// The bytes of a vector, little-endian.
  ///
  /// - Parameters:
  ///   - vector: The numbers of one text.
  ///   - ranges: Those of all vectors; what ``needsRanges`` is about.
  public func bytes(of vector: [Float], ranges: EmbeddingRanges = EmbeddingRanges()) -> [UInt8] {
    switch self {
    case .float32: Self.littleEndianBytes(vector.lazy.map(\.bitPattern))
    case .float16: Self.littleEndianBytes(vector.lazy.map { SmallFloat.float16Bits($0.bitPattern) })
    case .uint8: ranges.steps(of: vector)
    case .int8: ranges.steps(of: vector).map { $0 ^ 0x80 }
    case .ubinary: Self.bits(of: vector)
    case .binary: Self.bits(of: vector).map { $0 ^ 0x80 }
    }
  }

  /// Of millions of numbers: no array for each.
  private static func littleEndianBytes<Number: FixedWidthInteger>(
    _ numbers: some Collection<Number>
  ) -> [UInt8] {
    let size = Number.bitWidth / 8
    var bytes: [UInt8] = []
    bytes.reserveCapacity(numbers.count * size)
    for number in numbers {
      for place in 0..<size {
        bytes.append(UInt8(truncatingIfNeeded: number >> Number(place * 8)))
      }
    }
    return bytes
  }

  private static func bits(of vector: [Float]) -> [UInt8] {
    stride(from: 0, to: vector.count, by: 8).map { start in
      var byte: UInt8 = 0
      for (place, value) in vector[start..<min(start + 8, vector.count)].enumerated()
      where value > 0 {
        byte |= 0x80 >> UInt8(place)
      }
      return byte
    }
  }
}
