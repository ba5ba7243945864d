import CKernels
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The inner loops of every instruction set, called directly, at every size up to 70 and on memory that ends where they must
/// end. What they compute is compared with the same in float64.
@Suite struct KernelTests {
  @safe private struct Kernels: CustomTestStringConvertible, @unchecked Sendable {
    let table: weighbridge_kernels
    let testDescription: String

    static let all: [Kernels] = {
      var all: [Kernels] = []
      while let table = unsafe weighbridge_kernels_at(all.count) {
        unsafe all.append(
          Kernels(table: table.pointee, testDescription: String(cString: table.pointee.name)))
      }
      return all
    }()
  }

  private static let blockStride = Int(WEIGHBRIDGE_BLOCK_STRIDE)
  private static let panel = Int(WEIGHBRIDGE_PANEL_COLUMNS)

  private func floats(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
    (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
  }

  /// Whether all numbers are within some roundings of what is expected.
  private func isClose(_ found: [Float], _ expected: [Double], within roundings: Double) -> Bool {
    found.count == expected.count
      && zip(found, expected).allSatisfy {
        abs(Double($0) - $1) <= roundings * 0x1p-24 * max(1, abs($1))
      }
  }

  /// The product of rows, packed as a block, with a panel; 7 stands between the rows of the result, and must stay.
  private func product(
    _ loops: weighbridge_weights, _ left: [Float], _ rows: Int, _ depth: Int, _ panel: ExactBuffer,
    _ columns: Int, bias: ExactBuffer? = nil, residual: ExactBuffer? = nil
  ) -> [Float] {
    let source = ExactBuffer(left)
    let block = ExactBuffer(
      Array(repeating: .nan, count: unsafe loops.block_size(rows, depth) / 4))
    for row in stride(from: 0, to: rows, by: 16) {
      unsafe loops.pack_rows(
        source.base + row * depth, depth, row, min(16, rows - row), rows, depth, block.base)
    }
    let sums = ExactBuffer(Array(repeating: .nan, count: rows * Self.panel))
    let result = ExactBuffer(Array(repeating: 7, count: rows * (columns + 1)))
    var target = unsafe weighbridge_target(
      destination: result.base, stride: columns + 1, columns: columns,
      bias: bias.map { unsafe UnsafePointer($0.base) },
      residual: residual.map { unsafe UnsafePointer($0.base) }, residual_stride: columns,
      activation: CInt(WEIGHBRIDGE_IDENTITY.rawValue))
    unsafe loops.multiply(block.base, rows, depth, panel.base, 1, sums.base, &target)
    extendLifetime((source, panel, bias, residual))
    let values = result.values
    #expect((1...rows).allSatisfy { values[$0 * (columns + 1) - 1] == 7 })
    return (0..<rows).flatMap { values[$0 * (columns + 1)..<($0 + 1) * (columns + 1) - 1] }
  }

  @Test("A block of a matrix' columns is that of its transpose's rows", arguments: Kernels.all)
  private func columnBlocks(_ kernels: Kernels) {
    var generator = SeededGenerator(seed: 9)
    let loops = unsafe kernels.table.weights[Int(WEIGHBRIDGE_FLOAT32.rawValue)]
    guard let packColumns = unsafe loops.pack_columns else {
      Issue.record("no columns are packed")
      return
    }
    for rows in Array(1...20) + [64, 141] {
      for depth in [0, 1, 3, 4, 17, 64, 255, 256, 257, 700] {
        let values = floats(rows * depth, &generator)
        let source = ExactBuffer(values)
        let transpose = ExactBuffer(
          values.indices.map { values[$0 % rows * depth + $0 / rows] })
        let size = unsafe loops.block_size(rows, depth) / 4
        let block = ExactBuffer(Array(repeating: 7, count: size))
        let other = ExactBuffer(Array(repeating: 7, count: size))
        for row in stride(from: 0, to: rows, by: 16) {
          unsafe loops.pack_rows(
            source.base + row * depth, depth, row, min(16, rows - row), rows, depth, block.base)
        }
        for row in stride(from: 0, to: rows, by: 64) {
          unsafe packColumns(
            transpose.base + row, rows, row, min(64, rows - row), rows, depth, other.base)
        }
        extendLifetime((source, transpose))
        #expect(block.values == other.values, "\(rows) × \(depth)")
      }
    }
  }

  @Test("Products of blocks of rows, with bias and residual", arguments: Kernels.all)
  private func blocks(_ kernels: Kernels) {
    var generator = SeededGenerator(seed: 8)
    let loops = unsafe kernels.table.weights[Int(WEIGHBRIDGE_FLOAT32.rawValue)]
    for rows in Array(1...30) + [70, 141] {
      for depth in rows < 15 ? Array(0...70) : [0, 1, 15, 64, 70, 127, 128, 129, 255, 257, 700] {
        let columns = [32, 1 + rows % 32, 31][depth % 3]
        let left = floats(rows * depth, &generator)
        let weights = floats(depth * Self.panel, &generator)
        let bias = floats(columns, &generator)
        let residual = floats(rows * columns, &generator)
        let found = unsafe product(
          loops, left, rows, depth, ExactBuffer(weights), columns, bias: ExactBuffer(bias),
          residual: ExactBuffer(residual))
        let expected = residual.indices.map { index in
          (0..<depth).reduce(Double(bias[index % columns]) + Double(residual[index])) { sum, k in
            sum + Double(left[index / columns * depth + k])
              * Double(weights[k * Self.panel + index % columns])
          }
        }
        #expect(isClose(found, expected, within: 140), "[\(rows), \(depth)] · [\(columns)]")
      }
    }
  }

  @Test(
    "Weights of two bytes give float32's bits, and are widened where they are",
    arguments: Kernels.all)
  private func elements(_ kernels: Kernels) {
    var generator = SeededGenerator(seed: 6)
    for element in [WEIGHBRIDGE_BFLOAT16, WEIGHBRIDGE_FLOAT16] {
      let loops = unsafe kernels.table.weights[Int(element.rawValue)]
      for depth in 0...70 {
        let count = depth * Self.panel
        // Halves of floats: two of them in each, every one a number as both types have them.
        let stored = ExactBuffer(
          (0..<count / 2).map { _ in
            Float(
              bitPattern: UInt32.random(in: 0x3000...0x3BFF, using: &generator) << 16
                | UInt32.random(in: 0xB000...0xBBFF, using: &generator))
          })
        let wide = ExactBuffer(Array(repeating: 0, count: count))
        unsafe loops.widen(stored.base, wide.base, count)
        let wideLoops = unsafe kernels.table.weights[Int(WEIGHBRIDGE_FLOAT32.rawValue)]
        for rows in [1, 14, 31] {
          let left = floats(rows * depth, &generator)
          for columns in [1, 17, 32] {
            let found = unsafe product(loops, left, rows, depth, stored, columns)
            let expected = unsafe product(wideLoops, left, rows, depth, wide, columns)
            #expect(
              found == expected, "[\(rows), \(depth)] · [\(columns)]")
          }
        }
        // The same as the last half of the memory of the result.
        let row = ExactBuffer(Array(repeating: 0, count: count))
        unsafe weighbridge_copy(stored.base, row.base + count / 2, count / 2)
        unsafe loops.widen(row.base + count / 2, row.base, count)
        #expect(row.values == wide.values)
        // A column out of the panel.
        let column = ExactBuffer(Array(repeating: 0, count: (depth + 1) / 2))
        let columnWide = ExactBuffer(Array(repeating: 0, count: depth))
        unsafe loops.packing.pointee.unpack(stored.base, 0, depth, 5, column.base)
        unsafe loops.widen(column.base, columnWide.base, depth)
        let numbers = wide.values
        #expect(columnWide.values == (0..<depth).map { numbers[$0 * Self.panel + 5] })
        // The same without its first rows.
        let skipped = min(depth, 3)
        unsafe loops.packing.pointee.unpack(
          stored.base, skipped, depth - skipped, 5, column.base)
        unsafe loops.widen(column.base, columnWide.base, depth - skipped)
        #expect(
          columnWide.values.prefix(depth - skipped)
            == (skipped..<depth).map { numbers[$0 * Self.panel + 5] }[...])
        extendLifetime((stored, wide, row, column, columnWide))
      }
    }
  }

  @Test("Bias, activation and residual on every number of columns", arguments: Kernels.all)
  private func finishing(_ kernels: Kernels) {
    var generator = SeededGenerator(seed: 2)
    for columns in 0...70 {
      let (values, residual) = (
        floats(3 * columns, &generator), floats(3 * columns, &generator)
      )
      let bias = floats(columns, &generator)
      let (biasBuffer, residualBuffer) = (ExactBuffer(bias), ExactBuffer(residual))
      defer { extendLifetime((biasBuffer, residualBuffer)) }
      for activation in 0..<Int32(bitPattern: WEIGHBRIDGE_ACTIVATION_COUNT.rawValue) {
        let result = ExactBuffer(values)
        var target = unsafe weighbridge_target(
          destination: result.base, stride: columns, columns: columns, bias: biasBuffer.base,
          residual: residualBuffer.base, residual_stride: columns, activation: activation)
        unsafe kernels.table.finish(result.base, columns, 3, &target)
        if activation == Int32(bitPattern: WEIGHBRIDGE_IDENTITY.rawValue) {
          let expected = values.indices.map {
            Double(values[$0]) + Double(bias[$0 % max(1, columns)]) + Double(residual[$0])
          }
          #expect(isClose(result.values, expected, within: 4), "\(columns)")
        } else {
          // The same numbers one by one: what a number becomes does not depend on where it stands.
          for index in values.indices {
            let single = ExactBuffer([values[index]])
            var target = unsafe weighbridge_target(
              destination: single.base, stride: 1, columns: 1,
              bias: biasBuffer.base + index % columns, residual: residualBuffer.base + index,
              residual_stride: 1, activation: activation)
            unsafe kernels.table.finish(single.base, 1, 1, &target)
            #expect(single.values == [result.values[index]], "\(activation) \(columns)")
          }
        }
      }
    }
  }

  @Test(
    "Derivatives of activations, sums of columns and transposes of every size",
    arguments: Kernels.all)
  private func gradients(_ kernels: Kernels) {
    var generator = SeededGenerator(seed: 7)
    for columns in 1...70 {
      let rows = columns * 3
      let values = floats(rows * columns, &generator)
      let source = ExactBuffer(values)
      let sums = ExactBuffer(Array(repeating: 7, count: columns))
      unsafe kernels.table.column_sums(source.base, columns, rows, columns, sums.base)
      let expected = (0..<columns).map { column in
        (0..<rows).reduce(0) { $0 + Double(values[$1 * columns + column]) }
      }
      #expect(isClose(sums.values, expected, within: 70), "\(columns)")

      let transposed = ExactBuffer(Array(repeating: 7, count: rows * columns))
      unsafe weighbridge_transpose(source.base, columns, rows, columns, transposed.base)
      let found = transposed.values
      #expect(values.indices.allSatisfy { values[$0] == found[$0 % columns * rows + $0 / columns] })

      // What a number becomes does not depend on where it stands.
      let gradient = ExactBuffer(floats(columns, &generator))
      let result = ExactBuffer(Array(repeating: 7, count: columns))
      let single = ExactBuffer([7])
      for activation in 0..<Int32(bitPattern: WEIGHBRIDGE_EXP.rawValue) {
        unsafe kernels.table.activation_gradient(
          gradient.base, source.base, result.base, columns, activation)
        for (index, value) in result.values.enumerated() {
          unsafe kernels.table.activation_gradient(
            gradient.base + index, source.base + index, single.base, 1, activation)
          #expect(single.values == [value], "\(activation) \(columns)")
        }
      }
      extendLifetime((source, gradient))
    }
  }

  @Test("Layer norm, softmax, sums and scaling of rows of every length", arguments: Kernels.all)
  private func rows(_ kernels: Kernels) {
    var generator = SeededGenerator(seed: 3)
    for count in 1...70 {
      let row = floats(count, &generator)
      let other = floats(count, &generator)
      let third = floats(count, &generator)
      let buffers = [row, other, third].map(ExactBuffer.init)
      defer { extendLifetime(buffers) }
      let result = ExactBuffer(row)
      let numbers = row.map(Double.init)

      unsafe kernels.table.layer_norm(
        buffers[0].base, result.base, count, buffers[1].base, buffers[2].base, 0.01)
      let mean = numbers.reduce(0, +) / Double(count)
      let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
      let normed = row.indices.map {
        (numbers[$0] - mean) / (variance + 0.01).squareRoot() * Double(other[$0])
          + Double(third[$0])
      }
      #expect(isClose(result.values, normed, within: 40), "layer norm of \(count)")

      let sum = numbers.reduce(0) { $0 + exp($1) }
      unsafe kernels.table.softmax(buffers[0].base, result.base, count, 0)
      #expect(isClose(result.values, numbers.map { exp($0) / sum }, within: 8), "softmax \(count)")
      unsafe kernels.table.softmax(buffers[0].base, result.base, count, 1)
      #expect(
        isClose(result.values, numbers.map { $0 - log(sum) }, within: 8), "its logarithm \(count)")

      unsafe kernels.table.add(buffers[0].base, buffers[1].base, result.base, count)
      #expect(result.values == zip(row, other).map { $0 + $1 }, "sums of \(count)")
      unsafe kernels.table.scale(buffers[0].base, 0.37, result.base, count)
      #expect(result.values == row.map { $0 * 0.37 }, "scaling of \(count)")
    }
  }

  @Test("Rows of attention with every number of keys, permitted or not", arguments: Kernels.all)
  private func attention(_ kernels: Kernels) {
    var generator = SeededGenerator(seed: 4)
    for count in 0...70 {
      for permitted in 0...count {
        let row = floats(count, &generator)
        let term = floats(permitted, &generator)
        let scores = ExactBuffer(row)
        let terms = ExactBuffer(term)
        defer { extendLifetime(terms) }
        var (maximum, sum) = (-Float.infinity, Float(0))
        let change = unsafe kernels.table.attention_row(
          scores.base, count, permitted, 0.5, terms.base, terms.base, &maximum, &sum)
        let exact = (0..<permitted).map { Double(row[$0]) * 0.5 + 2 * Double(term[$0]) }
        let largest = exact.max() ?? -.infinity
        let expected =
          exact.map { exp($0 - largest) } + Array(repeating: 0, count: count - permitted)
        #expect(isClose(scores.values, expected, within: 8), "\(permitted) of \(count)")
        #expect(abs(Double(sum) - expected.reduce(0, +)) < 1e-4)
        #expect(permitted == 0 || abs(Double(maximum) - largest) < 1e-6)
        #expect(change == (permitted == 0 ? 1 : 0), "nothing was weighed before")
      }
    }
  }

  @Test(
    "A score that is no number leaves no sum, whatever stands beside it", arguments: Kernels.all)
  private func noNumbers(_ kernels: Kernels) {
    for count in 1...40 {
      for place in 0..<count {
        for others in [Float(0.5), -.infinity] {
          var row = [Float](repeating: others, count: count)
          row[place] = .nan
          let scores = ExactBuffer(row)
          var (maximum, sum) = (-Float.infinity, Float(0))
          _ = unsafe kernels.table.attention_row(
            scores.base, count, count, 0.5, nil, nil, &maximum, &sum)
          #expect(sum.isNaN, "\(place) of \(count)")
          // And none comes of it later.
          let next = ExactBuffer([1, 2])
          _ = unsafe kernels.table.attention_row(next.base, 2, 2, 0.5, nil, nil, &maximum, &sum)
          #expect(sum.isNaN, "\(place) of \(count)")
          extendLifetime((scores, next))
        }
      }
    }
  }

  @Test("Panels and blocks of every size hold what was packed, in either order")
  private func packing() {
    var generator = SeededGenerator(seed: 5)
    for depth in 0...70 {
      for columns in 1...Self.panel {
        let values = floats(depth * columns, &generator)
        let source = ExactBuffer(values)
        defer { extendLifetime(source) }
        for (rowStride, columnStride) in [(columns, 1), (1, depth)] {
          // The last row has no more columns than are packed.
          let panel = ExactBuffer(
            Array(repeating: 7, count: max(0, depth - 1) * Self.panel + min(depth, 1) * columns))
          unsafe weighbridge_pack_panel(
            source.base, rowStride, columnStride, depth, columns, panel.base)
          let packed = panel.values
          let isRight = (0..<depth).allSatisfy { k in
            (0..<columns).allSatisfy { column in
              packed[k * Self.panel + column] == values[k * rowStride + column * columnStride]
            }
          }
          let isLeftAlone = packed.indices.allSatisfy {
            $0 % Self.panel < columns || packed[$0] == 7
          }
          #expect(isRight && isLeftAlone, "\(depth) × \(columns)")
        }
      }
      for rows in 1...14 {
        let values = floats(rows * depth, &generator)
        let source = ExactBuffer(values)
        defer { extendLifetime(source) }
        let block = ExactBuffer(Array(repeating: 7, count: (rows - 1) * Self.blockStride + depth))
        unsafe weighbridge_pack_block(source.base, depth, rows, depth, block.base)
        let packed = block.values
        #expect(
          packed.indices.allSatisfy {
            packed[$0]
              == ($0 % Self.blockStride < depth
                ? values[$0 / Self.blockStride * depth + $0 % Self.blockStride] : 7)
          })
      }
    }
  }
}
