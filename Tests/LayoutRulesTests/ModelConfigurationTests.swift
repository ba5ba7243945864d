import CheckpointBytes
import LayoutRules
import ModelFamilies
import TestSupport
import Testing

@Suite struct ModelConfigurationTests {
  @Test("Every attribute is what Transformers' own class reads, absent keys included")
  func transformers() throws {
    let cases = try #require(try JSONFixture.value("configurations/transformers.json").elements)
    #expect(cases.count == 20)
    for item in cases {
      let name = try #require(item["name"]?.string)
      let expected = try #require(item["expected"])
      let found = try configuration(try #require(item["text"]?.string))
      #expect(found.convention == .transformers)
      #expect(found.family.name == expected["family"]?.string, "\(name)")
      #expect(
        found.classNames == expected["architectures"]?.elements?.compactMap(\.string), "\(name)")
      #expect(found.heads.count == found.classNames.count, "\(name)")
      #expect(found.sizes.hidden == expected["hidden"]?.integer, "\(name)")
      #expect(found.sizes.embedding == expected["embedding"]?.integer, "\(name)")
      #expect(found.sizes.layers == expected["layers"]?.integer, "\(name)")
      #expect(found.sizes.heads == expected["heads"]?.integer, "\(name)")
      #expect(found.sizes.vocabulary == expected["vocabulary"]?.integer, "\(name)")
      #expect(found.sizes.positions == expected["positions"]?.integer, "\(name)")
      #expect(found.sizes.intermediate == expected["intermediate"]?.integer, "\(name)")
      #expect(found.sizes.tokenTypes == expected["tokenTypes"]?.integer, "\(name)")
      #expect(found.labelCount == expected["labels"]?.integer, "\(name)")
      #expect(.boolean(found.tiesWordEmbeddings) == expected["ties"], "\(name)")
      #expect(.double(found.normalizationEpsilon) == expected["epsilon"], "\(name)")
      #expect(found.activation == expected["activation"]?.string, "\(name)")
    }
  }

  @Test("KerasHub's presets are read, tasks and backbones")
  func kerasHub() throws {
    let cases = try #require(try JSONFixture.value("configurations/keras-hub.json").elements)
    for item in cases {
      let name = try #require(item["class"]?.string)
      let found = try ModelConfiguration(presetFixture: item)
      #expect(found.convention == .kerasHub)
      #expect(found.classNames == [name])
      let families = [
        "Bert": ModelFamily.bert, "Electra": .electra, "GPT2": .gpt2, "Roberta": .roberta,
      ]
      #expect(families.first { name.hasPrefix($0.key) }?.value == found.family)
      #expect(found.sizes.embedding == (found.family == .electra ? 16 : 24))
      #expect(found.heads == [name.hasSuffix("Backbone") ? .base : found.heads[0]])
      #expect(found.sizes.hidden == 24 && found.sizes.layers == 2 && found.sizes.heads == 3)
      #expect(found.sizes.intermediate == 40 && found.sizes.vocabulary == 61)
      #expect(found.sizes.positions == (found.family == .roberta ? 22 : 20), "\(name)")
      #expect(found.sizes.labels == (name.hasSuffix("Classifier") ? 5 : 0), "\(name)")
    }
    let types = try ModelConfiguration(presetFixture: cases[0]).sizes.tokenTypes
    #expect(types == 3)
  }

