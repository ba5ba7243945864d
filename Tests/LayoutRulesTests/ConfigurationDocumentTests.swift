import CheckpointBytes
import LayoutRules
import ModelFamilies
import TestSupport
import Testing

@Suite struct ConfigurationDocumentTests {
  @Test(
    "Unknown heads are 64 wide where published models have them so, which is said; of other widths nothing is guessed"
  )
  func heads() throws {
    func model(hidden: Int) throws -> ModelArchitecture {
      let sizes = ModelSizes(
        hidden: hidden, layers: 1, intermediate: 8, vocabulary: 60_000, positions: 8, tokenTypes: 2)
      return try ModelArchitecture(family: .bert, head: .base, sizes: sizes)
    }
    let assumed = try ConfigurationDocument.transformers(for: model(hidden: 512))
    #expect(assumed.value["num_attention_heads"]?.integer == 8)
    #expect(assumed.assumptions.contains { $0.hasPrefix("8 attention heads") })
    let stated = try ConfigurationDocument.transformers(for: model(hidden: 384), attentionHeads: 12)
    #expect(stated.value["num_attention_heads"]?.integer == 12)
    #expect(!stated.assumptions.contains { $0.contains("attention heads") })
    for hidden in [24, 384] {
      let error = try #require(
        failure { _ = try ConfigurationDocument.transformers(for: model(hidden: hidden)) })
      #expect(error == CheckpointError(.notFound, .init(field: "attention heads"), ""))
      #expect(error.remedy?.remedies == [.attentionHeads])
    }
    for heads in [0, -3, 5] {
      let wrong = failure {
        _ = try ConfigurationDocument.transformers(for: model(hidden: 24), attentionHeads: heads)
      }
      #expect(wrong?.kind == .inconsistent)
    }
    let known = try architecture(.bert, .base)
    let other = failure {
      _ = try ConfigurationDocument.transformers(for: known, attentionHeads: 2)
    }
    #expect(other?.kind == .inconsistent)
  }

  @Test("Special tokens beyond the vocabulary are none, and that is said")
  func specialTokens() throws {
    let small = try ConfigurationDocument.transformers(for: architecture(.gpt2, .base))
    #expect(small.value["eos_token_id"] == .null)
    #expect(small.assumptions.contains("there is no eos_token_id"))
    let roberta = try ConfigurationDocument.transformers(for: architecture(.roberta, .base))
    #expect(roberta.value["pad_token_id"]?.integer == 1)
    #expect(roberta.assumptions.contains { $0.hasPrefix("pad_token_id 1") })
    let known = try ConfigurationDocument.transformers(
      for: architecture(.gpt2, .base), vocabulary: ["<|endoftext|>": 3])
    #expect(known.value["eos_token_id"]?.integer == 3)
    #expect(!known.assumptions.contains { $0.contains("token_id") })
  }

  @Test("KerasHub's own configurations become Transformers', of the same sizes")
  func fromKerasHub() throws {
    for item in try #require(try JSONFixture.value("configurations/keras-hub.json").elements) {
      let preset = try ModelConfiguration(presetFixture: item)
      let model = try ModelArchitecture(
        family: preset.family, head: preset.heads[0], sizes: preset.sizes)
      let written = ConfigurationDocument.transformers(for: model, from: preset)
      let found = try ModelConfiguration(parsing: written.bytes, file: "config.json")
      #expect(found.convention == .transformers)
      #expect(found.sizes == preset.sizes)
      #expect(found.heads == preset.heads)
      #expect(found.activation == (preset.family == .roberta ? "gelu" : "gelu_new"))
      #expect(found.normalizationEpsilon == preset.family.definition.settings.publishedEpsilon)
      #expect(written.losses.isEmpty == (item["class"]?.string != "BertMaskedLM"))
    }
  }

  @Test(
    "An activation that KerasHub's classifier applies to its scores is a loss",
    arguments: [
      (#""softmax""#, "softmax"), ("null", nil), (#""linear""#, nil),
      (#"{"module": "keras.layers", "class_name": "Softmax", "config": {"axis": -1}}"#, "Softmax"),
    ])
  func scoreActivation(_ stated: String, _ expected: String?) throws {
    let presets = try #require(try JSONFixture.value("configurations/keras-hub.json").elements)
    let item = try #require(presets.first { $0["class"]?.string == "BertTextClassifier" })
    let task = try #require(item["files"]?["task.json"]?.string)
    let parts = task.split(
      separator: "\"activation\": \"linear\"", omittingEmptySubsequences: false)
    #expect(parts.count == 2)
    let preset = try ModelConfiguration(
      parsing: Array(try #require(item["files"]?["config.json"]?.string).utf8), file: "config.json",
      task: (Array(parts.joined(separator: "\"activation\": \(stated)").utf8), "task.json"))
    #expect(preset.scoreActivation == expected)
    let model = try ModelArchitecture(
      family: preset.family, head: preset.heads[0], sizes: preset.sizes)
    let losses = ConfigurationDocument.transformers(for: model, from: preset).losses
    #expect(losses.map(\.key) == (expected == nil ? [] : ["activation"]))
  }

  @Test("A preset's files are what KerasHub writes")
  func preset() throws {
    for item in try #require(try JSONFixture.value("configurations/keras-hub.json").elements) {
      let stated = try ModelConfiguration(presetFixture: item)
      let model = try ModelArchitecture(
        family: stated.family, head: stated.heads[0], sizes: stated.sizes)
      let preset = try KerasHubPreset(model, configuration: nil)
      let files = try #require(item["files"])
      func value(_ name: String) throws -> JSONValue? {
        try files[ExactName(name)]?.string.map {
          try JSONValue(parsing: Array($0.utf8), context: name)
        }
      }
      let name = item["class"]?.string ?? ""
      #expect(preset.backbone == (try value("config.json")), "\(name)")
      #expect(preset.task == (try value("task.json")), "\(name)")
    }
  }

  @Test(
    "What KerasHub computes otherwise is refused",
    arguments: [
      ("hidden_act", #""relu""#, ModelFamily.bert), ("is_decoder", "true", .bert),
      ("add_cross_attention", "true", .roberta),
      ("position_embedding_type", #""relative_key""#, .bert),
      ("pad_token_id", "0", .roberta), ("tie_word_embeddings", "false", .roberta),
      ("scale_attn_weights", "false", .gpt2),
      ("scale_attn_by_inverse_layer_idx", "true", .gpt2),
      ("activation_function", #""silu""#, .gpt2),
      ("tie_word_embeddings", "false", .gpt2),
    ])
  func refusals(_ key: String, _ value: String, _ family: ModelFamily) throws {
    let model = try architecture(family, family == .gpt2 ? .causalLM : .maskedLM)
    func stated(_ extra: String) throws -> ModelConfiguration {
      let width = family == .gpt2 ? "n_head" : "num_attention_heads"
      return try configuration("{\"model_type\": \"\(family)\", \"\(width)\": 3\(extra)}")
    }
    _ = try KerasHubPreset(model, configuration: stated(""))
    let error = try #require(
      failure {
        _ = try KerasHubPreset(model, configuration: stated(", \"\(key)\": \(value)"))
      })
    #expect(error == CheckpointError(.unsupported, file: "dir/config.json", field: key, ""))
  }

  @Test("What KerasHub computes slightly otherwise is named")
  func losses() throws {
    func losses(_ family: ModelFamily, _ head: ModelHead, _ text: String) throws -> [String] {
      let width = family == .gpt2 ? "n_head" : "num_attention_heads"
      let stated = try configuration("{\"model_type\": \"\(family)\", \"\(width)\": 3\(text)}")
      return try KerasHubPreset(architecture(family, head), configuration: stated).losses
        .map(\.setting)
    }
    #expect(try losses(.bert, .base, "").map { $0.prefix(15) } == ["activation gelu"])
    #expect(try losses(.bert, .base, #", "hidden_act": "gelu_new""#) == [])
    #expect(try losses(.bert, .maskedLM, #", "hidden_act": "gelu_new""#).count == 1)
    #expect(try losses(.roberta, .base, "").map { $0.prefix(7) } == ["epsilon"])
    #expect(try losses(.roberta, .base, #", "layer_norm_eps": 1e-05"#) == [])
    #expect(try losses(.gpt2, .causalLM, "") == [])
    #expect(try losses(.gpt2, .causalLM, #", "activation_function": "gelu""#).count == 1)
    let labels = #", "hidden_act": "gelu_new", "id2label": {"0": "no", "1": "yes"}"#
    #expect(try losses(.bert, .sequenceClassification, labels).count == 1)
  }

  @Test("A head that KerasHub has no task for is refused")
  func missingTask() throws {
    let error = failure {
      _ = try KerasHubPreset(architecture(.bert, .questionAnswering), configuration: nil)
    }
    #expect(error == CheckpointError(.unsupported, .init(field: "architectures"), ""))
  }
}
