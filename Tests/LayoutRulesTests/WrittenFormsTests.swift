import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

@Suite("Names as tools write them around and inside a model's own") struct WrittenFormsTests {
  /// The names of TensorFlow's shards: those of a file without Keras layer and scope.
  private func short(_ graph: WeightGraph, under front: String = "") throws -> WeightGraph {
    var short = WeightGraph()
    for (name, weight) in graph.weights {
      let parts = name.string.split(separator: "/").dropFirst(2)
      let new = ExactName(front + parts.joined(separator: "/"))
      if short.weights[new] == nil { try short.insert(weight, as: new) }
    }
    return short
  }

  private func expectSame(_ found: BoundModel, _ expected: BoundModel, _ what: String) throws {
    #expect(found.report.problems.isEmpty, "\(what): \(found.report.problemLines)")
    #expect(Array(found.graph.weights.keys) == Array(expected.graph.weights.keys), "\(what)")
    for (name, weight) in expected.graph.weights {
      let other = try #require(found.graph.weights[name])
      #expect(try bytes(of: other) == bytes(of: weight), "\(what): \(name)")
    }
  }

  @Test("TensorFlow's names are known without layer and scope, and behind a chain of Keras models")
  func tensorFlow() throws {
    for family in ownFamilies {
      for head in family.heads {
        guard let graph = try? checkpoint(family, head, in: .tensorFlow) else { continue }
        let whole = try plan(graph, head: head)
        for front in ["", "tf_model/tf_model/", "a/b_1/tf_bert_model_2/", "model_weights/x/bert/"] {
          let graph = try short(graph, under: front)
          let model = try RecognizedModel(graph, head: head)
          #expect(model.layout == .tensorFlow)
          #expect(model.wrapper == front)
          #expect(model.hasUnusualWrapper == !front.isEmpty)
          try expectSame(
            try BoundModel(graph, as: model), whole, "\(family) \(head) under \(front)")
        }
      }
    }
  }

  @Test("The class that Keras models are called by tells the head")
  func classInChain() throws {
    let graph = try short(
      try checkpoint(.bert, .causalLM, in: .tensorFlow), under: "outer/tf_bert_lm_head_model_3/")
    #expect(try RecognizedModel(graph).architecture.head == .causalLM)
  }

  @Test("An optimizer's copies of the embeddings are no second model")
  func optimizer() throws {
    let graph = try checkpoint(.bert, .base, in: .tensorFlow)
    var trained = try graph.renamed { ExactName("model_weights/a/" + $0.string) }
    for (name, weight) in graph.weights {
      try trained.insert(weight, as: ExactName("optimizer_weights/Adam/m/" + name.string))
    }
    try expectSame(try plan(trained), try plan(graph), "with its optimizer")
  }

  @Test("Wrappers are taken out wherever they stand", arguments: SeededGenerator.seeds)
  func wrappers(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let known = [
      "module", "_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module",
      "_forward_module",
    ]
    for family in ownFamilies {
      for head in family.heads {
        let graph = try checkpoint(family, head)
        // Each path to a module is wrapped or not, as modules are.
        var wrapped: [String: String] = [:]
        let renamed = try graph.renamed { name in
          let parts = name.string.split(separator: ".").map(String.init)
          var path = ""
          var text = ""
          for part in parts.dropLast() {
            if wrapped[path] == nil {
              let count = Int.random(in: 0...5, using: &random) - 3
              wrapped[path] = (0..<max(0, count)).map { _ in
                known[Int.random(in: 0..<known.count, using: &random)] + "."
              }.joined()
            }
            text += (wrapped[path] ?? "") + part + "."
            path += part + "."
          }
          return ExactName(text + (parts.last ?? ""))
        }
        try expectSame(
          try plan(renamed, family: family, head: head),
          try plan(graph, family: family, head: head), "\(family) \(head)")
        #expect(try RecognizedModel(renamed, family: family, head: head).wrapper == wrapped[""])
      }
    }
  }

  @Test("What stands before the names is told apart from what stands inside them")
  func places() throws {
    let graph = try checkpoint(.bert, .base).renamed { name in
      let inside = name.string.hasPrefix("encoder.layer.1.")
      let text = inside ? "encoder.layer.1._orig_mod." + name.string.dropFirst(16) : name.string
      return ExactName("state_dict.model.module." + text)
    }
    let model = try RecognizedModel(graph)
    #expect(model.wrapper == "state_dict.model.module.")
    #expect(model.innerWrappers == ["_orig_mod"])
    #expect(!model.hasUnusualWrapper)
    #expect(!model.isAsWritten)
  }

