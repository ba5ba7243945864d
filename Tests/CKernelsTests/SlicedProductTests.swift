import CKernels
import TestSupport
import Testing

/// Products of int8, and of bfloat16 in one piece or two: in every instruction set that has them, and in tiles that are emulated.
@Suite struct SlicedProductTests {
  @safe private struct Loops: CustomTestStringConvertible, @unchecked Sendable {
    let table: weighbridge_kernels
    let testDescription: String

    init(_ table: UnsafePointer<weighbridge_kernels>) {
      unsafe self.table = unsafe table.pointee
      testDescription = unsafe String(cString: table.pointee.name)
    }

    func weights(_ element: weighbridge_element) -> weighbridge_weights {
      unsafe table.weights[Int(element.rawValue)]
    }

    static let emulated = unsafe Loops(weighbridge_emulated_tiles())
    static let full: [Loops] = {
      var all: [Loops] = []
      while let table = unsafe weighbridge_kernels_at(all.count) { unsafe all.append(Loops(table)) }
      return all
    }()
    /// Those that round, with what they round.
    static let rounding: [(Loops, weighbridge_element)] =
      [(emulated, WEIGHBRIDGE_FLOAT32), (emulated, WEIGHBRIDGE_BFLOAT16)]
      + [(WEIGHBRIDGE_HIGH, WEIGHBRIDGE_FLOAT32), (WEIGHBRIDGE_NARROW, WEIGHBRIDGE_BFLOAT16)]
      .compactMap { precision, element in
        unsafe weighbridge_kernels_with(precision).map { unsafe (Loops($0), element) }
      }
  }

  private static let width = Int(WEIGHBRIDGE_PANEL_COLUMNS)
  private static let rows = [1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 32, 33, 48, 70]
  private static let depths = [0, 1, 3, 4, 31, 32, 33, 63, 64, 65, 200, 1100]

  /// A panel of weights whose bytes are given row by row, packed in two parts.
  private func panel(
    _ loops: weighbridge_weights, _ bytes: [UInt8], _ depth: Int, scales: [Float] = []
  ) -> ExactBuffer {
    let packing = unsafe loops.packing.pointee
    let size = packing.panel_size(depth) / 4
    let panel = ExactBuffer(
      Array(repeating: 0, count: size - scales.count) + scales)
    let (first, width) = (depth / 3, packing.width)
    unsafe bytes.withUnsafeBytes { source in
      guard let base = source.baseAddress else { return }
      unsafe packing.pack(base, Self.width, 1, panel.base, 0, first, 0, Self.width)
      unsafe packing.pack(
        base + first * Self.width * width, Self.width, 1, panel.base, first, depth - first, 0, 7)
      unsafe packing.pack(
        base + (first * Self.width + 7) * width, Self.width, 1, panel.base, first, depth - first,
        7, Self.width - 7)
    }
    return panel
  }

  private func product(
    _ loops: weighbridge_weights, _ left: [Float], _ rows: Int, _ depth: Int, _ panel: ExactBuffer,
    _ columns: Int
  ) -> [Float] {
    let source = ExactBuffer(left)
    let block = ExactBuffer(
      Array(repeating: .nan, count: unsafe loops.block_size(rows, depth) / 4))
    for row in stride(from: 0, to: rows, by: 16) {
      unsafe loops.pack_rows(
        source.base + row * depth, depth, row, min(16, rows - row), rows, depth, block.base)
    }
    let sums = ExactBuffer(Array(repeating: .nan, count: (rows + 15) / 16 * 16 * Self.width))
    let result = ExactBuffer(Array(repeating: .nan, count: rows * columns))
    var target = unsafe weighbridge_target(
      destination: result.base, stride: columns, columns: columns, bias: nil, residual: nil,
      residual_stride: 0, activation: CInt(WEIGHBRIDGE_IDENTITY.rawValue))
    unsafe loops.multiply(block.base, rows, depth, panel.base, 1, sums.base, &target)
    extendLifetime((source, panel))
    return result.values
  }

