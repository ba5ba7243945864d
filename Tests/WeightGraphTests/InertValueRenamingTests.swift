import CheckpointBytes
import Testing
import WeightGraph

@Suite("InertValue renaming")
struct InertValueRenamingTests {
  private let tree: InertValue = .dictionary([
    ("model", .dictionary([("fc.weight", .weight("model.fc.weight"))])),
    ("list", .tuple([.weight("list.0"), .weight("list.1")])),
    ("epoch", .integer(3)),
  ])

  @Test("A new last key is changed in its place")
  func lastKey() {
    let changed = tree.renamingWeights { $0 == "model.fc.weight" ? "model.head.weight" : $0 }
    #expect(
      changed
        == .dictionary([
          ("model", .dictionary([("head.weight", .weight("model.head.weight"))])),
          ("list", .tuple([.weight("list.0"), .weight("list.1")])),
          ("epoch", .integer(3)),
        ]))
  }

  @Test("A weight that is removed, or named anew further up, leaves its place, and its container with it")
  func leaving() {
    let changed = tree.renamingWeights { name in
      switch name {
      case "model.fc.weight": "encoder.weight"
      case "list.0": nil
      default: name
      }
    }
    #expect(
      changed
        == .dictionary([("list", .tuple([.none, .weight("list.1")])), ("epoch", .integer(3))]))
  }

  @Test("Nothing is left of a structure that was one weight")
  func root() {
    #expect(InertValue.weight("").renamingWeights { _ in nil } == nil)
  }
}