  @Test("Two names that are one without wrappers are told, and none is taken for the other")
  func clash() throws {
    var graph = try checkpoint(.bert, .base)
    for (name, weight) in graph.weights where name.string.hasPrefix("encoder.layer.0.") {
      let text = "encoder.layer.0._orig_mod." + name.string.dropFirst(16)
      try graph.insert(weight, as: ExactName(text))
    }
    let report = try plan(graph).report
    #expect(report.remarks == ["layer 0 is there under two spellings"])
    let error = failure { try report.check() }
    #expect(error?.kind == .inconsistent)
    #expect(error?.tensor?.contains("._orig_mod.") == true)
    #expect(error?.problem.contains("it is 'encoder.layer.0.") == true)
    let whole = try graph.renamed { NamePattern("*._orig_mod.*").matches($0) ? nil : $0 }
    #expect(try plan(whole).report.problems.isEmpty)
  }

  @Test("A head's bias may be there as the decoder's alone")
  func decoderBias() throws {
    let classes: [(ModelFamily, ModelHead, ExactName, ExactName)] = [
      (.bert, .maskedLM, "cls.predictions.bias", "cls.predictions.decoder.bias"),
      (.bert, .causalLM, "cls.predictions.bias", "cls.predictions.decoder.bias"),
      (.bert, .preTraining, "cls.predictions.bias", "cls.predictions.decoder.bias"),
      (.roberta, .maskedLM, "lm_head.bias", "lm_head.decoder.bias"),
      (.roberta, .causalLM, "lm_head.bias", "lm_head.decoder.bias"),
    ]
    for (family, head, bias, decoder) in classes {
      let whole = try checkpoint(family, head)
      let graph = try removing(bias, from: whole)
      let model = try RecognizedModel(graph)
      #expect(model.architecture.head == head || model.alternatives.contains(head))
      let loaded = try plan(graph, head: head)
      try expectSame(loaded, try plan(whole, head: head), "\(family) \(head)")
      let entry = loaded.report.entries.first { $0.parameters == [bias] }
      #expect(entry?.outcome == .tied)
      #expect(entry?.detail == "it is '\(decoder)'")
      let neither = try removing(decoder, from: graph)
      #expect(failure { _ = try RecognizedModel(neither, head: head) } != nil)
    }
  }
}

@Suite("Parametrised modules") struct ParametrizedTests {
  private func graph(_ name: String, _ parts: [String]) throws -> WeightGraph {
    var graph = try checkpoint(.bert, .sequenceClassification)
    let weight = try #require(graph.weights[ExactName(name)])
    graph = try removing(ExactName(name), from: graph)
    for part in parts { try graph.insert(weight, as: ExactName(part)) }
    return graph
  }

  private static let query = "bert.encoder.layer.0.attention.self.query."
  private static let forms: [([String], String)] = [
    (["weight_orig", "weight_mask"], "prune.remove"),
    (["weight_orig", "weight_u", "weight_v"], "remove_spectral_norm"),
    (["weight_g", "weight_v"], "remove_weight_norm"),
    (["parametrizations.weight.original"], "remove_parametrizations"),
    (
      ["parametrizations.weight.original0", "parametrizations.weight.original1"],
      "remove_parametrizations"
    ),
    (["parametrizations.weight.original", "parametrizations.weight.0.base"], "remove_param"),
  ]

  @Test("A part is never proposed for the parameter, whatever else is left out")
  func advice() throws {
    for (parts, call) in Self.forms {
      let names = parts.map { Self.query + $0 }
      let graph = try graph(Self.query + "weight", names)
      let report = try plan(graph).report
      let missing = try #require(report.problems.first { $0.outcome == .missing })
      #expect(missing.suggestion == nil)
      #expect(missing.detail?.contains(names[0]) == true)
      let error = failure { try report.check() }
      #expect(error?.tensor == Self.query + "weight")
      #expect(error?.remedy?.description.contains(call) == true, "\(parts)")
      // One part left, and the parameter allowed to be missing: the other part is still none.
      let first = try plan(try removing(ExactName(names[0]), from: graph)).report
      if names.count > 1 {
        #expect(
          failure { try first.check() }?.remedy?.description.contains("torch.nn.utils") == true)
      }
      let rest = failure { try report.check(mayMiss: { _ in true }) }
      #expect(rest?.remedy?.description.contains("torch.nn.utils") == true)
    }
  }

  @Test("Embeddings and heads are told so too")
  func elsewhere() throws {
    let words = "bert.embeddings.word_embeddings.weight"
    let positions = "bert.embeddings.position_embeddings.weight"
    for name in [words, positions] {
      let error = failure { _ = try plan(try graph(name, [name + "_orig", name + "_mask"])) }
      #expect(error?.tensor == name)
      #expect(error?.remedy?.description.contains("prune.remove") == true)
    }
    let head = try graph("classifier.weight", ["classifier.weight_g", "classifier.weight_v"])
    let error = failure { try plan(head).report.check() }
    #expect(error?.remedy?.description.contains("torch.nn.utils") == true)
  }
}