  @Test("Sums of int8 are exact, and the same bits in every instruction set and in tiles")
  private func int8() {
    var generator = SeededGenerator(seed: 11)
    for rows in Self.rows {
      for depth in Self.depths {
        // Rows whose largest magnitude is 127, so that they are steps of 1; weights of all values.
        let left = (0..<rows * depth).map { index in
          index % max(1, depth) == 0 ? 127 : Float(Int.random(in: -127...127, using: &generator))
        }
        let steps = (0..<depth * Self.width).map { _ in
          Int8.random(in: -127...127, using: &generator)
        }
        let scales = (0..<Self.width).map { Float($0 + 1) / 64 }
        let columns = [Self.width, 31, 1 + depth % Self.width][rows % 3]
        let expected = (0..<rows * columns).map { index in
          let (row, column) = (index / columns, index % columns)
          let sum = (0..<depth).reduce(0) {
            $0 + Int(left[row * depth + $1]) * Int(steps[$1 * Self.width + column])
          }
          return Float(sum) * scales[column]
        }
        for set in Loops.full + [Loops.emulated] {
          let loops = unsafe set.weights(WEIGHBRIDGE_INT8)
          let panel = unsafe panel(
            loops, steps.map { UInt8(bitPattern: $0) }, depth, scales: scales)
          let found = unsafe product(loops, left, rows, depth, panel, columns)
          #expect(found == expected, "\(set.testDescription) [\(rows), \(depth)] · [\(columns)]")
        }
      }
    }
  }

  @Test("Rows are quantised to the same steps everywhere, and what is no number stays none")
  private func quantisedRows() {
    var generator = SeededGenerator(seed: 12)
    let depth = 77
    var left = (0..<5 * depth).map { _ in Float.random(in: -3...3, using: &generator) }
    left[depth + 5] = .nan
    left[2 * depth + 9] = .infinity
    for k in 0..<depth { left[3 * depth + k] = 0 }
    for k in 0..<depth { left[4 * depth + k] *= 0x1p-130 }
    let steps = (0..<depth * Self.width).map { _ in
      UInt8(bitPattern: Int8.random(in: -127...127, using: &generator))
    }
    var results: [[Float]] = []
    for set in Loops.full + [Loops.emulated] {
      let loops = unsafe set.weights(WEIGHBRIDGE_INT8)
      let panel = unsafe panel(
        loops, steps, depth, scales: Array(repeating: 0.5, count: Self.width))
      results.append(unsafe product(loops, left, 5, depth, panel, Self.width))
    }
    for found in results {
      #expect(found.map(\.bitPattern) == results[0].map(\.bitPattern))
      #expect(found[0..<32].allSatisfy { $0.isFinite })
      #expect(found[32..<96].allSatisfy { $0.isNaN })
      #expect(found[96..<160].allSatisfy { $0 == 0 })
    }
  }

