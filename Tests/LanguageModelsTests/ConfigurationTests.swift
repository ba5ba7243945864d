import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import Testing

/// A JSON object of a text.
func document(_ text: String) throws -> JSONValue {
  try JSONValue(parsing: Array(text.utf8), context: "settings")
}

@Suite struct ConfigurationTests {
  // The defaults of `BertConfig()`, `RobertaConfig()` and `GPT2Config()`, Transformers 5.23.

  @Test("BERT's settings have Transformers' defaults")
  func bertDefaults() throws {
    let bert = try BertConfig(document("{}"))
    #expect(bert.vocabularySize == 30522)
    #expect(bert.hiddenSize == 768)
    #expect(bert.layerCount == 12)
    #expect(bert.headCount == 12)
    #expect(bert.intermediateSize == 3072)
    #expect(bert.activation == "gelu")
    #expect(bert.positionCount == 512)
    #expect(bert.tokenTypeCount == 2)
    #expect(bert.layerNormEpsilon == 1e-12)
    #expect(bert.padTokenID == 0)
    #expect(bert.bosTokenID == nil)
    #expect(bert.eosTokenIDs.isEmpty)
    #expect(!bert.isDecoder)
    #expect(bert.tiesWordEmbeddings)
    #expect(bert.labels.count == 2)
    #expect(bert.problemType == nil)
  }

  @Test("RoBERTa's differ in the vocabulary and the special tokens")
  func robertaDefaults() throws {
    let roberta = try RobertaConfig(document("{}"))
    #expect(roberta.vocabularySize == 50265)
    #expect(roberta.layerNormEpsilon == 1e-12)
    #expect(roberta.padTokenID == 1)
    #expect(roberta.bosTokenID == 0)
    #expect(roberta.eosTokenIDs == [2])
  }

  @Test("GPT-2's settings have Transformers' defaults")
  func gpt2Defaults() throws {
    let gpt2 = try GPT2Config(document("{}"))
    #expect(gpt2.vocabularySize == 50257)
    #expect(gpt2.positionCount == 1024)
    #expect(gpt2.intermediateSize == 3072)
    #expect(gpt2.activation == "gelu_new")
    #expect(gpt2.layerNormEpsilon == 1e-5)
    #expect(gpt2.scalesAttention)
    #expect(!gpt2.scalesAttentionByLayer)
    #expect(!gpt2.upcastsAttention)
    #expect(gpt2.summaryType == .classIndex)
    #expect(gpt2.summaryActivation == nil)
    #expect(gpt2.padTokenID == nil)
    #expect(gpt2.eosTokenIDs == [50256])
    #expect(gpt2.usesCache)
    #expect(gpt2.normsLastHiddenState)
  }

