import TensorValues
import Testing

@Suite struct ShapeTests {
  @Test("A shape without dimensions is a scalar of one element")
  func scalar() {
    #expect(Shape([])?.elementCount == 1)
    #expect(Shape([]) == .scalar)
    #expect(Shape.scalar.rank == 0)
  }

  @Test("The number of elements is the product of the extents")
  func product() {
    #expect(Shape([2, 3, 4])?.elementCount == 24)
    #expect(Shape([Int.max])?.elementCount == .max)
    #expect(Shape([1 << 31, 1 << 31, 1])?.elementCount == 1 << 62)
  }

  @Test(
    "A product beyond Int is refused, wherever it overflows",
    arguments: [
      [1 << 32, 1 << 31], [Int.max, 2], [2, Int.max], [1 << 32, 1 << 32],
      // The product wraps around to a small number.
      [1 << 32, 1 << 32, 5], [(1 << 62) + 1, 4],
    ])
  func overflow(_ extents: [Int]) {
    #expect(Shape(extents) == nil)
  }

  @Test("A negative extent is refused, even beside a zero", arguments: [[-1], [0, -1], [-2, -3]])
  func negative(_ extents: [Int]) {
    #expect(Shape(extents) == nil)
  }

  @Test(
    "One zero makes a shape empty, whatever the others are",
    arguments: [[0], [3, 0, 4], [Int.max, 0, Int.max], [0, Int.max, Int.max]])
  func empty(_ extents: [Int]) {
    #expect(Shape(extents)?.elementCount == 0)
    #expect(Shape(extents)?.dimensions == extents)
  }

  @Test("A shape is written as Python writes it")
  func text() {
    #expect(Shape([2, 3])?.description == "[2, 3]")
    #expect(Shape.scalar.description == "[]")
  }
}
