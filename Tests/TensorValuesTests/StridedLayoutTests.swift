import TensorValues
import TestSupport
import Testing

/// The storage indices of a layout's elements in row-major order, by nested counting and nothing else.
private func addresses(_ layout: StridedLayout) -> [Int] {
  var result = [layout.offset]
  for (extent, stride) in zip(layout.shape.dimensions, layout.strides) {
    result = result.flatMap { start in (0..<extent).map { start + $0 * stride } }
  }
  return result
}

private func shape(_ extents: Int...) -> Shape { Shape(extents) ?? .scalar }

@Suite struct StridedLayoutTests {
  @Test("A packed layout addresses 0, 1, 2 … in order")
  func packed() {
    for extents in [[], [1], [7], [2, 3], [2, 1, 4], [3, 2, 2, 2]] {
      guard let shape = Shape(extents) else { continue }
      let layout = StridedLayout(packed: shape)
      #expect(addresses(layout) == Array(0..<shape.elementCount))
      #expect(layout.isPacked)
      #expect(layout.end == shape.elementCount)
    }
  }

  @Test("The packed strides of an empty shape never overflow")
  func packedEmpty() {
    for extents in [[0], [Int.max, 0, Int.max], [0, Int.max, Int.max, 4], [1 << 40, 1 << 40, 0]] {
      guard let shape = Shape(extents) else {
        Issue.record("\(extents) is a shape")
        continue
      }
      let layout = StridedLayout(packed: shape)
      #expect(layout.end == 0)
      #expect(layout.isPacked)
      #expect(layout.strides.allSatisfy { $0 >= 0 })
      #expect(layout.merged().contains { $0.extent == 0 })
      #expect(layout.permuted(Array((0..<shape.rank).reversed()))?.end == 0)
      #expect(layout.reshaped(self.empty)?.end == 0)
    }
  }

  private let empty = Shape([3, 0]) ?? .scalar

  @Test("The end is one beyond the last element addressed")
  func end() {
    #expect(StridedLayout(shape: shape(2, 3), strides: [10, 2], offset: 5)?.end == 5 + 10 + 4 + 1)
    #expect(StridedLayout(shape: shape(4), strides: [0], offset: 3)?.end == 4)
    #expect(StridedLayout(shape: shape(0), strides: [9], offset: 100)?.end == 0)
    #expect(StridedLayout(shape: .scalar, strides: [], offset: 7)?.end == 8)
  }

  @Test("Strides that are too few, too many or negative are refused, and so is a negative offset")
  func refused() {
    #expect(StridedLayout(shape: shape(2, 3), strides: [3]) == nil)
    #expect(StridedLayout(shape: shape(2), strides: [1, 1]) == nil)
    #expect(StridedLayout(shape: shape(2), strides: [-1]) == nil)
    #expect(StridedLayout(shape: shape(2), strides: [1], offset: -1) == nil)
  }

  @Test("An index beyond Int is refused")
  func overflow() {
    #expect(StridedLayout(shape: shape(3), strides: [.max]) == nil)
    #expect(StridedLayout(shape: shape(2), strides: [.max]) == nil)
    #expect(StridedLayout(shape: shape(2), strides: [.max - 1])?.end == .max)
    #expect(StridedLayout(shape: shape(2), strides: [1], offset: .max - 1) == nil)
    #expect(StridedLayout(shape: shape(2, 2), strides: [1 << 62, 1 << 62]) == nil)
    #expect(StridedLayout(shape: .scalar, strides: [], offset: .max) == nil)
    // One element: its stride addresses nothing.
    #expect(StridedLayout(shape: shape(1), strides: [.max])?.end == 1)
    #expect(StridedLayout(shape: shape(0, 5), strides: [.max, .max], offset: .max)?.end == 0)
  }

  @Test("Views of a layout with enormous strides never trap")
  func enormousStrides() {
    let layouts = [
      StridedLayout(shape: shape(2), strides: [.max - 1]),
      StridedLayout(shape: shape(1, 2, 1), strides: [.max, .max - 1, .max]),
      StridedLayout(shape: shape(2, 1), strides: [1 << 62, .max], offset: 5),
      StridedLayout(shape: shape(1, 1), strides: [.max, .max], offset: .max - 1),
    ]
    for case let layout? in layouts {
      let count = layout.shape.elementCount
      for extents in [[count], [1, count], [count, 1], [1, 1, count, 1, 1]] {
        guard let newShape = Shape(extents) else { continue }
        let reshaped = layout.reshaped(newShape)
        #expect(reshaped.map(addresses) == addresses(layout))
      }
      _ = layout.merged()
      _ = layout.isPacked
      for axis in 0..<layout.shape.rank {
        #expect(layout.sliced(axis: axis, 0..<1) != nil)
        #expect(layout.sliced(axis: axis, 0..<0)?.end == 0)
      }
    }
  }