  @Test("GPT-2's sizes have general names too, which go first")
  func attributeMap() throws {
    let gpt2 = try GPT2Config(
      document(#"{"hidden_size": 24, "n_embd": 48, "num_attention_heads": 3, "n_layer": 2}"#))
    #expect(gpt2.hiddenSize == 24)
    #expect(gpt2.headCount == 3)
    #expect(gpt2.layerCount == 2)
    #expect(gpt2.intermediateSize == 96)
  }

  /// What `AutoConfig.from_pretrained` of Transformers 5.23 gives: `num_labels` and `id2label`.
  @Test(
    "num_labels says how many labels there are, and id2label names them if it has as many",
    arguments: [
      (#"{}"#, ["LABEL_0", "LABEL_1"]), (#"{"id2label": null}"#, ["LABEL_0", "LABEL_1"]),
      (#"{"id2label": {"0": "no"}}"#, ["no"]),
      (#"{"id2label": {"0": "no", "1": "yes", "2": "perhaps"}}"#, ["no", "yes", "perhaps"]),
      (#"{"num_labels": 1}"#, ["LABEL_0"]),
      (#"{"num_labels": 3, "id2label": null}"#, ["LABEL_0", "LABEL_1", "LABEL_2"]),
      (#"{"num_labels": 3, "id2label": {}}"#, ["LABEL_0", "LABEL_1", "LABEL_2"]),
      (#"{"num_labels": 1, "id2label": {"0": "no", "1": "yes"}}"#, ["LABEL_0"]),
      (#"{"num_labels": 2, "id2label": {"0": "no"}}"#, ["LABEL_0", "LABEL_1"]),
      (#"{"num_labels": 2, "id2label": {"0": "no", "1": "yes"}}"#, ["no", "yes"]),
      (
        #"{"num_labels": 3, "id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0}}"#,
        ["LABEL_0", "LABEL_1", "LABEL_2"]
      ),
      (#"{"id2label": {"1": "b", "0": "a", "2": "c"}}"#, ["a", "b", "c"]),
      (#"{"id2label": {"0": 0, "1": 0.5, "2": true}}"#, ["0", "0.5", "true"]),
      (#"{"label2id": {"A": 0, "B": 1, "C": 2}}"#, ["LABEL_0", "LABEL_1"]),
    ])
  func labels(_ text: String, _ names: [String]) throws {
    let labels = try BertConfig(document(text)).labels
    #expect(labels.count == names.count)
    #expect((0..<labels.count).map(labels.name) == names)
    let file = try ModelConfiguration(
      parsing: Array(
        text.replacing("{", with: #"{"model_type": "bert", "#, maxReplacements: 1)
          .replacing(#", }"#, with: "}").utf8), file: "config.json")
    #expect(file.labelCount == names.count)
  }

  @Test(
    "Labels of another form are malformed, with the key",
    arguments: [
      (#"{"id2label": {"a": "b"}}"#, "id2label"), (#"{"id2label": ["a", "b"]}"#, "id2label"),
      (#"{"id2label": {"1.0": "b"}}"#, "id2label"), (#"{"num_labels": "3"}"#, "num_labels"),
      (#"{"num_labels": 2.5}"#, "num_labels"), (#"{"num_labels": -1}"#, "num_labels"),
    ])
  func malformedLabels(_ text: String, _ field: String) throws {
    let error = failure { _ = try BertConfig(document(text)) }
    #expect(error?.kind == .malformed && error?.site.field == field)
  }

  @Test(
    "What changes the result and is not implemented is refused, and named",
    arguments: [
      (#"{"position_embedding_type": "relative_key"}"#, "position_embedding_type"),
      (#"{"add_cross_attention": true}"#, "add_cross_attention"),
      (#"{"is_encoder_decoder": true}"#, "is_encoder_decoder"),
      (#"{"transformers_weights": "other.safetensors"}"#, "transformers_weights"),
      (#"{"quantization_config": {"quant_method": "gptq"}}"#, "quantization_config"),
      (#"{"per_layer_config": {"0": {"hidden_act": "relu"}}}"#, "per_layer_config"),
      (#"{"pruned_heads": {"0": [1]}}"#, "pruned_heads"),
    ])
  func unsupported(_ text: String, _ key: String) throws {
    let settings = try document(text)
    for error in [
      failure { _ = try BertConfig(settings, file: "config.json") },
      failure { _ = try RobertaConfig(settings, file: "config.json") },
      failure { _ = try GPT2Config(settings, file: "config.json") },
    ] {
      #expect(error?.kind == .unsupported)
      #expect(error?.site == CheckpointError.Site(file: "config.json", field: key))
    }
  }

  @Test("Another mask than the model's own is refused, even if a null asks for it")
  func causality() throws {
    func accepts<Configuration: ModelConfig>(
      _ type: Configuration.Type, _ text: String
    ) throws -> Bool {
      let settings = try document(text)
      let error = failure { _ = try Configuration(settings, file: nil) }
      #expect(error == nil || error?.site.field == "is_causal" && error?.kind == .unsupported)
      return error == nil
    }
    for (value, isCausal) in [("true", true), ("false", false), ("null", false)] {
      let text = "{\"is_causal\": \(value)}"
      let decoder = "{\"is_decoder\": true, \"is_causal\": \(value)}"
      #expect(try accepts(GPT2Config.self, text) == isCausal)
      #expect(try accepts(BertConfig.self, text) == !isCausal)
      #expect(try accepts(RobertaConfig.self, text) == !isCausal)
      #expect(try accepts(BertConfig.self, decoder) == isCausal)
    }
  }

  @Test("The implementation of attention decides about tokens that may see nothing, and is known")
  func attentionImplementation() throws {
    for (text, blindRows) in [
      ("{}", nil), (#"{"attn_implementation": "sdpa"}"#, nil),
      (#"{"attn_implementation": "eager"}"#, .average),
      (#"{"_attn_implementation": "eager", "attn_implementation": null}"#, .average),
    ] as [(String, RunOptions.BlindRows?)] {
      #expect(try BertConfig(document(text)).blindRows == blindRows)
      #expect(try GPT2Config(document(text)).blindRows == blindRows)
    }
    for key in ["attn_implementation", "_attn_implementation"] {
      let settings = try document("{\"\(key)\": \"flash_attention_2\"}")
      #expect(failure { _ = try BertConfig(settings) }?.site.field == key)
      #expect(failure { _ = try GPT2Config(settings) }?.kind == .unsupported)
    }
  }

  @Test(
    "What changes nothing is accepted",
    arguments: [
      #"{"position_embedding_type": "absolute", "pruned_heads": {}, "is_encoder_decoder": false}"#,
      #"{"transformers_version": "4.1", "gradient_checkpointing": false, "my_note": [1, {}]}"#,
      #"{"fusion_config": {}, "per_layer_config": {}, "transformers_weights": null}"#,
      #"{"torch_dtype": "float16", "use_cache": false, "_name_or_path": "", "output_past": true}"#,
    ])
  func metadata(_ text: String) throws {
    let settings = try document(text)
    #expect(try BertConfig(settings) == BertConfig(document("{}")))
    #expect(try RobertaConfig(settings) == RobertaConfig(document("{}")))
    _ = try GPT2Config(settings)
  }

  @Test(
    "A value of the wrong type is malformed",
    arguments: [
      (#"{"hidden_size": "768"}"#, "hidden_size"), (#"{"hidden_size": 7.5}"#, "hidden_size"),
      (#"{"num_hidden_layers": 0}"#, "num_hidden_layers"), (#"{"hidden_act": 3}"#, "hidden_act"),
      (#"{"layer_norm_eps": null}"#, "layer_norm_eps"), (#"{"is_decoder": 1}"#, "is_decoder"),
      (#"{"eos_token_id": [1, "2"]}"#, "eos_token_id"),
      (#"{"problem_type": "guessing"}"#, "problem_type"),
      (#"{"architectures": "BertModel"}"#, "architectures"),
      (#"{"vocab_size": 99999999999999999999}"#, "vocab_size"),
    ])
  func malformed(_ text: String, _ key: String) throws {
    let settings = try document(text)
    let error = failure { _ = try BertConfig(settings) }
    #expect(error?.kind == .malformed)
    #expect(error?.site.field == key)
  }

  @Test("Another family's configuration is refused")
  func otherFamily() throws {
    let settings = try document(#"{"model_type": "gpt2"}"#)
    #expect(failure { _ = try BertConfig(settings) }?.site.field == "model_type")
    #expect(try GPT2Config(settings).layerCount == 12)
    #expect(failure { _ = try BertConfig(.array([])) }?.kind == .malformed)
  }

  @Test("Heads that do not divide the width contradict it")
  func heads() throws {
    let settings = try document(#"{"hidden_size": 10, "num_attention_heads": 3}"#)
    #expect(failure { _ = try BertConfig(settings) }?.kind == .inconsistent)
    let gpt2 = try document(#"{"n_embd": 10, "n_head": 3}"#)
    #expect(failure { _ = try GPT2Config(gpt2) }?.kind == .inconsistent)
  }

  @Test("The class is the first that a configuration names")
  func modelClass() throws {
    let settings = try document(#"{"architectures": ["RobertaForMaskedLM", "RobertaModel"]}"#)
    #expect(try ModelClass(configuration: settings).name == "RobertaForMaskedLM")
    #expect(failure { _ = try ModelClass(configuration: document("{}")) }?.kind == .notFound)
    let other = try document(#"{"architectures": ["LlamaForCausalLM"]}"#)
    #expect(failure { _ = try ModelClass(configuration: other) }?.kind == .unsupported)
  }
}

@Suite struct GenerationSettingsTests {
  @Test("Settings are read under the reference's names")
  func reading() throws {
    let settings = try GenerationSettings(
      document(
        #"""
        {"max_length": 50, "do_sample": true, "num_beams": 4, "early_stopping": "never",
         "length_penalty": 2, "temperature": 0.7, "top_k": 0, "top_p": 0.9, "eos_token_id": [3, 4],
         "pad_token_id": null, "transformers_version": "5.23.0", "_from_model_config": true}
        """#))
    #expect(settings.maxLength == 50)
    #expect(settings.samples == true)
    #expect(settings.beamCount == 4)
    #expect(settings.earlyStopping == .never)
    #expect(settings.lengthPenalty == 2)
    #expect(settings.temperature == 0.7)
    #expect(settings.topK == 0)
    #expect(settings.topP == 0.9)
    #expect(settings.eosTokenIDs == [3, 4])
    #expect(settings.padTokenID == nil)
    #expect(settings.maxNewTokens == nil)
  }

  @Test(
    "A setting that would change any text and is not implemented is refused, and named",
    arguments: [
      #"{"max_time": 2.5}"#, #"{"token_healing": true}"#, #"{"guidance_scale": 1.5}"#,
      #"{"constraints": []}"#, #"{"force_words_ids": []}"#,
      #"{"cache_implementation": "quantized"}"#, #"{"watermarking_config": {"bias": 2.0}}"#,
      #"{"watermarking_config": {}}"#,
    ])
  func unsupported(_ text: String) throws {
    let settings = try document(text)
    let error = failure { _ = try GenerationSettings(settings, file: "generation_config.json") }
    #expect(error?.kind == .unsupported)
    #expect(error?.site.file == "generation_config.json")
    #expect(error?.site.field == settings.members?.first?.key.string)
  }

  @Test("What would change texts in one kind of search is refused there, and in no other")
  func conditional() throws {
    func refused(_ text: String, _ change: (inout GenerationSettings) -> Void) throws -> String? {
      var settings = try GenerationSettings(document(text))
      change(&settings)
      return failure { () throws(CheckpointError) in try settings.check() }?.site.field
    }
    for (text, key, inGreedy, inDrawing, inBeams) in [
      (#"{"dola_layers": "low"}"#, "dola_layers", true, true, false),
      (#"{"use_mtp": true}"#, "use_mtp", true, true, false),
      (#"{"penalty_alpha": 0.6}"#, "penalty_alpha", true, false, false),
      (#"{"penalty_alpha": 0.6, "top_k": 1}"#, "penalty_alpha", false, false, false),
      (#"{"penalty_alpha": -0.5}"#, "penalty_alpha", false, false, false),
      (#"{"num_beam_groups": 2}"#, "num_beam_groups", false, false, true),
      (#"{"prompt_lookup_num_tokens": 4}"#, "", false, false, false),
      (#"{"assistant_early_exit": 1}"#, "", false, false, false),
      (#"{"assistant_ensemble_weight": 0.5}"#, "", false, false, false),
      (
        #"{"assistant_ensemble_weight": 0.5, "prompt_lookup_num_tokens": 4}"#,
        "assistant_ensemble_weight", true, true, false
      ),
    ] {
      let found = [
        try refused(text) { _ in }, try refused(text) { $0.samples = true },
        try refused(text) { $0.beamCount = 2 },
      ]
      #expect(found == [inGreedy, inDrawing, inBeams].map { $0 ? key : nil }, "\(text)")
    }
  }

  @Test("Neutral values of what is not implemented are accepted")
  func neutral() throws {
    _ = try GenerationSettings(
      document(
        #"""
        {"typical_p": 1.0, "num_beam_groups": 1, "diversity_penalty": 0.5, "bad_words_ids": null,
         "encoder_no_repeat_ngram_size": 0, "remove_invalid_values": false, "guidance_scale": 1,
         "suppress_tokens": [], "watermarking_config": {"bias": 0.0, "greenlist_ratio": 0.25},
         "speculation_type": "dflash", "cache_implementation": "static", "low_memory": true}
        """#))
  }

  @Test("A value that no search can use is malformed, with the file")
  func range() throws {
    let error = failure {
      _ = try GenerationSettings(document(#"{"num_beams": 0}"#), file: "generation_config.json")
    }
    #expect(error?.kind == .malformed)
    #expect(error?.site == CheckpointError.Site(file: "generation_config.json", field: "num_beams"))
  }
}
