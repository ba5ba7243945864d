import CheckpointBytes
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

@Suite struct WeightGraphTests {
  private let source = MemoryBytes([UInt8](repeating: 0, count: 64), origin: "storage")

  /// F32 elements of the storage; `at` counts elements.
  private func view(
    _ extents: [Int], strides: [Int]? = nil, at offset: Int = 0, dtype: DType = .f32,
    of other: MemoryBytes? = nil
  ) throws -> Weight {
    let packed = StridedLayout.packedStrides(of: try shape(extents))
    let elements = try layout(extents, strides: strides ?? packed, offset: offset)
    return Weight(try StoredTensor(source: other ?? source, dtype: dtype, layout: elements))
  }

  private func graph(_ weights: [(ExactName, Weight)]) throws -> WeightGraph {
    var graph = WeightGraph()
    for (name, weight) in weights { try graph.insert(weight, as: name) }
    return graph
  }

  private func tied(_ graph: WeightGraph) -> [[ExactName]] { graph.ties.map(\.names) }

  private func overlapping(_ graph: WeightGraph) -> [[ExactName]] {
    graph.overlaps.map { [$0.0, $0.1] }
  }

  @Test("The same elements of one storage are one weight with two names")
  func ties() throws {
    let graph = try graph([
      ("a", view([2, 2])), ("b", view([2, 2], at: 4)), ("c", view([2, 2])), ("d", view([2, 2])),
    ])
    #expect(tied(graph) == [["a", "c", "d"], ["b"]])
    #expect(graph.aliases == ["c": "a", "d": "a"])
    #expect(overlapping(graph).isEmpty)
    #expect(graph.storedByteCount == 32)
  }

  @Test("The strides of one-element dimensions make no difference")
  func tiesOfOne() throws {
    let graph = try graph([
      ("a", view([1, 4], strides: [4, 1])), ("b", view([1, 4], strides: [99, 1])),
    ])
    #expect(tied(graph) == [["a", "b"]])
  }

  @Test("Another view of the same bytes is no tie, and overlaps")
  func otherViews() throws {
    for other in [
      try view([4]), try view([2, 2], strides: [1, 2]), try view([2, 2], at: 1),
      try view([2, 2], dtype: .u32), try view([2]),
    ] {
      let graph = try graph([("a", view([2, 2])), ("b", other)])
      #expect(tied(graph) == [["a"], ["b"]])
      #expect(overlapping(graph) == [["a", "b"]])
    }
  }

  @Test("Equal bytes in two storages are neither tie nor overlap")
  func twoStorages() throws {
    let other = MemoryBytes([UInt8](repeating: 0, count: 64), origin: "storage")
    let graph = try graph([("a", view([4])), ("b", view([4], of: other))])
    #expect(tied(graph) == [["a"], ["b"]])
    #expect(overlapping(graph).isEmpty)
  }

  @Test("Weights without elements are never tied and never overlap")
  func empty() throws {
    let graph = try graph([("a", view([0, 3])), ("b", view([0, 3])), ("c", view([4]))])
    #expect(tied(graph) == [["a"], ["b"], ["c"]])
    #expect(overlapping(graph).isEmpty)
  }

  @Test("Equal transforms of one storage are a tie, other ones are not")
  func tiesOfTransforms() throws {
    let a = try view([4])
    let b = try view([4], at: 4)
    let graph = try graph([
      ("joined", Weight.concatenated([a, b], axis: 0)), ("cast", a.cast(to: .f16)),
      ("joined again", Weight.concatenated([a, b], axis: 0)),
      ("turned", Weight.concatenated([b, a], axis: 0)), ("cast again", a.cast(to: .f16)),
      ("cast otherwise", a.cast(to: .bf16)),
    ])
    #expect(
      tied(graph) == [
        ["joined", "joined again"], ["cast", "cast again"], ["turned"], ["cast otherwise"],
      ])
  }

  @Test("Every weight that begins inside another is named with it, in the graph's order")
  func overlaps() throws {
    let graph = try graph([
      ("last", view([4], at: 12)), ("inner", view([2], at: 2)), ("outer", view([8])),
      ("second", view([6], at: 7)), ("apart", view([1], at: 11)),
    ])
    #expect(
      overlapping(graph) == [
        ["inner", "outer"], ["last", "second"], ["outer", "second"], ["second", "apart"],
      ])
  }

  @Test("Many weights in one storage are compared in no time")
  func manyInOneStorage() throws {
    let count = 50_000
    let large = MemoryBytes([UInt8](repeating: 0, count: count * 4), origin: "storage")
    var graph = WeightGraph()
    for index in 0..<count {
      try graph.insert(try view([1], at: index, of: large), as: ExactName("w\(index)"))
    }
    #expect(overlapping(graph).isEmpty)
    #expect(graph.ties.count == count)
  }

  @Test("A name can be inserted once")
  func insertion() throws {
    var graph = try graph([("a", view([1]))])
    let expected = CheckpointError(.inconsistent, tensor: "a", "")
    let again = try view([2])
    #expect(throws: expected) { try graph.insert(again, as: "a") }
    // Another name by its bytes.
    try graph.insert(again, as: "e\u{301}")
    try graph.insert(again, as: "\u{E9}")
    #expect(graph.weights.count == 3)
  }

  @Test("Renaming keeps the order, and leaves out what gets no name")
  func renaming() throws {
    let graph = try graph([("b.x", view([1])), ("a.x", view([1])), ("c.y", view([1]))])
    let renamed = try graph.renamed { name in
      name.string.hasSuffix(".x") ? ExactName("new." + name.string) : nil
    }
    #expect(Array(renamed.weights.keys) == ["new.b.x", "new.a.x"])
  }

  @Test("Two weights that would get one name are an error that names both")
  func collision() throws {
    let graph = try graph([("a.gamma", view([1])), ("a.weight", view([1], at: 1))])
    let error = #expect(throws: CheckpointError.self) {
      try graph.renamed { _ in "a.weight" }
    }
    #expect(error?.kind == .inconsistent)
    #expect(error?.tensor == "a.weight")
    #expect(
      error?.description
        == "tensor 'a.weight': both 'a.gamma' and 'a.weight' would get this name")
  }

  @Test("The tree forgets weights whose name changes, and keeps the rest")
  func treeOfRenamed() throws {
    var graph = try graph([("model.a", view([1])), ("model.b", view([1], at: 1))])
    graph.facts.tree = dictionary(
      ("epoch", .integer(3)),
      ("model", dictionary(("a", .weight("model.a")), ("b", .weight("model.b")))),
    )
    let renamed = try graph.renamed { $0 == "model.a" ? "a" : $0 }
    #expect(
      renamed.facts.tree
        == dictionary(
          ("epoch", .integer(3)), ("model", dictionary(("b", .weight("model.b")))),
        ))
    #expect(try graph.renamed { $0 }.facts.tree == graph.facts.tree)
  }

  @Test("Weights are exchanged under their names, and the facts stay")
  func mapping() throws {
    var graph = try graph([("a", view([2, 2])), ("b", view([4]))])
    graph.facts.tree = .integer(1)
    let mapped = try graph.mapWeights { (name, weight) throws(CheckpointError) in
      name == "a" ? ((try? weight.transposed([1, 0])) ?? weight) : weight
    }
    #expect(Array(mapped.weights.keys) == ["a", "b"])
    #expect(mapped.weights["a"]?.lineage == "transpose ← storage")
    #expect(mapped.facts.tree == .integer(1))
  }
}