  @Test("A permutation names every dimension once")
  func permutations() {
    let layout = StridedLayout(packed: shape(2, 3, 4))
    #expect(layout.permuted([2, 0, 1])?.shape == shape(4, 2, 3))
    #expect(layout.permuted([2, 0, 1])?.strides == [1, 12, 4])
    for order in [[0, 1], [0, 0, 1], [0, 1, 3], [0, 1, -1], [0, 1, 2, 2], []] {
      #expect(layout.permuted(order) == nil)
    }
  }

  @Test("A slice lies inside the shape")
  func slices() {
    let layout = StridedLayout(packed: shape(2, 3))
    #expect(layout.sliced(axis: 1, 1..<3).map(addresses) == [1, 2, 4, 5])
    #expect(layout.sliced(axis: 0, 2..<2)?.shape == shape(0, 3))
    #expect(layout.sliced(axis: 1, 2..<4) == nil)
    #expect(layout.sliced(axis: 1, -1..<2) == nil)
    #expect(layout.sliced(axis: 2, 0..<1) == nil)
    #expect(layout.sliced(axis: -1, 0..<1) == nil)
    #expect(layout.sliced(axis: 0, .min ..< .max) == nil)
  }

  @Test("A reshape that no strides express is refused, and so is another number of elements")
  func reshapes() {
    let transposed = StridedLayout(packed: shape(2, 3)).permuted([1, 0])
    #expect(transposed?.reshaped(shape(6)) == nil)
    #expect(transposed?.reshaped(shape(3, 1, 2)).map(addresses) == [0, 3, 1, 4, 2, 5])
    #expect(StridedLayout(packed: shape(2, 3)).reshaped(shape(5)) == nil)
    #expect(StridedLayout(packed: .scalar).reshaped(shape(1, 1))?.shape == shape(1, 1))
    // An expanded dimension can be cut in pieces.
    let expanded = StridedLayout(shape: shape(6), strides: [0], offset: 2)
    #expect(expanded?.reshaped(shape(2, 3)).map(addresses) == [2, 2, 2, 2, 2, 2])
  }

  @Test("Dimensions that step as one are merged, one-element dimensions forgotten")
  func merging() {
    #expect(StridedLayout(packed: shape(2, 1, 3, 4)).merged().map(\.extent) == [24])
    #expect(StridedLayout(packed: shape(1, 1)).merged().isEmpty)
    let sliced = StridedLayout(packed: shape(2, 3, 4)).sliced(axis: 1, 0..<2)
    #expect(sliced?.merged().map(\.extent) == [2, 8])
    #expect(sliced?.merged().map(\.stride) == [12, 1])
  }

  @Test(
    "Any chain of views addresses what nested loops address", arguments: SeededGenerator.seeds)
  func randomViews(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      var layout = StridedLayout(
        packed: try #require(Shape(random.extents(rank: 5))))
      var expected = addresses(layout)
      for _ in 0..<random.number(1...5) {
        (layout, expected) = try view(layout, expected, &random)
        #expect(addresses(layout) == expected)
        #expect(layout.end == (expected.max() ?? -1) + 1)
        if layout.isPacked, let first = expected.first {
          #expect(expected == Array(first..<(first + expected.count)))
        }
        let merged = layout.merged()
        let joined = merged.reduce([layout.offset]) { starts, run in
          starts.flatMap { start in (0..<run.extent).map { start + $0 * run.stride } }
        }
        #expect(joined == expected)
      }
    }
  }

  /// One random view, and the addresses that a list of addresses turns into under it.
  private func view(
    _ layout: StridedLayout, _ list: [Int], _ random: inout SeededGenerator
  ) throws -> (StridedLayout, [Int]) {
    let extents = layout.shape.dimensions
    let steps = StridedLayout.packedStrides(of: layout.shape)
    switch random.number(0...2) {
    case 0:
      let order = random.order(extents.count)
      let permuted = try #require(layout.permuted(order))
      // Index by index in the new order, looked up in the old list.
      var places = [0]
      for axis in order {
        places = places.flatMap { place in (0..<extents[axis]).map { place + $0 * steps[axis] } }
      }
      return (permuted, places.map { list[$0] })
    case 1 where !extents.isEmpty:
      let axis = random.number(0...(extents.count - 1))
      let start = random.number(0...extents[axis])
      let end = random.number(start...extents[axis])
      let sliced = try #require(layout.sliced(axis: axis, start..<end))
      return (
        sliced,
        list.enumerated().filter { place, _ in
          (start..<end).contains(place / steps[axis] % extents[axis])
        }.map(\.element)
      )
    default:
      let newShape = try #require(Shape(factors(of: list.count, &random)))
      return (layout.reshaped(newShape) ?? layout, list)
    }
  }

  private func factors(of count: Int, _ random: inout SeededGenerator) -> [Int] {
    guard count > 0 else { return [random.number(0...3), 0] }
    var factors: [Int] = []
    var rest = count
    while rest > 1 {
      let divisors = (1...rest).filter { rest.isMultiple(of: $0) }
      let factor = divisors[random.number(0...(divisors.count - 1))]
      factors.append(factor)
      rest /= factor
    }
    return factors
  }
}
