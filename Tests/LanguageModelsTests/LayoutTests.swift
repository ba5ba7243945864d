import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import Testing
import WeightGraph

@Suite struct LayoutTests {
  /// One recorded case of each class.
  private static let classes = ModelClass.names.compactMap { name in
    RecordedCase.all.first {
      $0.className == name && ["right", "choices"].contains($0.inputs)
        && $0.configuration["is_decoder"] != .boolean(true)
    }
  }

  private func canonical(
    _ recorded: RecordedCase
  ) throws -> (graph: WeightGraph, architecture: ModelArchitecture) {
    let graph = try weights(of: recorded.className, in: recorded.family)
    let head = try #require(
      ModelHead.allCases.first { $0.className(in: recorded.family) == recorded.className })
    let model = try RecognizedModel(graph, family: recorded.family, head: head)
    var sizes = model.architecture.sizes
    sizes.heads = 3
    return (
      try BoundModel(graph, as: model).graph,
      try ModelArchitecture(
        family: recorded.family, head: head, sizes: sizes,
        hasPooler: model.architecture.hasPooler)
    )
  }

  private func values(
    _ recorded: RecordedCase, _ graph: WeightGraph
  ) throws -> [[Float]] {
    let model = try load(recorded.className, recorded.configuration, graph)
    return try model.run(try recorded.modelInputs(), RunOptions()).all.map(\.values)
  }

  @Test(
    "A model computes the same bits from every layout that holds it",
    arguments: [Layout.tensorFlow, .kerasHub, .openAI, .google, .transformers])
  func layouts(_ layout: Layout) throws {
    var held: [String] = []
    for recorded in Self.classes {
      let (graph, architecture) = try canonical(recorded)
      guard let plan = try? SavePlan(graph, of: architecture, in: layout) else { continue }
      held.append(recorded.className)
      #expect(
        try values(recorded, plan.graph) == values(recorded, graph), "\(recorded.className)")
    }
    switch layout {
    case .transformers: #expect(held.count >= 20)
    case .tensorFlow: #expect(held.count >= 18)
    case .kerasHub: #expect(held.contains("BertModel") && held.contains("GPT2LMHeadModel"))
    case .openAI: #expect(held.contains("GPT2Model"))
    case .google: #expect(held.contains("BertForPreTraining"))
    case .fairseq: Issue.record("it is not written")
    }
  }

  @Test("Names under a wrapper are found")
  func wrapper() throws {
    let recorded = try #require(Self.classes.first { $0.className == "BertForMaskedLM" })
    let graph = try weights(of: recorded.className, in: recorded.family)
    let wrapped = try graph.renamed { ExactName("module." + $0.string) }
    #expect(try values(recorded, wrapped) == values(recorded, graph))
  }

  @Test("Copies of one weight that differ make no model")
  func repeats() throws {
    let recorded = try #require(Self.classes.first { $0.className == "BertForMaskedLM" })
    let (graph, architecture) = try canonical(recorded)
    let laidOut = try SavePlan(graph, of: architecture, in: .tensorFlow).graph
    let copy = try #require(
      laidOut.weights.keys.first {
        $0.string.hasPrefix("mlm___cls") && $0.string.hasSuffix("word_embeddings/weight:0")
      })
    let other = try #require(
      laidOut.weights.keys.first {
        $0.string.hasPrefix("bert/") && $0.string.hasSuffix("word_embeddings/weight:0")
      })
    #expect(copy != other)
    var changed = WeightGraph()
    for (name, weight) in laidOut.weights {
      var kept = weight
      if name == copy {
        let bytes = Array(repeating: UInt8(1), count: weight.byteCount)
        kept = Weight(
          try StoredTensor(
            source: MemoryBytes(bytes, origin: "test"), dtype: .f32,
            layout: StridedLayout(packed: weight.shape)))
      }
      try changed.insert(kept, as: name)
    }
    let broken = changed
    let error = failure { _ = try values(recorded, broken) }
    #expect(error?.kind == .inconsistent)
    #expect(error?.tensor == copy.string)
  }
}
