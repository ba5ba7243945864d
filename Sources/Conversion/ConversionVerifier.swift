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
    try add(quantization.original, range, of: 1) { part, after in
      for index in part {
        let scale = scales[quantization.scaleIndex(of: range.lowerBound + index)]
        after[index - part.lowerBound] =
          unsafe Double(Float(Int8(bitPattern: steps[index])) * scale)
      }
    }
  }

  /// Compares a piece of a cast weight with the values it was made of.
  init(
    _ original: Weight, cast bytes: UnsafeRawBufferPointer, _ dtype: DType, _ range: Range<Int>
  ) throws(CheckpointError) {
    let width = dtype.byteWidth ?? 1
    try add(original, range, of: width) { part, after in
      let place = (part.lowerBound * width)..<(part.upperBound * width)
      unsafe dtype.doubles(UnsafeRawBufferPointer(rebasing: bytes[place]), into: &after)
    }
  }

  /// Reads what a range of bytes was made of, elements of so many bytes each, and compares some elements at a time, which stay in
  /// the processor's cache, with what `became` says that they are now. Elements are counted from the beginning of the range.
  private mutating func add(
    _ original: Weight, _ range: Range<Int>, of width: Int,
    became: (_ part: Range<Int>, _ after: inout [Double]) -> Void
  ) throws(CheckpointError) {
    let count = range.count / width
    let first = range.lowerBound / width
    let size = original.pieceAlignment
    var (before, after): ([Double], [Double]) = ([], [])
    // What does not lie in order is read as a whole.
    let step = original.isReadInOrder ? Self.blockSize : max(1, count)
    for start in stride(from: 0, to: count, by: step) {
      let end = min(count, start + step)
      let bytes = try original.bytes(
        of: Piece(weight: 0, range: (first + start) * size..<(first + end) * size))
      for block in stride(from: start, to: end, by: Self.blockSize) {
        let part = block..<min(end, block + Self.blockSize)
        unsafe bytes.withUnsafeBytes { bytes in
          let place = (part.lowerBound - start) * size..<(part.upperBound - start) * size
          unsafe original.dtype.doubles(
            UnsafeRawBufferPointer(rebasing: bytes[place]), into: &before)
        }
        if after.count != before.count { after = [Double](repeating: 0, count: before.count) }
        became(part, &after)
        add(before, after)
      }
    }
  }

  private static let blockSize = 1 << 13

  /// Adds up values; what was no number is passed over.
  private mutating func add(_ before: [Double], _ after: [Double]) {
    let count = min(before.count, after.count)
    let whole = count / 4 * 4
    let finite = unsafe before.withUnsafeBufferPointer { before in
      unsafe after.withUnsafeBufferPointer { after in
        unsafe FiniteSums(before, after, whole)
      }
    }
    if let finite {
      largest = max(largest, finite.largest)
      squares.errors += finite.errors.sum()
      squares.values += finite.values.sum()
    }
    for place in (finite == nil ? 0 : whole)..<count { add(before[place], after[place]) }
  }

  private mutating func add(_ old: Double, _ new: Double) {
    if old.isNaN { return }
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

/// The sums over many values that are all finite, four at a time and without a look at each.
private struct FiniteSums {
  typealias Four = SIMD4<Double>
  var errors = Four()
  var values = Four()
  var largest = 0.0

  /// Nil if a value is infinite or none; `count` is a multiple of four.
  init?(
    _ before: UnsafeBufferPointer<Double>, _ after: UnsafeBufferPointer<Double>, _ count: Int
  ) {
    var (check, most) = (Four(), (0.0, 0.0, 0.0, 0.0))
    for place in stride(from: 0, to: count, by: 4) {
      let old = unsafe Four(before[place], before[place + 1], before[place + 2], before[place + 3])
      let new = unsafe Four(after[place], after[place + 1], after[place + 2], after[place + 3])
      let difference = old - new
      errors += difference * difference
      values += old * old
      // Zero, unless one is infinite or none: then it is none, and remains so.
      check += difference * 0
      most.0 = difference[0].magnitude > most.0 ? difference[0].magnitude : most.0
      most.1 = difference[1].magnitude > most.1 ? difference[1].magnitude : most.1
      most.2 = difference[2].magnitude > most.2 ? difference[2].magnitude : most.2
      most.3 = difference[3].magnitude > most.3 ? difference[3].magnitude : most.3
    }
    guard check.sum() == 0 else { return nil }
    largest = max(max(most.0, most.1), max(most.2, most.3))
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
