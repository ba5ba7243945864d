import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// Weights in types of two bytes against the same weights as float32: everything has the same bits.
@Suite struct StoredElementTests {
  private struct ReadFailure: Error, Equatable {
    let first: Int
  }

  /// Numbers of a type, as they are stored and as float32, by the standard library's conversions.
  private struct Numbers {
    let element: StoredElement
    let bytes: [UInt8]
    let floats: [Float]

    init(_ element: StoredElement, _ values: [Float]) {
      self.element = element
      switch element {
      case .float32:
        bytes = [UInt8](littleEndian: values.map(\.bitPattern))
        floats = values
      case .bfloat16:
        let bits = values.map { UInt16($0.bitPattern >> 16) }
        bytes = [UInt8](littleEndian: bits)
        floats = bits.map { Float(bitPattern: UInt32($0) << 16) }
      case .float16:
        let halves = values.map { Float16($0) }
        bytes = [UInt8](littleEndian: halves.map(\.bitPattern))
        floats = halves.map { Float($0) }
      case .int8:
        preconditionFailure("int8 has scales: see QuantizedTests")
      }
    }

    init(_ element: StoredElement, bits: [UInt16]) {
      self.element = element
      bytes = [UInt8](littleEndian: bits)
      floats = bits.map {
        element == .bfloat16
          ? Float(bitPattern: UInt32($0) << 16) : Float(Float16(bitPattern: $0))
      }
    }

    func copy(_ first: Int, _ target: UnsafeMutableRawBufferPointer) {
      let start = first * element.width
      unsafe target.copyBytes(from: bytes[start..<start + target.count])
    }

    func matrix(_ rows: Int, _ columns: Int, in context: ExecutionContext) throws -> StoredMatrix {
      let matrix = try StoredMatrix(rows: rows, columns: columns, element: element)
      unsafe matrix.fill(in: context) { (first, bytes) in unsafe copy(first, bytes) }
      return matrix
    }

    func packed(
      _ outputs: Int, _ inputs: Int, _ layout: PackedMatrix.Layout = .outputByInput,
      in context: ExecutionContext
    ) throws -> PackedMatrix {
      let matrix = try PackedMatrix(
        outputs: outputs, inputs: inputs, element: element, in: context)
      unsafe matrix.pack(0..<outputs, layout, through: try PieceBuffers(in: context)) {
        (first, bytes) in unsafe copy(first, bytes)
      }
      return matrix
    }
  }

  @Test(
    "Every number of two bytes is widened exactly", arguments: [StoredElement.bfloat16, .float16])
  func everyNumber(_ element: StoredElement) throws {
    let numbers = Numbers(element, bits: (0...UInt16.max).map { $0 })
    for context in Contexts.all {
      // A row that no vector divides, and one of all numbers.
      for (rows, columns) in [(257, 255), (1, 65_535)] {
        let found = try numbers.matrix(rows, columns, in: context).tensor(in: context).values
        let differs = zip(found, numbers.floats).contains { found, expected in
          expected.isNaN ? !found.isNaN : found.bitPattern != expected.bitPattern
        }
        #expect(found.count == 65_535 && !differs, "\(context.kernels)")
      }
    }
  }