  @Test(
    "What cannot be a configuration is refused with its key",
    arguments: [
      (#"{"model_type": "bert", "hidden_size": 0}"#, FailureKind.malformed, "hidden_size"),
      (#"{"model_type": "bert", "hidden_size": "768"}"#, .malformed, "hidden_size"),
      (#"{"model_type": "bert", "num_hidden_layers": 1.5}"#, .malformed, "num_hidden_layers"),
      (#"{"model_type": "bert", "id2label": 3}"#, .malformed, "id2label"),
      (#"{"model_type": "bert", "architectures": "BertModel"}"#, .malformed, "architectures"),
      (#"{"model_type": "bert", "tie_word_embeddings": 1}"#, .malformed, "tie_word_embeddings"),
      (#"{"model_type": "bert", "layer_norm_eps": 1e999}"#, .malformed, "layer_norm_eps"),
      (#"{"model_type": "albert"}"#, .unsupported, "model_type"),
      (#"{"hidden_size": 64}"#, .notFound, "model_type"),
      (
        #"{"model_type": "bert", "architectures": ["RobertaModel"]}"#, .inconsistent,
        "architectures"
      ),
      (#"{"model_type": "gpt2", "n_embd": 9223372036854775807}"#, .inconsistent, "n_embd"),
      (#"{"model_type": "bert", "num_attention_heads": 7}"#, .inconsistent, "num_attention_heads"),
      (#"{"model_type": "gpt2", "n_head": 7}"#, .inconsistent, "n_head"),
      (#"{"model_type": "bert", "layer_norm_eps": null}"#, .malformed, "layer_norm_eps"),
      (#"{"model_type": "bert", "vocab_size": null}"#, .malformed, "vocab_size"),
      (#"{"class_name": "T5Backbone", "config": {}}"#, .unsupported, "class_name"),
      (#"{"class_name": "BertBackbone", "config": {}}"#, .notFound, "config.max_sequence_length"),
      (#"{"class_name": "BertBackbone", "config": []}"#, .malformed, "config"),
      (#"[]"#, .malformed, "configuration"),
    ])
  func refusals(_ text: String, _ kind: FailureKind, _ field: String) throws {
    let error = try #require(failure { _ = try configuration(text) })
    #expect(error == CheckpointError(kind, file: "dir/config.json", field: field, ""))
  }

  @Test(
    "A class of another family is passed over if whoever knows the family says it is model_type's")
  func otherFamily() throws {
    let text = #"{"model_type": "bert", "architectures": ["RobertaModel"]}"#
    func read(_ family: ModelFamily?) throws -> ModelConfiguration {
      try ModelConfiguration(parsing: Array(text.utf8), file: "config.json", family: family)
    }
    let found = try read(.bert)
    #expect(found.family == .bert && found.heads.isEmpty)
    for family in [ModelFamily.roberta, nil] {
      #expect(failure { _ = try read(family) }?.site.field == "architectures")
    }
  }

  @Test("Broken text and keys that occur twice are malformed at their place")
  func malformed() throws {
    let twice = #"{"model_type": "bert", "model_type": "gpt2"}"#
    let error = try #require(failure { _ = try configuration(twice) })
    #expect(
      error.kind == .malformed && error.site.offset == 36 && error.site.file == "dir/config.json")
    let cut = try #require(failure { _ = try configuration(#"{"model_type": "be"#) })
    #expect(cut.kind == .truncated && cut.site.file == "dir/config.json")
  }

  @Test("A summary that is not projected has no parameters, in Transformers 5.23 too")
  func plainSummary() throws {
    let double = try architecture(.gpt2, .doubleHeads)
    let stated = JSONWriter.text(
      try ConfigurationDocument.transformers(for: double, attentionHeads: 3).value)
    let weights = try architecture(.gpt2, .causalLM)
    #expect(failure { try configuration(stated).check(against: weights) }?.kind == .inconsistent)
    let members = try #require(try configuration(stated).document.members)
    let plain = JSONValue.object(
      members.filter { $0.key != "summary_use_proj" }
        + [JSONValue.Member("summary_use_proj", .boolean(false))])
    #expect(try configuration(JSONWriter.text(plain)).check(against: weights) == [])
  }

  @Test("Weights that the configuration describes pass, in every family and head")
  func agreement() throws {
    for family in FamilyList.all.families {
      for head in family.heads {
        let model = try architecture(family, head)
        let written = try ConfigurationDocument.transformers(for: model, attentionHeads: 3)
        let found = try configuration(JSONWriter.text(written.value))
        #expect(try found.check(against: model) == [], "\(family) \(head)")
        var sizes = model.sizes
        if !head.hasLabels { sizes.labels = 0 }
        #expect(found.sizes == sizes, "\(family) \(head)")
      }
    }
  }

  @Test(
    "Each contradiction shows both sides",
    arguments: ["layers", "hidden", "vocabulary", "positions", "head", "labels", "family"])
  func contradictions(_ kind: String) throws {
    var model = try architecture(.bert, .sequenceClassification)
    let text = JSONWriter.text(
      try ConfigurationDocument.transformers(for: model, attentionHeads: 3).value)
    var sizes = model.sizes
    var head = ModelHead.sequenceClassification
    var family = ModelFamily.bert
    let expected: (key: String, both: [String])
    switch kind {
    case "layers": (sizes.layers, expected) = (1, ("num_hidden_layers", ["2", "1 layers"]))
    case "hidden": (sizes.hidden, expected) = (9, ("hidden_size", ["6", "9"]))
    case "vocabulary": (sizes.vocabulary, expected) = (12, ("vocab_size", ["11", "12"]))
    case "positions": (sizes.positions, expected) = (8, ("max_position_embeddings", ["7", "8"]))
    case "labels": (sizes.labels, expected) = (3, ("num_labels", ["4", "3"]))
    case "head":
      (head, expected) = (
        .maskedLM, ("architectures", ["BertForSequenceClassification", "BertForMaskedLM"])
      )
    default: (family, expected) = (.roberta, ("model_type", ["bert", "roberta"]))
    }
    model = try ModelArchitecture(family: family, head: head, sizes: sizes)
    let stated = try configuration(text)
    let error = try #require(failure { try stated.check(against: model) })
    #expect(
      error
        == CheckpointError(.inconsistent, file: "dir/config.json", field: expected.key, ""))
    for side in expected.both { #expect(error.problem.contains(side), "\(error)") }
  }

  @Test("All contradictions are told at once")
  func allAtOnce() throws {
    let stated = try configuration(#"{"model_type": "bert", "architectures": ["BertModel"]}"#)
    let model = try architecture(.bert, .base)
    let error = try #require(failure { try stated.check(against: model) })
    #expect(error.site.field == "num_hidden_layers")
    for key in ["hidden_size 768", "vocab_size 30522", "max_position_embeddings 512"] {
      #expect(error.problem.contains(key), "\(error)")
    }
  }

  @Test("Published files whose weights and class name differ pass")
  func tolerance() throws {
    func stated(_ model: ModelArchitecture, as name: String) throws -> ModelConfiguration {
      var text = JSONWriter.text(
        try ConfigurationDocument.transformers(for: model, attentionHeads: 3).value)
      let own = try #require(model.head.className(in: model.family))
      text = text.replacing("\"\(own)\"", with: "\"\(name)\"")
      return try configuration(text)
    }
    // bert-base-uncased: both heads, the class of one.
    let both = try architecture(.bert, .preTraining)
    #expect(try stated(both, as: "BertForMaskedLM").check(against: both).count == 1)
    // gpt2: the head is the embeddings and not stored.
    let body = try architecture(.gpt2, .base)
    #expect(try stated(body, as: "GPT2LMHeadModel").check(against: body) == [])
    // Names and shapes do not tell these two apart.
    let masked = try architecture(.bert, .maskedLM)
    #expect(try stated(masked, as: "BertLMHeadModel").check(against: masked) == [])
    // A class that nobody here knows says nothing.
    #expect(try stated(masked, as: "BertForSomethingElse").check(against: masked) == [])
  }
}

/// Reads a configuration under a path of its own.
func configuration(_ text: String) throws -> ModelConfiguration {
  try ModelConfiguration(parsing: Array(text.utf8), file: "dir/config.json")
}

extension ModelConfiguration {
  /// A preset of `configurations/keras-hub.json`.
  init(presetFixture item: JSONValue) throws {
    let files = try #require(item["files"])
    let text = try #require(files["config.json"]?.string)
    let task = files["task.json"]?.string
    try self.init(
      parsing: Array(text.utf8), file: "config.json",
      task: task.map { (Array($0.utf8), "task.json") })
  }
}

enum JSONFixture {
  static func value(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: try Fixture(name).bytes(), context: name)
  }
}
