import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

@Suite("Parameters in packed matrices")
struct ParameterTests {
  private let context: ExecutionContext

  init() throws { context = try ExecutionContext(threads: 2) }

  private func expect(
    _ kind: FailureKind, _ operation: String, _ argument: String, _ body: () throws -> Void
  ) {
    #expect(throws: CheckpointError(kind, operation, argument, ""), performing: body)
  }

  /// Random bytes of several matrices with the same inputs, packed side by side as they would be read from a file.
  private func packed(
    _ outputs: [Int], inputs: Int, _ layout: PackedMatrix.Layout, _ element: StoredElement,
    _ generator: inout SeededGenerator
  ) throws -> [(bytes: [UInt8], part: PackedPart)] {
    let matrix = try PackedMatrix(
      outputs: outputs.reduce(0, +), inputs: inputs, element: element, in: context)
    let buffers = try PieceBuffers(in: context)
    var start = 0
    return outputs.map { count in
      let bytes = (0..<count * inputs * element.width).map { _ in
        UInt8(truncatingIfNeeded: generator.next())
      }
      let range = start..<start + count
      start += count
      unsafe matrix.pack(range, layout, through: buffers) { first, destination in
        let offset = first * element.width
        unsafe destination.copyBytes(from: bytes[offset..<offset + destination.count])
      }
      return (bytes, PackedPart(matrix, range, layout))
    }
  }

  @Test(
    "What was packed comes out bit for bit, whole and in pieces, from any place",
    // int8 is what a matrix is quantised to: no file's numbers are packed as such.
    arguments: [PackedMatrix.Layout.outputByInput, .inputByOutput],
    StoredElement.allCases.filter { $0 != .int8 })
  func unpacking(_ layout: PackedMatrix.Layout, _ element: StoredElement) throws {
    var generator = SeededGenerator(seed: 11)
    for inputs in [1, 5, 63, 64, 65, 130] {
      for outputs in [[1], [31, 2], [32], [33, 33, 33], [7, 64, 70]] {
        for (bytes, part) in try packed(outputs, inputs: inputs, layout, element, &generator) {
          let contents = ParameterContents.packed(part)
          #expect(contents.byteCount == bytes.count)
          #expect(
            layout == .outputByInput
              ? contents.columns == inputs : contents.rows == inputs)
          let count = bytes.count / element.width
          var ranges = [0..<count, 0..<0, count..<count]
          for _ in 0..<20 {
            let first = generator.number(0...count)
            let bounds = [first, generator.number(first...count)]
            ranges.append(bounds[0]..<bounds[1])
          }
          for range in ranges {
            var found = [UInt8](repeating: 0xAA, count: range.count * element.width)
            try unsafe found.withUnsafeMutableBytes {
              try unsafe contents.copy(from: range.lowerBound, to: $0)
            }
            let expected = bytes[
              range.lowerBound * element.width..<range.upperBound * element.width]
            #expect(found.elementsEqual(expected), "\(inputs) \(outputs) \(range)")
          }
          let parameter = Parameter("w", contents, isRow: false, requiresGradient: false)
          var values: [UInt8] = []
          unsafe try parameter.values.withBytes { unsafe values = Array($0) }
          #expect(values == bytes && parameter.byteCount == bytes.count)
        }
      }
    }
  }

  private func parameters(
    _ outputs: [Int], inputs: Int, _ generator: inout SeededGenerator
  ) throws -> (packed: [Parameter], plain: [Parameter]) {
    let whole = try packed(outputs, inputs: inputs, .outputByInput, .float32, &generator)
    let values = outputs.map { generator.floats($0 * inputs) }
    let matrix = try PackedMatrix(
      outputs: outputs.reduce(0, +), inputs: inputs, values.flatMap { $0 }, in: context)
    let packed = whole.enumerated().map { index, found in
      Parameter(
        "w\(index)", .packed(PackedPart(matrix, found.part.outputs, .outputByInput)),
        isRow: false, requiresGradient: false)
    }
    let plain = try zip(outputs, values).enumerated().map { index, pair in
      Parameter("w\(index)", try StoredMatrix(rows: pair.0, columns: inputs, pair.1))
    }
    return (packed, plain)
  }

  @Test(
    "A layer of packed parameters reads them where they lie, and packs them anew when one is replaced"
  )
  func replacing() throws {
    var generator = SeededGenerator(seed: 12)
    let (packed, plain) = try parameters([40, 33, 7], inputs: 21, &generator)
    let input = try Tensor(rows: 3, columns: 21, generator.floats(63))
    let (layer, expected) = (try LinearWeights(packed), try LinearWeights(plain))
    guard case .packed(let part) = packed[0].contents else {
      Issue.record("it is not packed")
      return
    }
    #expect(try layer.matrix(in: context).sharesMemory(with: part.matrix))
    let before = try linear(input, layer, in: context).values
    #expect(before == (try linear(input, expected, in: context).values))
    let values = try StoredMatrix(rows: 33, columns: 21, generator.floats(33 * 21))
    for weights in [packed, plain] { try weights[1].replace(values) }
    let after = try linear(input, layer, in: context).values
    #expect(after == (try linear(input, expected, in: context).values) && after != before)
    #expect(
      try packed[0].values.tensor(in: context).values == plain[0].values.tensor(in: context).values)
    #expect(packed[0].revision == 0 && packed[1].revision == 1)
  }

  @Test(
    "A table that is the weight of a layer is looked up there, and elsewhere once it was replaced")
  func tables() throws {
    var generator = SeededGenerator(seed: 13)
    let (packed, plain) = try parameters([50], inputs: 9, &generator)
    let (table, indices) = (packed[0], [3, 49, 0])
    func rows(_ parameter: Parameter) throws -> [Float] {
      try embeddingSum([EmbeddingLookup(parameter, indices)], in: context).values
    }
    plain[0].requiresGradient = false
    guard case .outputs = try EmbeddingLookup(table, indices).table else {
      Issue.record("it was copied")
      return
    }
    #expect(try rows(table) == rows(plain[0]))
    for weights in [table, plain[0]] {
      try weights.replace(StoredMatrix(rows: 50, columns: 9, [Float](repeating: 2, count: 450)))
    }
    #expect(try rows(table) == [Float](repeating: 2, count: 27))
  }

  @Test("Norms of parameters have the values of the moment")
  func norms() throws {
    let weight = Parameter(
      "w", try StoredMatrix(rows: 1, columns: 2, [1, 2]), requiresGradient: false)
    let bias = Parameter(
      "b", try StoredMatrix(rows: 1, columns: 2, [0, 5]), requiresGradient: false)
    let norm = try LayerNormWeights(weight: weight, bias: bias, epsilon: 0)
    let input = try Tensor(rows: 1, columns: 2, [-3, 3])
    #expect(try layerNorm(input, norm, in: context).values == [-1, 7])
    try bias.replace(StoredMatrix(rows: 1, columns: 2, [1, 1]))
    #expect(try layerNorm(input, norm, in: context).values == [0, 3])
    #expect(norm.parameters.map(\.name) == ["w", "b"] && weight.extents == [2])
    expect(.mismatch, "LayerNormWeights", "w") {
      let long = Parameter("w", try StoredMatrix(rows: 1, columns: 3, [1, 2, 3]))
      _ = try LayerNormWeights(weight: weight, bias: long, epsilon: 0)
    }
  }
}
