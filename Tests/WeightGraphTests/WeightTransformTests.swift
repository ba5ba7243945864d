import CheckpointBytes
import TensorValues
import TestSupport
import Testing
import WeightGraph

@Suite struct WeightTransformTests {
  static let types: [DType] = [.bool, .i8, .f16, .bf16, .f32, .f64, .c64, .c128]

  @Test(
    "Any chain of transforms gives the elements that counting through all indices gives",
    arguments: SeededGenerator.seeds)
  func chains(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<60 {
      let dtype = Self.types[random.number(0...(Self.types.count - 1))]
      let extents = random.extents(rank: 5, smallest: random.number(0...7) == 0 ? 0 : 1)
      var (weight, naive) = try stored(dtype, extents, &random)
      for _ in 0..<random.number(0...6) { (weight, naive) = try changed(weight, naive, &random) }
      #expect(weight.shape.dimensions == naive.extents)
      #expect(weight.byteCount == naive.bytes.count)
      let whole = try weight.bytes()
      #expect(whole == naive.bytes, "\(weight.lineage)")
      try readInPieces(weight, naive.bytes, &random)
    }
  }

  private func readInPieces(
    _ weight: Weight, _ expected: [UInt8], _ random: inout SeededGenerator
  ) throws {
    let width = weight.pieceAlignment
    let count = expected.count / width
    for _ in 0..<4 {
      let start = random.number(0...count)
      let end = random.number(start...count)
      let piece = try weight.bytes(at: start * width, count: (end - start) * width)
      #expect(piece == Array(expected[(start * width)..<(end * width)]), "\(weight.lineage)")
    }
  }

  /// Elements somewhere in a storage, with any strides, and the same elements by counting.
  private func stored(
    _ dtype: DType, _ extents: [Int], _ random: inout SeededGenerator
  ) throws -> (Weight, NaiveTensor) {
    let width = dtype.bitWidth / 8
    let strides = extents.map { _ in random.number(0...7) }
    let offset = random.number(0...9)
    let place =
      random.number(0...1) == 0
      ? StridedLayout(packed: try shape(extents))
      : try layout(extents, strides: strides, offset: offset)
    let storage = random.bytes((place.end + random.number(0...3)) * width)
    let isBig = random.number(0...3) == 0
    let tensor = try StoredTensor(
      source: MemoryBytes(storage, origin: "memory"), dtype: dtype, layout: place,
      byteOrder: isBig ? .big : .little)
    let part = dtype.componentByteWidth ?? width
    let elements = NaiveTensor.indices(extents).map { index in
      let start = zip(index, place.strides).reduce(place.offset) { $0 + $1.0 * $1.1 }
      let bytes = Array(storage[(start * width)..<((start + 1) * width)])
      guard isBig else { return bytes }
      return stride(from: 0, to: width, by: part).flatMap { bytes[$0..<($0 + part)].reversed() }
    }
    return (Weight(tensor), NaiveTensor(extents: extents, elements: elements))
  }

  private func changed(
    _ weight: Weight, _ naive: NaiveTensor, _ random: inout SeededGenerator
  ) throws -> (Weight, NaiveTensor) {
    let rank = naive.extents.count
    switch random.number(0...4) {
    case 0:
      let order = random.order(rank)
      return (try weight.transposed(order), naive.transposed(order))
    case 1 where rank > 0:
      let axis = random.number(0...(rank - 1))
      let start = random.number(0...naive.extents[axis])
      let range = start..<random.number(start...naive.extents[axis])
      return (try weight.sliced(axis: axis, range), naive.sliced(axis: axis, range))
    case 2 where rank > 0 && naive.elements.count < 500:
      return try concatenated(weight, naive, axis: random.number(0...(rank - 1)), &random)
    case 3:
      let extents = factors(of: naive.elements.count, &random)
      let reshaped = try weight.reshaped(try shape(extents))
      return (reshaped, NaiveTensor(extents: extents, elements: naive.elements))
    default:
      let targets = Self.types.filter {
        ElementConversion(from: weight.dtype, to: $0) != nil && weight.dtype.category != .integer
      }
      guard let target = targets.randomElement(using: &random) else { return (weight, naive) }
      return (try weight.cast(to: target), try naive.cast(weight.dtype, target))
    }
  }

