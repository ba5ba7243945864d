import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import Testing
import WeightGraph

@Suite struct LayoutTableTests {
  @Test(
    "Out into a layout and back is the identity, for every head and for square matrices too",
    arguments: Layout.allCases, ownFamilies)
  func inverse(layout: Layout, family: ModelFamily) throws {
    for head in heads(of: family, in: layout) {
      for (layers, isSquare) in [(1, false), (3, false), (2, true)] {
        let model = try architecture(
          family, head, layers: layers, isSquare: isSquare,
          hasPooler: lacksPooler(layout, family) ? false : nil)
        let canonical = try canonicalGraph(model, zerosWhereUnused: true)
        let saved = try SavePlan(canonical, of: model, in: layout, mayLose: anything)
        // KerasHub's names of a bare DistilBERT are those of a bare RoBERTa.
        let isShared = layout == .kerasHub && family == .distilBert && head == .base
        let recognized = try RecognizedModel(
          saved.graph, family: isShared ? family : nil, head: head)
        #expect(recognized.layout == layout)
        #expect(recognized.architecture.parameters == model.parameters, "\(head)")
        let loaded = try BoundModel(saved.graph, as: recognized, fill: .zeros(for: anything))
        #expect(loaded.report.problems.isEmpty, "\(head)")
        #expect(Array(loaded.graph.weights.keys) == Array(canonical.weights.keys))
        for (name, weight) in canonical.weights {
          let back = try #require(loaded.graph.weights[name])
          #expect(back.shape == weight.shape)
          #expect(try bytes(of: back) == bytes(of: weight), "\(head) \(name)")
        }
      }
    }
  }

  private func heads(of family: ModelFamily, in layout: Layout) -> [ModelHead] {
    switch (layout, family) {
    case (.tensorFlow, .gpt2): [.base, .causalLM, .doubleHeads, .sequenceClassification]
    case (.tensorFlow, .electra): family.heads.filter { $0 != .causalLM }
    case (.transformers, _), (.tensorFlow, _): family.heads
    case (.kerasHub, .electra): [.base]
    case (.kerasHub, .bert): [.base, .sequenceClassification]
    case (.kerasHub, .roberta), (.kerasHub, .distilBert):
      [.base, .maskedLM, .sequenceClassification]
    case (.fairseq, .roberta): [.base, .maskedLM, .causalLM, .sequenceClassification]
    case (.kerasHub, .gpt2), (.openAI, .gpt2): [.base, .causalLM]
    case (.google, .bert):
      [.base, .maskedLM, .preTraining, .nextSentence, .sequenceClassification, .questionAnswering]
    default: []
    }
  }

  @Test(
    "What a layout does not have is refused", arguments: Layout.allCases, ownFamilies)
  func refusals(layout: Layout, family: ModelFamily) throws {
    for head in family.heads where !heads(of: family, in: layout).contains(head) {
      // Of this one a part can be written; see `AbsenceTests`.
      if layout == .kerasHub && head == .preTraining { continue }
      let model = try architecture(family, head)
      let canonical = try canonicalGraph(model)
      let error = failure { _ = try SavePlan(canonical, of: model, in: layout) }
      #expect(error?.kind == .unsupported, "\(head)")
    }
  }

  @Test("KerasHub's heads have an axis of their own, and queries, keys and values are apart")
  func kerasHeads() throws {
    let model = try architecture(.gpt2, .causalLM)
    let canonical = try canonicalGraph(model)
    let graph = try SavePlan(canonical, of: model, in: .kerasHub).graph
    let block = "layers/gpt2_backbone/layers/transformer_decoder_1/_self_attention_layer/"
    let key = try #require(graph.weights[ExactName(block + "key_dense/vars/0")])
    #expect(key.shape == Shape([6, 3, 2]))
    let packed = try #require(canonical.weights["transformer.h.1.attn.c_attn.weight"])
    #expect(try bytes(of: key) == bytes(of: try packed.sliced(axis: 1, 6..<12)))
  }

