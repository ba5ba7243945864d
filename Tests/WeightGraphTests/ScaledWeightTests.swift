import CheckpointBytes
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// Matrices of steps and scales, and how they are named in a checkpoint.
@Suite struct ScaledWeightTests {
  private func floats(_ values: [Float], _ extents: [Int]) throws -> Weight {
    var bytes: [UInt8] = []
    for value in values { bytes.append(littleEndian: value.bitPattern) }
    return try Weight.packed(.f32, extents, bytes)
  }

  private func values(_ weight: Weight) throws -> [Float] {
    #expect(weight.dtype == .f32)
    return try weight.bytes().littleEndian(UInt32.self).map { Float(bitPattern: $0) }
  }

  /// Random steps, scales of an axis, and the values that they stand for.
  private func sample(
    _ rows: Int, _ columns: Int, axis: Int?, _ random: inout SeededGenerator
  ) throws -> (steps: Weight, scales: Weight, values: [Float]) {
    let steps = random.bytes(rows * columns)
    let count = axis.map { $0 == 0 ? rows : columns } ?? 1
    let scales = (0..<count).map { _ in Float(random.number(1...9_999)) / 8_191 }
    let values = steps.enumerated().map { place, step in
      let index = axis.map { $0 == 0 ? place / columns : place % columns } ?? 0
      return Float(Int8(bitPattern: step)) * scales[index]
    }
    let shape = [axis == 0 ? rows : 1, axis == 1 ? columns : 1]
    return (try .packed(.i8, [rows, columns], steps), try floats(scales, shape), values)
  }

