import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import Testing
import WeightGraph

@Suite struct BoundModelTests {
  private func entries(
    _ plan: BoundModel, _ outcome: LoadReport.Outcome
  ) -> [LoadReport.Entry] {
    plan.report.entries.filter { $0.outcome == outcome }
  }

  @Test("A layer that is not there is missing, with its names")
  func droppedLayer() throws {
    let graph = try checkpoint(.bert, .maskedLM).renamed { name in
      name.string.hasPrefix("bert.encoder.layer.0.") ? nil : name
    }
    let plan = try plan(graph)
    #expect(entries(plan, .missing).count == 16)
    let error = failure { try plan.report.check() }
    #expect(error?.kind == .notFound)
    #expect(error?.tensor == "bert.encoder.layer.0.attention.self.query.weight")
    #expect(failure { try plan.report.check(mayMiss: { _ in true }) } == nil)
  }

  @Test("The older gamma and beta are read inside LayerNorm, and nowhere else")
  func gammaAndBeta() throws {
    let name: ExactName = "bert.embeddings.LayerNorm.gamma"
    let graph = try checkpoint(.bert, .maskedLM).renamed {
      $0 == "bert.embeddings.LayerNorm.weight" ? name : $0
    }
    #expect(try plan(graph).report.problems.isEmpty)
    var both = graph
    let own = try #require(graph.weights[name])
    try both.insert(own, as: "bert.embeddings.LayerNorm.weight")
    let twice = try plan(both)
    #expect(entries(twice, .claimedTwice).count == 1)
    #expect(failure { try twice.report.check() }?.kind == .inconsistent)
    var elsewhere = graph
    try elsewhere.insert(own, as: "bert.pooler.gamma")
    #expect(entries(try plan(elsewhere), .unexpected).map(\.stored) == [["bert.pooler.gamma"]])
  }

  @Test("A misspelt name is missing and unexpected, and each is told of the other")
  func suggestion() throws {
    let graph = try checkpoint(.gpt2, .causalLM).renamed {
      $0 == "transformer.h.1.ln_2.bias" ? "transformer.h.1.ln2.bias" : $0
    }
    let plan = try plan(graph)
    #expect(entries(plan, .missing).map(\.suggestion) == ["transformer.h.1.ln2.bias"])
    #expect(failure { try plan.report.check() }?.tensor == "transformer.h.1.ln_2.bias")
  }

  @Test("Buffers and a pooler that the head does not use are dropped with the reason")
  func drops() throws {
    var graph = try checkpoint(.bert, .maskedLM)
    let row = try weight(try #require(Shape([1, 7])), seed: 1)
    try graph.insert(row, as: "bert.embeddings.position_ids")
    let bias = try #require(Shape([6]))
    try graph.insert(try weight(bias, seed: 2), as: "bert.pooler.dense.bias")
    let plan = try plan(graph)
    #expect(plan.report.problems.isEmpty)
    #expect(entries(plan, .dropped).count == 2)
    #expect(entries(plan, .dropped).allSatisfy { $0.detail != nil })
  }

  @Test("A tied decoder without bytes of its own is the embeddings")
  func ties() throws {
    let graph = try removing(
      "cls.predictions.decoder.weight", from: try checkpoint(.bert, .maskedLM))
    let plan = try plan(graph)
    #expect(plan.report.problems.isEmpty)
    #expect(entries(plan, .tied).count == 1)
    #expect(
      plan.statedTies
        == [EqualPair(first: "cls.predictions.bias", second: "cls.predictions.decoder.bias")])
  }

  @Test("A weight of another shape is told with both shapes")
  func misshaped() throws {
    let name: ExactName = "bert.encoder.layer.1.output.dense.weight"
    let graph = try checkpoint(.bert, .maskedLM).mapWeights {
      (own, weight) throws(CheckpointError) in
      guard own == name, let turned = try? weight.transposed([1, 0]) else { return weight }
      return turned
    }
    let plan = try plan(graph)
    #expect(failure { try plan.report.check() }?.kind == .mismatch)
    #expect(entries(plan, .misshaped).map(\.detail) == ["expected [6, 10], found [10, 6]"])
  }

  @Test("Every name of both sides is in one entry, and layers fold into one line")
  func folding() throws {
    let graph = try checkpoint(.bert, .maskedLM, in: .tensorFlow)
    let plan = try plan(graph)
    #expect(plan.report.entries.flatMap(\.stored).sorted() == graph.weights.keys.sorted())
    #expect(plan.report.entries.flatMap(\.parameters).sorted() == plan.graph.weights.keys.sorted())
    let kept = try LayoutRulesTests.plan(try checkpoint(.bert, .maskedLM)).report.lines
    #expect(kept.contains("kept bert.encoder.layer.{0…1}.output.dense.weight"))
    #expect(kept.contains("kept bert.pooler.dense.weight") == false)
  }
}