  @Test("TensorFlow's kernels are transposed, though they are square")
  func kernels() throws {
    let model = try architecture(.bert, .base, isSquare: true)
    let canonical = try canonicalGraph(model)
    let graph = try SavePlan(canonical, of: model, in: .tensorFlow).graph
    let kernel = try #require(
      graph.weights["bert/tf_bert_model/bert/encoder/layer_._1/attention/self/key/kernel:0"])
    let own = try #require(canonical.weights["encoder.layer.1.attention.self.key.weight"])
    let turned = try own.transposed([1, 0])
    #expect(try bytes(of: kernel) == bytes(of: turned))
    #expect(try bytes(of: kernel) != bytes(of: own))
  }

  @Test("GPT-2's Conv1D is as it is in TensorFlow, its bias a row")
  func convolutions() throws {
    let model = try architecture(.gpt2, .base)
    let canonical = try canonicalGraph(model)
    let graph = try SavePlan(canonical, of: model, in: .tensorFlow).graph
    let block = "transformer/tfgpt2_model/transformer/h_._0/attn/c_attn/"
    let matrix = try #require(graph.weights[ExactName(block + "weight:0")])
    let own = try #require(canonical.weights["h.0.attn.c_attn.weight"])
    #expect(try bytes(of: matrix) == bytes(of: own))
    #expect(graph.weights[ExactName(block + "bias:0")]?.shape == Shape([1, 18]))
  }

  @Test("A language model's embeddings are repeated under its TensorFlow head, and to be compared")
  func repeats() throws {
    let graph = try checkpoint(.bert, .maskedLM, in: .tensorFlow)
    let words: ExactName =
      "mlm___cls/tf_bert_for_masked_lm/bert/embeddings/word_embeddings/weight:0"
    #expect(graph.weights[words] != nil)
    let plan = try plan(graph)
    #expect(plan.mustEqual.count == 5)
    #expect(
      plan.mustEqual.contains(
        EqualPair(
          first: "bert/tf_bert_for_masked_lm/bert/embeddings/word_embeddings/weight:0",
          second: words)))
    #expect(plan.graph.aliases["cls.predictions.decoder.weight"] != nil)
  }

  @Test("What a layout holds as one has to be equal")
  func untied() throws {
    let model = try architecture(.gpt2, .causalLM)
    let saved = try SavePlan(try canonicalGraph(model), of: model, in: .tensorFlow)
    #expect(
      saved.mustEqual == [EqualPair(first: "transformer.wte.weight", second: "lm_head.weight")])
  }

  @Test("Names in another scope, or in none, are read too", arguments: ["tf_other_model_3/", ""])
  func scopes(_ scope: String) throws {
    let other = try checkpoint(.bert, .preTraining, in: .tensorFlow).renamed { name in
      let parts = name.string.split(separator: "/", maxSplits: 2)
      return ExactName("\(parts[0])/\(scope)\(parts[2])")
    }
    let model = try RecognizedModel(other)
    #expect(model.architecture.head == .preTraining)
    #expect(try BoundModel(other, as: model).report.problems.isEmpty)
  }

  @Test(
    "The scope is the class's name as Keras spells it",
    arguments: [
      (.bert, .maskedLM, "tf_bert_for_masked_lm/"), (.bert, .causalLM, "tf_bert_lm_head_model/"),
      (.roberta, .causalLM, "tf_roberta_for_causal_lm/"), (.gpt2, .base, "tfgpt2_model/"),
      (.gpt2, .causalLM, "tfgpt2lm_head_model/"),
      (.gpt2, .doubleHeads, "tfgpt2_double_heads_model/"),
      (.gpt2, .sequenceClassification, "tfgpt2_for_sequence_classification/"),
    ] as [(ModelFamily, ModelHead, String)])
  func scopeNames(_ sample: (ModelFamily, ModelHead, String)) throws {
    let graph = try checkpoint(sample.0, sample.1, in: .tensorFlow)
    let body = sample.0 == .gpt2 ? "transformer/" : sample.0.name + "/"
    #expect(graph.weights.keys.contains { $0.string.hasPrefix(body + sample.2) })
  }
}