  @Test(
    "The values are each step times its scale, in any piece and after any change of place",
    arguments: SeededGenerator.seeds)
  func values(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for axis in [nil, 0, 1] {
      for _ in 0..<20 {
        let (rows, columns) = (random.number(1...7), random.number(1...9))
        let (steps, scales, expected) = try sample(rows, columns, axis: axis, &random)
        let weight = try Weight.scaled(steps, by: scales)
        #expect(weight.shape.dimensions == [rows, columns] && weight.storedType == .i8)
        #expect(try values(weight) == expected)
        for _ in 0..<5 {
          let start = random.number(0...expected.count)
          let end = random.number(start...expected.count)
          let piece = try weight.bytes(at: start * 4, count: (end - start) * 4)
          #expect(
            piece.littleEndian(UInt32.self).map { Float(bitPattern: $0) }
              == Array(expected[start..<end]))
        }
        let turned = try weight.transposed([1, 0])
        #expect(
          try values(turned)
            == (0..<columns).flatMap { c in (0..<rows).map { expected[$0 * columns + c] } })
        #expect(turned.scaledParts != nil)
        let (first, last) = (random.number(0...rows), random.number(0...columns))
        let cut = try weight.sliced(axis: 0, first..<rows).sliced(axis: 1, 0..<last)
        #expect(
          try values(cut)
            == (first..<rows).flatMap { r in (0..<last).map { expected[r * columns + $0] } })
        let flat = try #require(Shape([rows * columns]))
        #expect(try values(weight.reshaped(flat)) == expected)
        let both = try Weight.concatenated([weight, weight], axis: 0)
        #expect(try values(both) == expected + expected)
        #expect(try values(weight.cast(to: .f64).cast(to: .f32)) == expected)
      }
    }
  }

  @Test("Steps of 8-bit floats and scales of 16 bits are read as what they are")
  func otherTypes() throws {
    // 1.5 and -2 as F8_E4M3, 0.5 as BF16.
    let steps = try Weight.packed(.f8E4M3, [1, 2], [0x3C, 0xC0])
    let scales = try Weight.packed(.bf16, [1, 1], [0x00, 0x3F])
    let weight = try Weight.scaled(steps, by: scales)
    #expect(try values(weight) == [0.75, -1] && weight.storedType == .f8E4M3)
  }

  @Test(
    "Scales of blocks are those of the block that an element lies in, those at the ends cut off",
    arguments: SeededGenerator.seeds)
  func blocks(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<40 {
      let (rows, columns) = (random.number(1...9), random.number(1...9))
      let (high, wide) = (random.number(1...10), random.number(1...10))
      let (down, across) = ((rows + high - 1) / high, (columns + wide - 1) / wide)
      let steps = random.bytes(rows * columns)
      let scales = (0..<down * across).map { _ in Float(random.number(1...9_999)) / 8_191 }
      let expected = steps.enumerated().map { place, step in
        let (row, column) = (place / columns, place % columns)
        return Float(Int8(bitPattern: step)) * scales[row / high * across + column / wide]
      }
      let block = try #require(ScaleBlock(rows: high, columns: wide))
      let weight = try Weight.scaled(
        try .packed(.i8, [rows, columns], steps), by: try floats(scales, [down, across]), of: block)
      #expect(try values(weight) == expected)
      let start = random.number(0...expected.count)
      let end = random.number(start...expected.count)
      #expect(
        try weight.bytes(at: start * 4, count: (end - start) * 4).littleEndian(UInt32.self)
          .map { Float(bitPattern: $0) } == Array(expected[start..<end]))
      let first = random.number(0...rows - 1)
      #expect(
        try values(weight.sliced(axis: 0, first..<rows)) == Array(expected[(first * columns)...]))
      #expect(
        try values(weight.transposed([1, 0]))
          == (0..<columns).flatMap { c in (0..<rows).map { expected[$0 * columns + c] } })
    }
  }

  @Test("Blocks of no extent, and scales of another number of blocks, are refused")
  func refusedBlocks() throws {
    #expect(ScaleBlock(rows: 0, columns: 1) == nil && ScaleBlock(rows: 1, columns: -1) == nil)
    let steps = try Weight.packed(.f8E4M3, [3, 4], [UInt8](repeating: 0, count: 12))
    let block = try #require(ScaleBlock(rows: 2, columns: 4))
    #expect(try values(.scaled(steps, by: floats([1, 1], [2, 1]), of: block)).count == 12)
    for extents in [[1, 1], [2, 2], [3, 1], [2]] {
      let scales = try floats([Float](repeating: 1, count: extents.reduce(1, *)), extents)
      #expect(throws: CheckpointError.self) { try Weight.scaled(steps, by: scales, of: block) }
    }
    let whole = try floats([1], [1, 1])
    #expect(try values(.scaled(steps, by: whole, of: .whole)).count == 12)
    let empty = try Weight.packed(.f8E4M3, [0, 4], [])
    #expect(throws: CheckpointError.self) { try Weight.scaled(empty, by: whole, of: .whole) }
  }

  @Test("What is no matrix of steps, and scales that belong to none, are refused")
  func refused() throws {
    let steps = try Weight.packed(.i8, [2, 3], [1, 2, 3, 4, 5, 6])
    for (dtype, extents) in [
      (DType.f32, [3, 1]), (.f32, [1, 2]), (.f32, [2, 3]), (.f32, [2]), (.i32, [2, 1]),
      (.f64, [2, 1]),
    ] {
      let count = extents.reduce(dtype.bitWidth / 8, *)
      let scales = try Weight.packed(dtype, extents, [UInt8](repeating: 0, count: count))
      #expect(throws: CheckpointError.self) { try Weight.scaled(steps, by: scales) }
    }
    let scales = try floats([1, 2], [2, 1])
    let whole = try Weight.packed(.u8, [2, 1], [1, 2])
    #expect(throws: CheckpointError.self) { try Weight.scaled(whole, by: scales) }
  }

  @Test("Names that are steps and scales become one weight, and two again")
  func names() throws {
    var random = SeededGenerator(seed: 5)
    let (steps, scales, expected) = try sample(3, 4, axis: 0, &random)
    let (columnSteps, columnScales, _) = try sample(3, 4, axis: 1, &random)
    var graph = WeightGraph()
    try graph.insert(columnScales, as: "b.weight_scale")
    try graph.insert(steps, as: "a.weight")
    try graph.insert(scales, as: "a.weight_scale")
    try graph.insert(columnSteps, as: "b.weight")
    try graph.insert(steps, as: "one.weight")
    try graph.insert(try floats([2], [1]), as: "one.weight_scale")
    // With a zero point the values are others; and these are no scales of that.
    try graph.insert(steps, as: "c.weight")
    try graph.insert(scales, as: "c.weight_scale")
    try graph.insert(try Weight.packed(.i8, [3, 1], [0, 0, 1]), as: "c.weight_zero_point")
    try graph.insert(steps, as: "d.weight")
    try graph.insert(try floats([1, 2], [2, 1]), as: "d.weight_scale")
    try graph.insert(scales, as: "e.weight_scale")
    try graph.insert(try floats([1, 2, 3], [3, 1]), as: "f.weight")
    try graph.insert(scales, as: "f.weight_scale")
    #expect(
      graph.scaleNames == [
        "a.weight": "a.weight_scale", "b.weight": "b.weight_scale",
        "one.weight": "one.weight_scale",
      ])
    let joined = try graph.joiningScales()
    #expect(try values(#require(joined["a.weight"])) == expected)
    #expect(joined.weights.count == graph.weights.count - 3)
    #expect(joined["c.weight"]?.dtype == .i8 && joined["d.weight"]?.dtype == .i8)
    let again = try joined.splittingScales()
    #expect(Set(again.weights.keys) == Set(graph.weights.keys))
    for (name, weight) in again.weights where name != "one.weight_scale" {
      #expect(weight.shape == graph.weights[name]?.shape)
      #expect(try weight.bytes() == graph.weights[name]?.bytes(), "\(name)")
    }
    let names = again.weights.keys.map(\.string)
    #expect(Array(names.prefix(4)) == ["a.weight", "a.weight_scale", "b.weight", "b.weight_scale"])
  }

  @Test("Tied steps stay tied, and so do their scales")
  func ties() throws {
    var random = SeededGenerator(seed: 6)
    let (steps, scales, _) = try sample(2, 2, axis: 0, &random)
    var graph = WeightGraph()
    let weight = try Weight.scaled(steps, by: scales)
    try graph.insert(weight, as: "a.weight")
    try graph.insert(weight, as: "b.weight")
    #expect(graph.aliases == ["b.weight": "a.weight"])
    #expect(
      try graph.splittingScales().aliases
        == ["b.weight": "a.weight", "b.weight_scale": "a.weight_scale"])
  }

  @Test(
    "Quantising takes the nearest step of each row's or column's largest magnitude ÷ 127",
    arguments: SeededGenerator.seeds)
  func quantising(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for axis in [0, 1] {
      let (rows, columns) = (random.number(1...9), random.number(1...9))
      var numbers = (0..<rows * columns).map { _ in
        Float(random.number(-9_999...9_999)) / 4_096
      }
      // A row or column of zeros, and one of the smallest numbers.
      for place in numbers.indices {
        let index = axis == 0 ? place / columns : place % columns
        if index == 1 { numbers[place] = 0 }
        if index == 2 { numbers[place] *= 0x1p-140 }
      }
      let weight = try floats(numbers, [rows, columns]).quantized(axis: axis)
      let (steps, scales) = try #require(weight.scaledParts)
      let found = try values(scales)
      #expect(scales.shape.dimensions == (axis == 0 ? [rows, 1] : [1, columns]))
      let whole = try steps.bytes().map { Int8(bitPattern: $0) }
      for (place, number) in numbers.enumerated() {
        let index = axis == 0 ? place / columns : place % columns
        let others = numbers.indices.filter {
          (axis == 0 ? $0 / columns : $0 % columns) == index
        }
        let scale = (others.map { numbers[$0].magnitude }.max() ?? 0) / 127
        #expect(found[index] == scale)
        let inverse = scale >= 0x1p-126 ? 1 / scale : 0
        #expect(Float(whole[place]) == (number * inverse).rounded(.toNearestOrEven))
      }
    }
  }

  @Test("A number that is infinite or none is refused with its row, and steps are steps already")
  func notFinite() throws {
    for value in [Float.infinity, -.infinity, .nan] {
      let weight = try floats([1, 2, value, 3, 4, 5], [3, 2]).quantized(axis: 0)
      let error = #expect(throws: CheckpointError.self) {
        try weight.scaledParts?.steps.bytes()
      }
      #expect(error?.kind == .mismatch && error?.problem.hasPrefix("row 1 ") == true)
    }
    let vector = try floats([1, 2], [2])
    #expect(throws: CheckpointError.self) { try vector.quantized(axis: 0) }
  }
}
