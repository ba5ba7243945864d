import CheckpointBytes
import TensorValues
import Testing
import Verification

@Suite("Differences of outputs")
struct TensorDifferenceTests {
  private func difference(
    _ name: ExactName, _ dimensions: [Int], _ found: [Float], _ expected: [Double],
    tolerance: Tolerance = Tolerance(absolute: 0.5), mask: PaddingMask? = nil,
    positions: ComparedPositions = .all
  ) throws -> TensorDifference {
    let shape = try #require(Shape(dimensions))
    return TensorDifference(
      name: name, found: found, foundShape: shape, expected: expected, shape: shape,
      tolerance: tolerance, padding: mask, positions: positions)
  }

  @Test("The worst place has an index for each dimension, and both values")
  func place() throws {
    var found: [Float] = Array(repeating: 1, count: 24)
    found[17] = 3
    let entry = try difference("x", [2, 3, 4], found, Array(repeating: 1, count: 24))
    #expect(entry.isDifferent)
    #expect(entry.worstPlace == [1, 1, 1])
    #expect(entry.values?.worstValues.0 == 3 && entry.values?.worstValues.1 == 1)
    #expect(entry.values?.beyondTolerance == 1 && entry.comparedCount == 24)
  }

  @Test("Another shape is a difference with nothing to compare, also of as many elements")
  func otherShape() throws {
    let entry = TensorDifference(
      name: "x", found: [1, 2], foundShape: try #require(Shape([2])), expected: [1, 2],
      shape: try #require(Shape([1, 2])), tolerance: Tolerance(absolute: 9))
    #expect(entry.isDifferent && entry.values == nil)
  }

  @Test(
    "Small values are judged by the root mean square of what was recorded, large ones by themselves"
  )
  func scale() throws {
    // The root mean square of 0, 0, 0, 2 is 1.
    let tolerance = Tolerance(relative: 0.01)
    let near = try difference("x", [4], [0.009, 0, 0, 2.019], [0, 0, 0, 2], tolerance: tolerance)
    #expect(near.values?.scale == 1)
    #expect(!near.isDifferent)
    #expect(
      try difference("x", [4], [0.011, 0, 0, 2], [0, 0, 0, 2], tolerance: tolerance).isDifferent)
    #expect(
      try difference("x", [4], [0, 0, 0, 2.021], [0, 0, 0, 2], tolerance: tolerance).isDifferent)
  }

  @Test("A record of huge values allows no more than any other")
  func hugeScale() throws {
    let tolerance = Tolerance(relative: 0.01)
    let huge = try difference("x", [2], [1, 2], [1e300, -1e300], tolerance: tolerance)
    #expect(huge.values?.scale == 1e300)
    #expect(huge.values?.beyondTolerance == 2 && huge.isDifferent)
    let tiny = try difference("x", [2], [1e-30, 0], [2e-200, 0], tolerance: tolerance)
    #expect(tiny.isDifferent)
  }

  @Test("One large value among many does not hide that the others differ")
  func outlier() throws {
    // As in trained GPT-2, where a few activations are a thousand times the others.
    var expected = Array(repeating: 1.0, count: 10_000)
    expected[7] = 3000
    var found = expected.map(Float.init)
    #expect(try !difference("x", [100, 100], found, expected, tolerance: .float32).isDifferent)
    found[99] += 0.01
    #expect(try difference("x", [100, 100], found, expected, tolerance: .float32).isDifferent)
  }

  @Test("A NaN or an infinity that was not recorded is a difference at any tolerance")
  func notFinite() throws {
    let generous = Tolerance(absolute: 1e30, relative: 1)
    for value in [Float.nan, .infinity, -.infinity] {
      #expect(try difference("x", [2], [1, value], [1, 1], tolerance: generous).isDifferent)
      #expect(
        try difference("x", [2], [1, 1], [1, Double(value)], tolerance: generous).isDifferent)
      #expect(
        try !difference("x", [2], [1, value], [1, Double(value)], tolerance: Tolerance())
          .isDifferent)
    }
  }

  @Test("No elements, no difference")
  func empty() throws {
    #expect(try !difference("logits", [0, 3], [], []).isDifferent)
    #expect(try !difference("logits", [3, 0], [], []).isDifferent)
  }

  // MARK: Padding

  /// Two sequences of three tokens; the second token of the first is hidden, and the last two of the second.
  private let mask = PaddingMask(dimensions: [2, 3], mask: [1, 0, 1, 1, 0, 0])

  private func values(_ count: Int, differingAt places: [Int]) -> ([Float], [Double]) {
    var found = [Float](repeating: 1, count: count)
    for place in places { found[place] = 2 }
    return (found, [Double](repeating: 1, count: count))
  }

  @Test(
    "What differs at padding only is a difference, and is said to be at padding only",
    arguments: [
      ("hidden_states.1", [2, 3, 2], [2, 3, 8, 11], 6), ("last_hidden_state", [2, 3, 2], [2], 6),
      ("logits", [2, 3, 2], [9], 6), ("start_logits", [2, 3], [1, 4, 5], 3),
      ("attentions.0", [2, 2, 3, 3], [3, 5, 12, 22, 26, 35], 18),
    ] as [(ExactName, [Int], [Int], Int)])
  func padding(_ name: ExactName, _ shape: [Int], _ places: [Int], _ compared: Int) throws {
    let (found, expected) = values(shape.reduce(1, *), differingAt: places)
    let all = try difference(name, shape, found, expected, mask: mask)
    #expect(all.isDifferent && all.isOnlyAtPadding)
    #expect(all.values?.beyondTolerance == places.count && all.comparedCount == found.count)
    let attended = try difference(name, shape, found, expected, mask: mask, positions: .attended)
    #expect(!attended.isDifferent && attended.comparedCount == compared)
  }

  @Test("A difference at a token is not at padding only, and is found with padding left out")
  func token() throws {
    let (found, expected) = values(12, differingAt: [2, 6])
    let all = try difference("hidden_states.0", [2, 3, 2], found, expected, mask: mask)
    #expect(all.isDifferent && !all.isOnlyAtPadding)
    let attended = try difference(
      "hidden_states.0", [2, 3, 2], found, expected, mask: mask, positions: .attended)
    #expect(attended.values?.beyondTolerance == 1 && attended.worstPlace == [1, 0, 0])
  }

  @Test("A classifier's logits have no positions, even with as many labels as tokens")
  func noPositions() throws {
    let (found, expected) = values(6, differingAt: [1])
    for name in ["logits", "pooler_output", "mc_logits"] as [ExactName] {
      let entry = try difference(name, [2, 3], found, expected, mask: mask, positions: .attended)
      #expect(entry.isDifferent && entry.comparedCount == 6)
    }
  }

  @Test(
    "Choices: positions of [batch, choices, sequence, width] and of [batch · choices, sequence, width]"
  )
  func choices() throws {
    let mask = PaddingMask(dimensions: [1, 2, 2], mask: [1, 1, 1, 0])
    let (found, expected) = values(8, differingAt: [6, 7])
    for shape in [[1, 2, 2, 2], [2, 2, 2]] {
      let entry = try difference("hidden_states.0", shape, found, expected, mask: mask)
      #expect(entry.isOnlyAtPadding)
    }
  }

  @Test("A mask that hides nothing is none, nor is one of another size")
  func noMask() {
    #expect(PaddingMask(dimensions: [1, 2], mask: [1, 1]) == nil)
    #expect(PaddingMask(dimensions: [1, 2], mask: [1, 0, 0]) == nil)
    #expect(PaddingMask(dimensions: [-1], mask: [0]) == nil)
  }
}
