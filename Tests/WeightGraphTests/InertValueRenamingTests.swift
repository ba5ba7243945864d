import CheckpointBytes
import Testing
import WeightGraph

/// A dictionary with text keys.
func dictionary(_ entries: (String, InertValue)...) -> InertValue {
  .dictionary(entries.map { InertValue.Entry(.string($0.0), $0.1) })
}

extension InertValue {
  fileprivate func removingWeights(_ names: Set<ExactName>) -> InertValue? {
    renamingWeights { names.contains($0) ? nil : $0 }
  }
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

  @Test("The key of a dictionary is changed where all that is in it is named anew alike")
  func container() {
    let nested = InertValue.dictionary([
      (
        "model",
        .dictionary([
          ("a.weight", .weight("model.a.weight")),
          ("inner", .dictionary([("b", .weight("model.inner.b"))])),
          ("list", .list([.weight("model.list.0"), .integer(7)])), ("note", .integer(1)),
        ])
      ), ("epoch", .integer(3)),
    ])
    func moved(_ names: Set<ExactName>? = nil) -> InertValue? {
      nested.renamingWeights { name in
        names?.contains(name) == false
          ? name : ExactName("net" + name.string.dropFirst("model".count))
      }
    }
    #expect(
      moved()
        == .dictionary([
          (
            "net",
            .dictionary([
              ("a.weight", .weight("net.a.weight")),
              ("inner", .dictionary([("b", .weight("net.inner.b"))])),
              ("list", .list([.weight("net.list.0"), .integer(7)])), ("note", .integer(1)),
            ])
          ), ("epoch", .integer(3)),
        ]))
    // Of a part that is named anew, the rest keeps the dictionary.
    #expect(
      moved(["model.a.weight"])
        == .dictionary([
          (
            "model",
            .dictionary([
              ("inner", .dictionary([("b", .weight("model.inner.b"))])),
              ("list", .list([.weight("model.list.0"), .integer(7)])), ("note", .integer(1)),
            ])
          ), ("epoch", .integer(3)),
        ]))
  }

  @Test(
    "A weight that is removed, or named anew further up, leaves its place, and its container with it"
  )
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
