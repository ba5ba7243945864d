import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import Testing
import WeightGraph

@Suite struct RecognizedModelTests {
  @Test("Family, sizes and head follow from names and shapes", arguments: ownFamilies)
  func everything(family: ModelFamily) throws {
    for head in family.heads {
      let model = try RecognizedModel(try checkpoint(family, head))
      #expect(model.architecture.family == family, "\(head)")
      #expect(model.architecture.head == head || model.alternatives.contains(head), "\(head)")
      #expect(model.architecture.sizes.hidden == 6)
      #expect(model.architecture.sizes.layers == 2)
      #expect(model.architecture.sizes.intermediate == 10)
      #expect(model.architecture.sizes.positions == 7)
    }
  }

  @Test(
    "What stands before all names is found and told",
    arguments: ["module.", "_orig_mod.module.", "state_dict.", "student.", "module.bert_model."])
  func wrappers(wrapper: String) throws {
    for head in [ModelHead.base, .maskedLM] {
      let graph = try checkpoint(.bert, head).renamed { ExactName(wrapper + $0.string) }
      let model = try RecognizedModel(graph)
      #expect(model.wrapper == wrapper)
      #expect(try BoundModel(graph, as: model).report.problems.isEmpty)
    }
  }

  @Test("A body without its prefix beside a head is recognised")
  func bareBody() throws {
    let graph = try checkpoint(.bert, .preTraining).renamed { name in
      name.string.hasPrefix("bert.") ? ExactName(String(name.string.dropFirst(5))) : name
    }
    let model = try RecognizedModel(graph)
    #expect(model.architecture.head == .preTraining)
    #expect(try BoundModel(graph, as: model).report.problems.isEmpty)
  }

  @Test("Bodies of BERT and RoBERTa differ in nothing but token types: the family is a guess")
  func guess() throws {
    for family in [ModelFamily.bert, .roberta] {
      let graph = try checkpoint(family, .base)
      #expect(try RecognizedModel(graph).isFamilyLikelyOnly)
      #expect(try RecognizedModel(graph, family: .bert).architecture.family == .bert)
      #expect(try RecognizedModel(graph, family: .bert).isFamilyLikelyOnly == false)
    }
  }

  @Test("Two models in one checkpoint are an error")
  func twoModels() throws {
    var graph = try checkpoint(.bert, .maskedLM)
    for (name, weight) in try checkpoint(.roberta, .maskedLM).weights {
      try graph.insert(weight, as: name)
    }
    #expect(failure { _ = try RecognizedModel(graph) }?.kind == .inconsistent)
  }

  @Test("What is stated and is not there is an error")
  func contradictions() throws {
    let graph = try checkpoint(.bert, .maskedLM)
    #expect(
      failure { _ = try RecognizedModel(graph, head: .tokenClassification) }?.kind == .inconsistent)
    #expect(failure { _ = try RecognizedModel(graph, family: .gpt2) }?.kind == .inconsistent)
    #expect(failure { _ = try RecognizedModel(WeightGraph()) }?.kind == .notFound)
  }

  @Test("Shapes that contradict each other are both named")
  func shapes() throws {
    let name: ExactName = "bert.embeddings.position_embeddings.weight"
    let graph = try checkpoint(.bert, .maskedLM).mapWeights {
      (own, weight) throws(CheckpointError) in
      guard own == name, let cut = try? weight.sliced(axis: 1, 0..<5) else { return weight }
      return cut
    }
    let error = failure { _ = try RecognizedModel(graph) }
    #expect(error?.kind == .mismatch)
    #expect(error?.tensor == name.string)
    #expect(error?.problem.contains("bert.embeddings.word_embeddings.weight") == true)
  }
}