  @Test("Products of bfloat16 are as close to float64 as their rounding allows")
  private func rounded() {
    var generator = SeededGenerator(seed: 13)
    for (set, element) in Loops.rounding {
      let isHigh = element == WEIGHBRIDGE_FLOAT32
      let loops = unsafe set.weights(element)
      for rows in Self.rows {
        for depth in Self.depths {
          let left = (0..<rows * depth).map { _ in Float.random(in: -1...1, using: &generator) }
          let weights = (0..<depth * Self.width).map { _ in
            let value = Float.random(in: -1...1, using: &generator)
            return isHigh ? value : Float(bitPattern: value.bitPattern & 0xFFFF_0000)
          }
          let bytes =
            isHigh
            ? [UInt8](littleEndian: weights.map(\.bitPattern))
            : [UInt8](littleEndian: weights.map { UInt16($0.bitPattern >> 16) })
          let panel = unsafe panel(loops, bytes, depth)
          let found = unsafe product(loops, left, rows, depth, panel, 31)
          for index in found.indices {
            let (row, column) = (index / 31, index % 31)
            var (sum, size) = (0.0, 0.0)
            for k in 0..<depth {
              let term =
                Double(left[row * depth + k]) * Double(weights[k * Self.width + column])
              sum += term
              size += abs(term)
            }
            // What the factors of each term are rounded by, and the roundings of float32's sums.
            let allowed = size * (isHigh ? 0x3p-16 : 0x1p-8) + 1e-30
            #expect(
              abs(Double(found[index]) - sum) <= allowed,
              "\(set.testDescription) [\(rows), \(depth)] at \(index)")
          }
        }
      }
    }
  }

  @Test("Attention packs keys and values as weights are packed, in any number of columns")
  private func attentionPacking() {
    var generator = SeededGenerator(seed: 15)
    for (set, element) in Loops.rounding {
      let isOther =
        element == WEIGHBRIDGE_BFLOAT16 && set.testDescription == Loops.emulated.testDescription
      let loops =
        unsafe (isOther ? set.table.rounded_attention : set.table.attention).pointee
      let packing = unsafe loops.products.pointee.packing.pointee
      for depth in [1, 2, 31, 32, 33, 64, 75] {
        for columns in [1, 2, 15, 17, 31, 32] {
          let numbers = (0..<depth * columns).map { _ in
            Float.random(in: -1...1, using: &generator)
          }
          // As the packing takes them: bfloat16 that are nearest already, or float32.
          let values =
            packing.width == 4
            ? numbers : numbers.map { Float(bitPattern: $0.bitPattern & 0xFFFF_0000) }
          let bytes: [UInt8] =
            packing.width == 4
            ? [UInt8](littleEndian: values.map(\.bitPattern))
            : [UInt8](littleEndian: values.map { UInt16($0.bitPattern >> 16) })
          for (rowStride, columnStride) in [(columns, 1), (1, depth)] {
            let zeros = [Float](repeating: 0, count: packing.panel_size(depth) / 4)
            let (expected, found) = (ExactBuffer(zeros), ExactBuffer(zeros))
            let source = ExactBuffer(values)
            unsafe bytes.withUnsafeBytes { bytes in
              guard let base = bytes.baseAddress else { return }
              unsafe packing.pack(
                base, rowStride, columnStride, expected.base, 0, depth, 0, columns)
            }
            if rowStride == 1 {
              // Some columns after the others.
              let first = columns / 2
              unsafe loops.pack(
                source.base, 1, columnStride, found.base, 0, depth, 0, first)
              unsafe loops.pack(
                source.base + first * columnStride, 1, columnStride, found.base, 0, depth, first,
                columns - first)
            } else {
              let first = depth / 3
              unsafe loops.pack(source.base, rowStride, 1, found.base, 0, first, 0, columns)
              unsafe loops.pack(
                source.base + first * rowStride, rowStride, 1, found.base, first, depth - first, 0,
                columns)
            }
            #expect(
              found.values.map(\.bitPattern) == expected.values.map(\.bitPattern),
              "\(set.testDescription) \(depth) × \(columns)")
            extendLifetime(source)
          }
        }
      }
    }
  }

  @Test("Sets that pack sums of two bfloat16 by themselves write the same bytes")
  private func packingInPieces() throws {
    var generator = SeededGenerator(seed: 15)
    let (depth, width) = (100, Self.width)
    let special: [Float] = [
      .nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0,
    ]
    let numbers = (0..<depth * width).map { place in
      place % 7 == 0
        ? special[place / 7 % special.count] : Float.random(in: -1...1, using: &generator)
    }
    let packings = unsafe [
      weighbridge_kernels_with(WEIGHBRIDGE_HIGH), weighbridge_emulated_tiles(),
    ].compactMap { unsafe $0?.pointee.weights[Int(WEIGHBRIDGE_FLOAT32.rawValue)].packing.pointee }
    for packing in packings {
      for (row, rows) in [(0, 100), (32, 40), (3, 29), (99, 1)] {
        for (column, columns) in [(0, width), (16, 16), (4, 8), (5, 3)] {
          let panels = [packing, weighbridge_piece_packing].map { (packing: weighbridge_packing) in
            let panel = ExactBuffer(
              Array(repeating: Float(bitPattern: 0x4321_8765), count: packing.panel_size(depth) / 4)
            )
            unsafe numbers.withUnsafeBytes { source in
              guard let base = source.baseAddress else { return }
              unsafe packing.pack(base, width, 1, panel.base, row, rows, column, columns)
            }
            return panel.values.map(\.bitPattern)
          }
          #expect(panels[0] == panels[1], "\(row), \(rows), \(column), \(columns)")
        }
      }
    }
  }

  @Test("Weights come out of a panel as they went in")
  private func unpacking() {
    var generator = SeededGenerator(seed: 14)
    let packings = [
      (weighbridge_int8_packing, 1), (weighbridge_pair_packing, 2), (weighbridge_piece_packing, 4),
    ]
    for (packing, width) in packings {
      for depth in [1, 31, 64, 100] {
        let numbers = (0..<depth * Self.width).map { _ in
          // As a sum of two bfloat16 it is exact.
          Float(Int.random(in: -999...999, using: &generator))
        }
        let bytes: [UInt8] =
          width == 4
          ? [UInt8](littleEndian: numbers.map(\.bitPattern))
          : (0..<depth * Self.width * width).map { _ in .random(in: 0...255, using: &generator) }
        let panel = ExactBuffer(
          Array(repeating: 0, count: packing.panel_size(depth) / 4))
        let found = unsafe bytes.withUnsafeBytes { source -> [UInt8] in
          guard let base = source.baseAddress else { return [] }
          unsafe packing.pack(base, Self.width, 1, panel.base, 0, depth, 0, Self.width)
          let column = ExactBuffer(Array(repeating: 0, count: depth))
          unsafe packing.unpack(panel.base, 1, depth - 1, 5, column.base)
          return [UInt8](littleEndian: column.values.map(\.bitPattern))
        }
        for row in 1..<depth {
          let at = (row * Self.width + 5) * width
          #expect(found[(row - 1) * width..<row * width] == bytes[at..<at + width])
        }
      }
    }
  }
}