  @Test(
    "Products have the bits of float32 weights, in blocks, tiles and last panels of all sizes",
    arguments: [StoredElement.float32, .bfloat16, .float16])
  func products(_ element: StoredElement) throws {
    var generator = SeededGenerator(seed: 3)
    for (rows, inputs, outputs) in [
      (1, 1, 1), (1, 300, 70), (3, 64, 32), (4, 17, 33), (6, 256, 31), (14, 257, 64), (15, 70, 95),
      (29, 513, 40), (143, 300, 65), (2, 0, 3),
    ] {
      let numbers = Numbers(element, generator.floats(outputs * inputs))
      let input = try generator.tensor(rows, inputs)
      for context in Contexts.all {
        for layout in [PackedMatrix.Layout.outputByInput, .inputByOutput] {
          let wide = try PackedMatrix(
            outputs: outputs, inputs: inputs, layout: layout, numbers.floats, in: context)
          let narrow = try numbers.packed(outputs, inputs, layout, in: context)
          #expect(narrow.element == element)
          let expected = try linear(input, LinearWeights(wide), activation: .gelu, in: context)
          let found = try linear(input, LinearWeights(narrow), activation: .gelu, in: context)
          #expect(
            bits(found) == bits(expected), "\(context.kernels) [\(rows), \(inputs), \(outputs)]")
        }
      }
    }
  }

  @Test(
    "Lookups give the rows of stored and of packed tables",
    arguments: [StoredElement.float32, .bfloat16, .float16])
  func lookups(_ element: StoredElement) throws {
    var generator = SeededGenerator(seed: 4)
    let indices = [0, 69, 31, 32, 5, 5]
    for columns in [1, 2, 7, 16, 45, 96] {
      let numbers = Numbers(element, generator.floats(70 * columns))
      let expected = indices.flatMap { numbers.floats[($0 * columns)..<(($0 + 1) * columns)] }
      for context in Contexts.all {
        let stored = try numbers.matrix(70, columns, in: context)
        let packed = try numbers.packed(70, columns, in: context)
        for lookup in [EmbeddingLookup(stored, indices), EmbeddingLookup(packed, indices)] {
          #expect(try embeddingSum([lookup], in: context).values == expected)
          #expect(
            try embeddingSum([lookup, lookup], in: context).values == expected.map { $0 + $0 })
        }
      }
    }
  }

  @Test(
    "A matrix that is read in pieces is the one that is packed whole",
    arguments: [
      // Rows of several pieces, pieces of several rows, and both in the other order.
      [3, 300_001], [300_001, 3], [70, 5000], [5000, 70], [1, 131_072], [131_073, 1], [0, 5],
      [5, 0],
    ])
  func pieces(_ shape: [Int]) throws {
    let (outputs, inputs) = (shape[0], shape[1])
    let context = try #require(Contexts.all.first)
    let floats = (0..<outputs * inputs).map { Float($0 % 65_521) }
    let numbers = Numbers(.float32, floats)
    for layout in [PackedMatrix.Layout.outputByInput, .inputByOutput] {
      let whole = try PackedMatrix(
        outputs: outputs, inputs: inputs, layout: layout, floats, in: context)
      let pieced = try numbers.packed(outputs, inputs, layout, in: context)
      let rows = Array(0..<outputs)
      let expected = try embeddingSum([EmbeddingLookup(whole, rows)], in: context)
      #expect(
        bits(try embeddingSum([EmbeddingLookup(pieced, rows)], in: context)) == bits(expected))
      if layout == .outputByInput { #expect(expected.values == floats) }
    }
  }

  @Test("Matrices can be packed one below the other")
  func joined() throws {
    var generator = SeededGenerator(seed: 6)
    let context = try #require(Contexts.all.first)
    let parts = [
      (5, generator.floats(5 * 9)), (40, generator.floats(40 * 9)), (20, generator.floats(20 * 9)),
    ]
    let joined = try PackedMatrix(outputs: 65, inputs: 9, in: context)
    let buffers = try PieceBuffers(in: context)
    var start = 0
    for (index, (count, floats)) in parts.enumerated() {
      // The second one is read as its transpose.
      let isTransposed = index == 1
      let order =
        isTransposed
        ? (0..<9).flatMap { k in (0..<count).map { floats[$0 * 9 + k] } } : floats
      let numbers = Numbers(.float32, order)
      unsafe joined.pack(
        start..<start + count, isTransposed ? .inputByOutput : .outputByInput, through: buffers
      ) { (first, bytes) in unsafe numbers.copy(first, bytes) }
      start += count
    }
    let rows = try embeddingSum([EmbeddingLookup(joined, Array(0..<65))], in: context)
    #expect(rows.values == parts.flatMap(\.1))
  }

  @Test("Of several failures the first is thrown, whichever thread meets it")
  func failures() throws {
    for threads in [1, 3] {
      let context = try ExecutionContext(threads: threads)
      let matrix = try PackedMatrix(outputs: 4, inputs: 400_000, in: context)
      let buffers = try PieceBuffers(in: context)
      #expect(throws: ReadFailure(first: 131_072)) {
        try unsafe matrix.pack(0..<4, .outputByInput, through: buffers) {
          (first, _) throws(ReadFailure) in
          if first > 0 { throw ReadFailure(first: first) }
        }
      }
      let table = try StoredMatrix(rows: 4, columns: 400_000, element: .bfloat16)
      #expect(throws: ReadFailure(first: 0)) {
        try unsafe table.fill(in: context) { (first, _) throws(ReadFailure) in
          throw ReadFailure(first: first)
        }
      }
    }
  }

  @Test("Sizes that cannot be are refused")
  func sizes() throws {
    let context = try #require(Contexts.all.first)
    #expect(throws: CheckpointError(.limitExceeded, "StoredMatrix", "shape", "")) {
      _ = try StoredMatrix(rows: .max, columns: 2, element: .bfloat16)
    }
    #expect(throws: CheckpointError(.inconsistent, "StoredMatrix", "shape", "")) {
      _ = try StoredMatrix(rows: -1, columns: 2, element: .bfloat16)
    }
    #expect(throws: CheckpointError(.limitExceeded, "PackedMatrix", "shape", "")) {
      _ = try PackedMatrix(outputs: 1 << 47, inputs: 1 << 15, element: .float16, in: context)
    }
    let table = try StoredMatrix(rows: 2, columns: 0, element: .float16)
    #expect(throws: CheckpointError(.inconsistent, "embeddingSum", "lookups[0]", "")) {
      _ = try embeddingSum([EmbeddingLookup(table, [2])], in: context)
    }
  }
}
