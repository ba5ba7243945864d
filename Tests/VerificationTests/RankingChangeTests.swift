import CheckpointBytes
import TensorValues
import Testing
import Verification

@Suite("Changes of ranking")
struct RankingChangeTests {
  private func ranking(
    _ dimensions: [Int], _ found: [Float], _ expected: [Double], of name: ExactName = "logits",
    mask: PaddingMask? = nil, positions: ComparedPositions = .all
  ) throws -> RankingChange? {
    let shape = try #require(Shape(dimensions))
    return TensorDifference(
      name: name, found: found, foundShape: shape, expected: expected, shape: shape,
      tolerance: .float32, padding: mask, positions: positions
    ).ranking
  }

  @Test("Equal order, other values")
  func same() throws {
    let change = try #require(try ranking([2, 3], [1, 5, 9, 3, 2, 1], [1, 2, 3, 3, 2, 1]))
    #expect(change.rowCount == 2 && change.depth == 3)
    #expect(change.changedFirst == 0 && change.changedOrder == 0 && change.firstRow == nil)
  }

  @Test("Another first, with its place and the lead that it had")
  func first() throws {
    let change = try #require(
      try ranking([1, 3, 3], [1, 2, 3, 1, 9, 3, 7, 8, 0], [1, 2, 3, 1, 2, 4, 8, 7, 0]))
    #expect(change.changedFirst == 2 && change.changedOrder == 2 && change.rowCount == 3)
    #expect(change.firstRow?.place == [0, 1])
    #expect(change.firstRow?.expected == 2 && change.firstRow?.found == 1)
    #expect(change.firstRow?.margin == 2)
  }

  @Test("Another order behind the first, within the five largest only")
  func order() throws {
    let expected: [Double] = [9, 8, 7, 6, 5, 4, 3, 2]
    let fifth = try #require(try ranking([8], [9, 8, 7, 6, 4, 5, 3, 2], expected))
    #expect(fifth.changedFirst == 0 && fifth.changedOrder == 1 && fifth.depth == 5)
    let sixth = try #require(try ranking([8], [9, 8, 7, 6, 5, 3, 4, 2], expected))
    #expect(sixth.changedOrder == 0)
  }

  @Test("Of equal scores the first counts as the larger; NaN counts as none")
  func ties() throws {
    let ties = try #require(try ranking([2], [1, 1], [1, 0.5]))
    #expect(ties.changedFirst == 0)
    let nan = try #require(try ranking([3], [.nan, 1, 0], [5, 1, 0]))
    #expect(nan.firstRow?.expected == 0 && nan.firstRow?.found == 1)
  }

  @Test("Only scores are ranked, and only if there are two")
  func others() throws {
    #expect(try ranking([1, 3], [1, 2, 3], [1, 2, 3], of: "last_hidden_state") == nil)
    #expect(try ranking([3, 1], [1, 2, 3], [1, 2, 3]) == nil)
    for name in ["prediction_logits", "seq_relationship_logits", "mc_logits"] as [ExactName] {
      #expect(try ranking([1, 3], [1, 2, 3], [1, 2, 3], of: name) != nil)
    }
  }

  @Test("With padding left out, the scores at it are not ranked")
  func padding() throws {
    let mask = PaddingMask(dimensions: [2, 3], mask: [1, 0, 1, 1, 1, 0])
    // A row of positions: the hidden one in the middle would be first.
    let starts = try #require(
      try ranking(
        [2, 3], [1, 9, 2, 5, 4, 3], [1, 0, 2, 5, 4, 3], of: "start_logits", mask: mask,
        positions: .attended))
    #expect(starts.rowCount == 2 && starts.changedFirst == 0)
    let tokens = try #require(
      try ranking(
        [2, 3, 2], [1, 2, 2, 1, 1, 2, 1, 2, 1, 2, 2, 1],
        [1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2], mask: mask, positions: .attended))
    #expect(tokens.rowCount == 4 && tokens.changedFirst == 0)
  }
}
