internal import CheckpointBytes
internal import Checkpoints
internal import OrderedCollections
internal import Synchronization
internal import TensorValues
internal import WeightGraph

/// Compares what was written with what should have been: names, types, shapes, ties, then every byte.
struct ConversionVerifier {
  private let graph: WeightGraph
  private var pairs: [Pair] = []

  /// A weight and what it became.
  private struct Pair: Sendable {
    let name: ExactName
    let expected: Weight
    let written: Weight
    let file: String

    /// Throws at the first byte that differs.
    func compare(
      _ expected: UnsafeRawBufferPointer, _ written: UnsafeRawBufferPointer, at offset: Int
    ) throws(CheckpointError) {
      if unsafe expected.isEqual(to: written) { return }
      let place = unsafe zip(expected, written).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
      throw CheckpointError(
        .mismatch, file: file, offset: offset + place, field: "verification", tensor: name.string,
        unsafe "expected byte \(expected[place]), found \(written[place])",
        remedy: "nothing was put in place")
    }
  }

  init(graph: WeightGraph) {
    self.graph = graph
  }

  private func mismatch(
    _ file: String, _ name: ExactName, _ problem: String
  ) -> CheckpointError {
    CheckpointError(
      .mismatch, file: file, tensor: name.string, "verification failed: \(problem)",
      remedy: "nothing was put in place; please report this")
  }

  /// Compares the names, types, shapes and ties of one written file with those it should have.
  mutating func compareStructure(
    _ written: WeightGraph, with ties: [Tie], path: String
  ) throws(CheckpointError) {
    var expectedCount = 0
    let aliases = written.aliases
    for tie in ties {
      expectedCount += tie.names.count
      var primary: ExactName?
      for name in tie.names {
        guard let weight = written.weights[name] else {
          throw mismatch(path, name, "the tensor is not in the file")
        }
        guard weight.dtype == tie.weight.dtype, weight.shape == tie.weight.shape else {
          throw mismatch(
            path, name,
            "expected \(tie.weight.dtype) \(tie.weight.shape), found \(weight.dtype) \(weight.shape)"
          )
        }
        let root = aliases[name] ?? name
        if tie.weight.shape.elementCount > 0, let primary, root != primary {
          throw mismatch(path, name, "the tie to \(quoted(tie.names[0].string)) is lost")
        }
        primary = primary ?? root
      }
      guard let weight = written.weights[tie.names[0]] else { continue }
      pairs.append(
        Pair(name: tie.names[0], expected: tie.weight, written: weight, file: path))
    }
    guard written.weights.count == expectedCount else {
      let expected = Set(ties.flatMap(\.names))
      let extra = written.weights.keys.first { !expected.contains($0) }
      throw mismatch(path, extra ?? "", "the file holds a tensor that was not to be written")
    }
  }

  /// Compares the bytes of all weights; for cast ones, the bytes of the cast.
  ///
  /// - Returns: the casts, with what they did to values.
  func compareBytes(
    casts: [ConversionReceipt.Cast], _ progress: ProgressHandler?
  ) throws(CheckpointError) -> [ConversionReceipt.Cast] {
    let pieces = Piece.cut(pairs.map(\.expected))
    let meter = ProgressMeter(
      .verifying, total: pairs.reduce(0) { $0 + $1.expected.byteCount }, progress)
    let errors = Mutex<[ExactName: RoundingError]>([:])
    let pairs = pairs
    try WorkQueue.forEach(pieces.count) { (index, buffers) throws(CheckpointError) in
      let piece = pieces[index]
      let pair = pairs[piece.weight]
      do throws(CheckpointError) {
        for chunk in pair.expected.chunks(of: piece) {
          try unsafe buffers.read(pair.expected, pair.written, chunk) {
            (expected, written) throws(CheckpointError) in
            try unsafe pair.compare(expected, written, at: chunk.lowerBound)
            let error =
              if let quantization = pair.expected.quantization {
                try unsafe RoundingError(quantization, steps: written, chunk)
              } else if let original = pair.expected.beforeCasts {
                try unsafe RoundingError(original, cast: written, pair.expected.dtype, chunk)
              } else { RoundingError?.none }
            if let error {
              errors.withLock { $0[pair.name, default: RoundingError()].merge(error) }
            }
          }
        }
      } catch {
        throw error.about(pair.name)
      }
      meter.add(piece.range.count)
    }
    try verifySources()
    let measured = errors.withLock { $0 }
    let primaries = graph.aliases
    let compared = Set(pairs.map(\.name))
    return casts.map { cast in
      var cast = cast
      guard compared.contains(primaries[cast.name] ?? cast.name) else { return cast }
      let error = measured[primaries[cast.name] ?? cast.name] ?? RoundingError()
      cast.largestError = error.largest
      cast.overflowed = error.overflowed
      cast.relativeError = error.relative
      return cast
    }
  }

