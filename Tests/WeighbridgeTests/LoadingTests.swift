import TestSupport
import Testing
import Weighbridge

@Suite("Models and tokenizers of a directory")
struct LoadingTests {
  private let models = GuideModels()

  @Test("A model and its tokenizer are loaded in a line each, and take each other's words")
  func lines() throws {
    let directory = try models.directory("bert-masked", "bert-uncased")
    let model = try BertForMaskedLM.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let output = try model(tokenizer.encode("Paris is the [MASK] of France."))
    #expect(output.logits?.dimensions.last == 240)
    #expect(try loadLanguageModel(from: directory) is BertForMaskedLM)
    #expect(try model.fillMasks("the [MASK]", tokenizer: tokenizer, top: 2)[0].proposals.count == 2)
  }

  @Test("Several texts go in at once, with the mask where there is padding")
  func batch() throws {
    let files = try models.directory("bert-masked", "bert-uncased")
    let model = try BertModel.load(from: files)
    let tokenizer = try Tokenizer.load(from: files)
    let inputs = [TokenizerInput("the scale"), TokenizerInput("a model of the scale")]
    let padded = try model(
      tokenizer.encodeBatch(inputs, options: EncodingOptions(padding: Padding(.longest))))
    let alone = try model(tokenizer.encode("the scale"))
    let width = 12
    let first = try #require(alone.lastHiddenState?.values)
    let both = try #require(padded.lastHiddenState?.values)
    for (one, other) in zip(first, both.prefix(first.count)) {
      #expect((one - other).magnitude < 1e-5)
    }
    #expect(both.count > 2 * first.count && first.count.isMultiple(of: width))
    let uneven = #expect(throws: CheckpointError.self) {
      _ = try model(tokenizer.encodeBatch(inputs))
    }
    #expect(uneven?.kind == .mismatch)
  }

  @Test("Token types go to BERT alone: for GPT-2 they would be words")
  func tokenTypes() throws {
    let files = try models.directory("gpt2", "gpt2")
    let model = try GPT2LMHeadModel.load(from: files)
    let encoding = try Tokenizer.load(from: files).encode("the scale")
    #expect(try model.inputs([encoding]).tokenTypeIDs == nil)
    let bert = try models.directory("bert-masked", "bert-uncased")
    let pair = try Tokenizer.load(from: bert).encode("a", pair: "b")
    let types = try BertModel.load(from: bert).inputs([pair]).tokenTypeIDs
    #expect(types?.elements == pair.typeIDs && types?.elements.contains(1) == true)
  }

  @Test("A single label has a sigmoid, even where the settings speak of one class of several")
  func singleLabel() throws {
    let directory = try models.directory("bert-classifier", "bert-uncased")
    let source = try ModelSource(directory)
    func problem(_ labels: String, _ type: String) throws -> ProblemType {
      let changed = try JSONValue(
        parsing: Array("{\"id2label\": \(labels), \"problem_type\": \(type)}".utf8),
        context: "changes")
      let kept = (source.configuration.members ?? []).filter { changed[$0.key] == nil }
      return try BertForSequenceClassification(
        weights: source.checkpoint.graph, document: .object(kept + (changed.members ?? []))
      ).effectiveProblemType
    }
    // `TextClassificationPipeline.postprocess`.
    let one = #"{"0": "a"}"#
    let two = #"{"0": "a", "1": "b"}"#
    #expect(try problem(one, "null") == .multiLabelClassification)
    #expect(try problem(one, #""single_label_classification""#) == .multiLabelClassification)
    #expect(try problem(one, #""regression""#) == .regression)
    #expect(try problem(two, "null") == .singleLabelClassification)
    #expect(try problem(two, #""multi_label_classification""#) == .multiLabelClassification)
  }

  @Test("Without settings a checkpoint does not run, and the error says what is missing")
  func withoutSettings() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(
      try Fixture("tasks/bert-masked.safetensors").bytes(), as: "model.safetensors")
    for place in [path, directory.path] {
      let error = #expect(throws: CheckpointError.self) { _ = try ModelSource(place) }
      #expect(error?.kind == .notFound)
      #expect(error?.site.file == directory.file("config.json"))
    }
  }

  @Test(
    "A class name that is nearly right is answered with the right one, others with the family's")
  func nearlyRightClass() throws {
    let directory = try models.directory("bert-masked", "bert-uncased")
    for (name, remedy) in [
      ("BertForMaskLM", "did you mean BertForMaskedLM?"), ("bertmodel", "did you mean BertModel?"),
      ("robertaForCausalLm", "did you mean RobertaForCausalLM?"),
      ("T5Model", "there are BertModel, BertForPreTraining, "), ("", "there are BertModel, "),
    ] {
      let error = #expect(throws: CheckpointError.self) {
        _ = try loadLanguageModel(from: directory, class: name)
      }
      #expect(error?.kind == .unsupported && error?.site.field == "architecture")
      #expect(error?.remedy?.hasPrefix(remedy) == true, "\(error?.remedy ?? "")")
      #expect(error?.remedy?.contains("GPT2") == false)
    }
  }

  @Test("Settings that contradict the weights are an error, whatever they contradict")
  func contradiction() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write(
      try Fixture("tasks/bert-masked.safetensors").bytes(), as: "model.safetensors")
    let text = String(decoding: try Fixture("tasks/bert-masked.json").bytes(), as: UTF8.self)
    let changed = text.split(separator: "\n").map {
      $0.contains("intermediate_size") ? " \"intermediate_size\": 21," : String($0)
    }
    _ = try directory.write(Array(changed.joined(separator: "\n").utf8), as: "config.json")
    let error = #expect(throws: CheckpointError.self) {
      _ = try BertForMaskedLM.load(from: directory.path)
    }
    #expect(error?.kind == .inconsistent && error?.site.field == "intermediate_size")
  }

  @Test("A KerasHub preset has a tokenizer, which gives the ids of the source's")
  func preset() throws {
    let files = try models.directory("bert-classifier", "bert-uncased")
    var options = ConversionOptions()
    options.layout = .layout(.kerasHub)
    options.allowLoss = [NamePattern("*")]
    let target = try TemporaryDirectory()
    _ = try ConversionPlan(
      Checkpoint.open(files), named: files, to: target.file("preset"), options: options
    ).run()
    let source = try ModelSource(target.file("preset"))
    let text = "Weighing the weights of a model, again."
    #expect(
      try source.tokenizer().encode(text).ids == Tokenizer.load(from: files).encode(text).ids)
    #expect(try source.modelClass().name == "BertForSequenceClassification")
    #expect(try source.load(source.modelClass().type) is BertForSequenceClassification)
  }
}
