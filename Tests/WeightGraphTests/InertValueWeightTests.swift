import CheckpointBytes
import Testing
import WeightGraph

/// A dictionary with text keys.
func dictionary(_ entries: (String, InertValue)...) -> InertValue {
  .dictionary(entries.map { InertValue.Entry(.string($0.0), $0.1) })
}

@Suite struct InertValueWeightTests {
  private let tree = dictionary(
    ("a", .weight("a")), ("list", .list([.weight("l0"), .integer(7), .weight("l2")])),
    ("nested", dictionary(("b", .weight("b")))), ("empty", dictionary()),
    (
      "object",
      .object(.init(type: "collections.OrderedDict", items: [.init(.string("c"), .weight("c"))]))
    ),
    ("pair", .tuple([.weight("p"), .none])),
  )

  @Test("A dictionary loses the entries of weights that go, and goes with the last")
  func dictionaries() {
    let rest = tree.removingWeights(["a", "b"])
    guard case .dictionary(let entries)? = rest else {
      Issue.record("expected a dictionary")
      return
    }
    #expect(
      entries.map { $0.key } == ["list", "empty", "object", "pair"].map { InertValue.string($0) })
  }

  @Test("A list keeps the places of what stays")
  func lists() {
    let list = InertValue.list([.weight("l0"), .integer(7), .weight("l2")])
    #expect(list.removingWeights(["l0"]) == .list([.none, .integer(7), .weight("l2")]))
    #expect(InertValue.list([.weight("a")]).removingWeights(["a"]) == nil)
    #expect(InertValue.list([]).removingWeights(["a"]) == .list([]))
  }

  @Test("An object goes with the last thing in it; without weights all stays as it was")
  func objects() {
    let object = InertValue.object(
      .init(type: "x", items: [.init(.string("c"), .weight("c"))], state: .integer(1)))
    #expect(object.removingWeights(["c"]) == nil)
    #expect(object.removingWeights(["d"]) == object)
    #expect(tree.removingWeights([]) == tree)
    #expect(InertValue.weight("a").removingWeights(["a"]) == nil)
  }
}
