import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import Testing
import WeightGraph

@Suite("Checkpoints that are not whole, or more than one") struct WholenessTests {
  /// The graph with the layers' numbers changed; without those that are given none.
  private func renumbered(
    _ graph: WeightGraph, _ number: (Int) -> Int?
  ) throws -> WeightGraph {
    try graph.renamed { name in
      var parts = name.string.split(separator: ".").map { String($0) }
      guard let place = parts.firstIndex(where: { Int($0) != nil }), let old = Int(parts[place])
      else { return name }
      guard let new = number(old) else { return nil }
      parts[place] = String(new)
      return ExactName(parts.joined(separator: "."))
    }
  }

  private func bert(layers: Int) throws -> WeightGraph {
    let model = try architecture(.bert, .maskedLM, layers: layers)
    return try canonicalGraph(model)
  }

  @Test("Layers that are missing at the start or in the middle are told, and their weights named")
  func gaps() throws {
    let middle = try renumbered(try bert(layers: 6)) { [2, 3].contains($0) ? nil : $0 }
    let model = try RecognizedModel(middle)
    #expect(model.architecture.sizes.layers == 6)
    #expect(model.remarks == ["layers {2…3} of 0…5 are missing"])
    let report = try BoundModel(middle, as: model).report
    #expect(report.remarks == model.remarks)
    let error = failure { try report.check() }
    #expect(error?.kind == .notFound)
    #expect(error?.tensor == "bert.encoder.layer.2.attention.self.query.weight")
    #expect(error?.problem.contains("layers {2…3} of 0…5 are missing") == true)
    let start = try renumbered(try bert(layers: 6)) { $0 < 3 ? nil : $0 }
    #expect(try RecognizedModel(start).remarks == ["layers {0…2} of 0…5 are missing"])
  }