  /// What the source says of its own bytes (the checksums of an archive) is checked too: a copy of damaged bytes is no
  /// good copy.
  private func verifySources() throws(CheckpointError) {
    var seen: Set<ObjectIdentifier> = []
    var sources: [(ExactName, any ByteSource)] = []
    for pair in pairs {
      for source in pair.expected.sources where seen.insert(ObjectIdentifier(source)).inserted {
        sources.append((pair.name, source))
      }
    }
    let list = sources
    try WorkQueue.forEach(list.count) { (index, _) throws(CheckpointError) in
      do throws(CheckpointError) {
        try list[index].1.verifyIntegrity()
      } catch {
        throw error.about(list[index].0)
      }
    }
  }
}

/// How far a cast moved values.
private struct RoundingError: Sendable {
  /// The largest absolute difference between finite values.
  var largest = 0.0
  /// Finite values that became infinite or NaN, and infinite ones that did not stay infinite.
  var overflowed = 0
  /// The sums of the squares of the differences, and of the values.
  private var squares = (errors: 0.0, values: 0.0)

  init() {}

  /// The root of the mean square of the differences, as a part of that of the values.
  var relative: Double {
    squares.values > 0 ? (squares.errors / squares.values).squareRoot() : 0
  }

  /// Compares a piece of the steps of a matrix, times their scales, with the values that they were made of.
  init(
    _ quantization: Quantization, steps: UnsafeRawBufferPointer, _ range: Range<Int>
  ) throws(CheckpointError) {
    let scales = try quantization.scales()
    let source = (range.lowerBound * 4)..<(range.upperBound * 4)
    let input = try quantization.original.bytes(of: Piece(weight: 0, range: source))
    var before: [Double] = []
    unsafe input.withUnsafeBytes { unsafe DType.f32.doubles($0, into: &before) }
    for (index, old) in before.enumerated() {
      let scale = scales[quantization.scaleIndex(of: range.lowerBound + index)]
      add(old, unsafe Double(Float(Int8(bitPattern: steps[index])) * scale))
    }
  }

  /// Compares a piece of a cast weight with the values it was made of.
  init(
    _ original: Weight, cast bytes: UnsafeRawBufferPointer, _ dtype: DType, _ range: Range<Int>
  ) throws(CheckpointError) {
    let scale = dtype.byteWidth ?? 1
    let width = original.pieceAlignment
    let source = (range.lowerBound / scale * width)..<(range.upperBound / scale * width)
    let input = try original.bytes(of: Piece(weight: 0, range: source))
    var before: [Double] = []
    var after: [Double] = []
    unsafe input.withUnsafeBytes { unsafe original.dtype.doubles($0, into: &before) }
    unsafe dtype.doubles(bytes, into: &after)
    for (old, new) in zip(before, after) where !old.isNaN { add(old, new) }
  }

  private mutating func add(_ old: Double, _ new: Double) {
    if old.isFinite, new.isFinite {
      largest = max(largest, (old - new).magnitude)
      squares.errors += (old - new) * (old - new)
      squares.values += old * old
    } else if old != new {
      overflowed += 1
    }
  }

  mutating func merge(_ other: RoundingError) {
    largest = max(largest, other.largest)
    overflowed += other.overflowed
    squares.errors += other.squares.errors
    squares.values += other.squares.values
  }
}

extension Weight {
  /// What a cast weight was before; nil if it is none. Where the destination lacks the type that was asked for, there are
  /// two casts, and what counts is what they did together.
  fileprivate var beforeCasts: Weight? {
    guard case .cast(var original) = expression else { return nil }
    while case .cast(let inner) = original.expression { original = inner }
    return original
  }
}