  private func concatenated(
    _ weight: Weight, _ naive: NaiveTensor, axis: Int, _ random: inout SeededGenerator
  ) throws -> (Weight, NaiveTensor) {
    var parts = [(weight, naive)]
    for _ in 0..<random.number(0...2) {
      var extents = naive.extents
      extents[axis] = random.number(0...3)
      parts.append(try stored(weight.dtype, extents, &random))
    }
    parts.shuffle(using: &random)
    return (
      try Weight.concatenated(parts.map(\.0), axis: axis),
      NaiveTensor.concatenated(parts.map(\.1), axis: axis)
    )
  }

  private func factors(of count: Int, _ random: inout SeededGenerator) -> [Int] {
    guard count > 0 else { return [random.number(0...3), 0] }
    var factors: [Int] = []
    var rest = count
    while rest > 1 {
      let factor = (1...rest).filter { rest.isMultiple(of: $0) }.randomElement(using: &random) ?? 1
      factors.append(factor)
      rest /= factor
    }
    return factors
  }

  // MARK: Requests that make no sense

  private func weight(_ dtype: DType = .u8, _ extents: Int...) throws -> Weight {
    let count = extents.reduce(1, *) * dtype.bitWidth / 8
    return try Weight.packed(dtype, extents, (0..<count).map { UInt8(truncatingIfNeeded: $0) })
  }

  @Test("A transform that the shape does not admit says what was asked of what")
  func refusals() throws {
    let matrix = try weight(.u8, 2, 3)
    let error = #expect(throws: CheckpointError.self) { try matrix.transposed([0, 2]) }
    #expect(error?.problem == "U8 [2, 3] cannot be transposed to [0, 2]")
    for body in [
      { try matrix.transposed([0]) }, { try matrix.transposed([0, 0]) },
      { try matrix.sliced(axis: 2, 0..<1) }, { try matrix.sliced(axis: -1, 0..<1) },
      { try matrix.sliced(axis: 1, 2..<4) }, { try matrix.reshaped(.scalar) },
      { try matrix.cast(to: .f32) }, { try matrix.cast(to: .bool) }, { try matrix.cast(to: .f4) },
      { try Weight.concatenated([], axis: 0) },
      { try Weight.concatenated([matrix, matrix], axis: 2) },
      { try Weight.concatenated([matrix, matrix], axis: -1) },
      { try Weight.concatenated([matrix, try weight(.u8, 3, 3)], axis: 1) },
      { try Weight.concatenated([matrix, try weight(.i8, 2, 3)], axis: 0) },
      { try Weight.concatenated([matrix, try weight(.u8, 2, 3, 1)], axis: 0) },
    ] as [() throws -> Weight] {
      #expect(throws: CheckpointError.self) { try body() }
    }
  }

  @Test("Elements that share bytes can be read and no more")
  func sharedBytes() throws {
    let weight = try Weight.packed(.f4, [2, 4], [1, 2, 3, 4])
    #expect(try weight.bytes() == [1, 2, 3, 4])
    #expect(try weight.bytes(at: 1, count: 2) == [2, 3])
    #expect(throws: CheckpointError.self) { try weight.transposed([1, 0]) }
    #expect(throws: CheckpointError.self) { try weight.sliced(axis: 0, 0..<1) }
    #expect(throws: CheckpointError.self) { try Weight.concatenated([weight, weight], axis: 0) }
  }

  @Test("Repeated elements never make more bytes than can be counted")
  func enormous() throws {
    let source = MemoryBytes([1, 2, 3, 4, 5, 6, 7, 8], origin: "memory")
    func expanded(_ count: Int, _ dtype: DType) throws -> StoredTensor {
      try StoredTensor(
        source: source, dtype: dtype,
        layout: try layout([count], strides: [0]))
    }
    let error = #expect(throws: CheckpointError.self) { try expanded(1 << 62, .f32) }
    #expect(error?.kind == .malformed)
    let weight = Weight(try expanded(1 << 60, .f32))
    #expect(weight.byteCount == 1 << 62)
    #expect(try weight.bytes(at: 1 << 61, count: 8) == [1, 2, 3, 4, 1, 2, 3, 4])
    #expect(throws: CheckpointError.self) { try Weight.concatenated([weight, weight], axis: 0) }
    #expect(throws: CheckpointError.self) { try weight.cast(to: .f64) }
    let reshaped = try weight.reshaped(try shape([1 << 30, 1 << 30]))
    #expect(try reshaped.transposed([1, 0]).bytes(at: 4, count: 4) == [1, 2, 3, 4])
  }
}