  @Test("Layers that are counted from 1 are told")
  func countedFromOne() throws {
    let graph = try renumbered(try bert(layers: 4)) { $0 + 1 }
    #expect(
      try RecognizedModel(graph).remarks == ["layers are numbered 1…4; expected 0…3"])
    #expect(try RecognizedModel(try bert(layers: 4)).remarks.isEmpty)
  }

  @Test("Layers without their embeddings, and embeddings without layers, are half a checkpoint")
  func halves() throws {
    for layout in [Layout.transformers, .tensorFlow, .kerasHub, .google] {
      let graph = try checkpoint(.bert, .sequenceClassification, in: layout)
      let words = try #require(
        graph.weights.keys.first {
          $0.string.contains("word_embeddings") || $0.string.contains("reversible_embedding")
        })
      let layersOnly = try removing(words, from: graph)
      let error = failure { _ = try RecognizedModel(layersOnly) }
      #expect(error?.kind == .notFound)
      #expect(error?.remedy != nil)
      #expect(error?.tensor == words.string)
      let embeddingsOnly = try graph.renamed { name in
        name.string.contains("layer_") || name.string.contains("layer.")
          || name.string.contains("transformer_encoder") ? nil : name
      }
      let other = failure { _ = try RecognizedModel(embeddingsOnly) }
      #expect(other?.kind == .notFound)
      #expect(other?.tensor != nil)
    }
    let name: ExactName = "transformer.wpe.weight"
    let graph = try removing(name, from: try checkpoint(.gpt2, .causalLM))
    let error = failure { _ = try RecognizedModel(graph) }
    #expect(error?.kind == .notFound)
    #expect(error?.tensor == name.string)
  }

  @Test(
    "An output matrix without the word embeddings that it is tied to is named",
    arguments: [
      (.bert, "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
      (.roberta, "roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight"),
      (.gpt2, "transformer.wte.weight", "lm_head.weight"),
    ] as [(ModelFamily, ExactName, String)])
  func outputOnly(family: ModelFamily, words: ExactName, matrix: String) throws {
    let head = family == .gpt2 ? ModelHead.causalLM : .maskedLM
    let whole = try canonicalGraph(architecture(family, head))
    let graph = try removing(words, from: whole)
    let error = failure { _ = try RecognizedModel(graph) }
    #expect(error?.kind == .notFound && error?.tensor == words.string)
    #expect(error?.problem.hasSuffix("for which '\(matrix)' does not stand") == true)
    let body = failure { _ = try RecognizedModel(try removing(ExactName(matrix), from: graph)) }
    #expect(body?.problem.hasSuffix("but no word embeddings") == true)
  }

  @Test("Two families and two models of one family are told apart")
  func two() throws {
    var families = try checkpoint(.bert, .maskedLM)
    for (name, weight) in try checkpoint(.gpt2, .base).weights {
      try families.insert(weight, as: ExactName("student." + name.string))
    }
    let error = failure { _ = try RecognizedModel(families) }
    #expect(error?.kind == .inconsistent)
    #expect(error?.tensor == "student.wte.weight")
    #expect(error?.problem.contains("bert.embeddings.word_embeddings.weight") == true)
    var models = try checkpoint(.bert, .maskedLM)
    for (name, weight) in models.weights {
      try models.insert(weight, as: ExactName("student." + name.string))
    }
    #expect(
      failure { _ = try RecognizedModel(models) }?.tensor
        == "student.bert.embeddings.word_embeddings.weight")
  }

  @Test("A layer under two spellings is told, with both names")
  func spellings() throws {
    var graph = try checkpoint(.bert, .maskedLM)
    for (name, weight) in graph.weights where name.string.hasPrefix("bert.encoder.layer.1.") {
      try graph.insert(weight, as: ExactName(String(name.string.dropFirst(5))))
    }
    let report = try plan(graph).report
    #expect(report.remarks == ["layer 1 is there under two spellings"])
    let twice = report.entries.filter { $0.outcome == .claimedTwice }
    #expect(twice.count == 16)
    #expect(twice.allSatisfy { $0.stored.first?.string.hasPrefix("encoder.layer.1.") == true })
    #expect(twice.first?.detail?.contains("bert.encoder.layer.1.") == true)
    #expect(failure { try report.check() }?.kind == .inconsistent)
    func refusal(ignoring pattern: String) -> CheckpointError? {
      failure { try report.check(mayIgnore: NamePattern(pattern).matches) }
    }
    #expect(refusal(ignoring: "encoder.layer.*") == nil)
    #expect(refusal(ignoring: "encoder.layer.0.*")?.kind == .inconsistent)
  }

  @Test("Another family with a name in common is not taken for a known one")
  func otherFamily() throws {
    let graph = try checkpoint(.gpt2, .causalLM).renamed { name in
      name.string.contains(".h.") && !name.string.contains("ln_1")
        ? ExactName(name.string + ".other") : name
    }
    let error = failure { _ = try RecognizedModel(graph) }
    #expect(error?.kind == .notFound)
    #expect(error?.tensor == "transformer.wte.weight")
  }

  @Test("Ten thousand foreign names are no model, whatever they end with")
  func manyNames() throws {
    let shape = try #require(Shape([2, 2]))
    let weight = try weight(shape, seed: 1)
    for end in ["", ".attention.self.query.weight", ".output.dense.bias"] {
      var graph = WeightGraph()
      for number in 0..<10_000 {
        try graph.insert(weight, as: ExactName("bert.encoder.layer.\(number)\(end)"))
      }
      #expect(failure { _ = try RecognizedModel(graph) }?.kind == .notFound)
    }
  }

  @Test("Certainty says what else would fit")
  func certainty() throws {
    func certainty(
      _ graph: WeightGraph, family: ModelFamily? = nil, head: ModelHead? = nil
    ) throws -> RecognizedModel.Certainty {
      try RecognizedModel(graph, family: family, head: head).certainty
    }
    func isLikely(_ certainty: RecognizedModel.Certainty, _ text: String) -> Bool {
      guard case .likely(let reason) = certainty else { return false }
      return reason.contains(text)
    }
    let masked = try checkpoint(.bert, .maskedLM)
    #expect(isLikely(try certainty(masked), "BertLMHeadModel"))
    #expect(try certainty(masked, head: .maskedLM) == .certain)
    #expect(try certainty(try checkpoint(.bert, .preTraining)) == .certain)
    let body = try checkpoint(.roberta, .base)
    #expect(isLikely(try certainty(body), "bert"))
    #expect(try certainty(body, family: .roberta) == .certain)
    #expect(
      isLikely(
        try certainty(try checkpoint(.bert, .sequenceClassification)), "the pooler only"))
    let ernie = try checkpoint(.bert, .base).renamed { ExactName("ernie." + $0.string) }
    #expect(isLikely(try certainty(ernie, family: .bert), "ernie."))
  }

  @Test("GPT-2's class follows from its output or its prefix; where neither tells, both are named")
  func gpt2() throws {
    let tied = try removing("lm_head.weight", from: try checkpoint(.gpt2, .causalLM))
    let model = try RecognizedModel(tied)
    #expect(model.architecture.head == .causalLM)
    #expect(model.alternatives == [.base])
    let whole = try RecognizedModel(try checkpoint(.gpt2, .causalLM))
    #expect(whole.architecture.head == .causalLM)
    #expect(whole.alternatives.isEmpty)
    let body = try RecognizedModel(try checkpoint(.gpt2, .base))
    #expect(body.architecture.head == .base)
    #expect(body.alternatives == [.causalLM])
    let file = try RecognizedModel(try checkpoint(.gpt2, .causalLM, in: .tensorFlow))
    #expect(file.architecture.head == .causalLM)
    #expect(file.certainty == .certain)
  }
}
