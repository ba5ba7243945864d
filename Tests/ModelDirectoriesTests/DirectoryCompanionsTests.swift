import CheckpointBytes
import Checkpoints
import LayoutRules
import ModelDirectories
import ModelFamilies
import TensorValues
import TestSupport
import Testing

@Suite struct DirectoryCompanionsTests {
  @Test(
    "Between directories everything that holds no weights is copied, and what is left out is told")
  func copies() throws {
    let source = try TemporaryDirectory()
    let outside = try TemporaryDirectory()
    for name in ["1_Pooling", "out", "onnx"] { try Directory.make(source.file(name)) }
    let kept = [
      "1_Pooling/config.json", "LICENSE", "README.md", "config.json", "onnx/notes.txt",
      "spiece.model",
    ]
    for name in kept { _ = try source.write(Array(name.utf8), as: name) }
    let stale = [
      "flax_model.msgpack", "onnx/model.onnx", "optimizer.pt", "pytorch_model.bin", "tf_model.h5",
    ]
    for name in stale + ["model.safetensors", "out/old.txt", ".gitattributes"] {
      _ = try source.write([1, 2, 3], as: name)
    }
    _ = try source.link(to: outside.write([7], as: "secret"), as: "elsewhere.txt")
    _ = try source.link(to: "nowhere", as: "dangling.txt")
    _ = try source.link(to: "README.md", as: "README.link")
    _ = try source.link(to: outside.path, as: "folder")
    _ = try source.makeFIFO(as: "pipe")
    let companions = try DirectoryCompanions(
      source.path, weights: [source.file("model.safetensors")], destination: source.file("out"))
    let plan = try companions.plan(for: nil, of: nil)
    #expect(plan.files.map(\.path) == (kept + ["README.link"]).sorted())
    for file in plan.files {
      guard case .copy(let place, let count) = file.content else {
        Issue.record("\(file.path) is no copy")
        continue
      }
      #expect(place == source.file(file.path))
      #expect(count == (file.path == "README.link" ? 9 : file.path.utf8.count))
    }
    let items = plan.omissions.map(\.item).sorted()
    let expected = stale + [".gitattributes", "dangling.txt", "elsewhere.txt", "folder/", "pipe"]
    #expect(items == expected.map { "file '\($0)'" }.sorted())
    #expect(plan.notes.isEmpty)
  }

  @Test("Links into the blobs of the Hugging Face cache are followed, beside them they are not")
  func cache() throws {
    let cache = try TemporaryDirectory()
    for name in ["blobs", "other", "snapshots", "snapshots/5d"] {
      try Directory.make(cache.file(name))
    }
    _ = try cache.write([1], as: "blobs/ab")
    _ = try cache.write([1], as: "other/ab")
    _ = try cache.link(to: "../../blobs/ab", as: "snapshots/5d/vocab.txt")
    _ = try cache.link(to: "../../other/ab", as: "snapshots/5d/merges.txt")
    let plan = try DirectoryCompanions(cache.file("snapshots/5d")).plan(for: nil, of: nil)
    #expect(plan.files.map(\.path) == ["vocab.txt"])
    #expect(plan.omissions.map(\.item) == ["file 'merges.txt'"])
    let all = try DirectoryCompanions(cache.file("snapshots/5d"), followsLinks: true)
      .plan(for: nil, of: nil)
    #expect(all.files.map(\.path) == ["merges.txt", "vocab.txt"])
  }

  @Test("Beside a file only what frameworks read by name belongs to it")
  func besideFile() throws {
    let source = try TemporaryDirectory()
    for name in ["config.json", "vocab.txt", "holiday.txt", "model.safetensors"] {
      _ = try source.write([0x7B, 0x7D], as: name)
    }
    let path = source.file("model.safetensors")
    let plan = try DirectoryCompanions(path, weights: [path]).plan(for: nil, of: nil)
    #expect(plan.files.map(\.path) == ["config.json", "vocab.txt"])
    #expect(plan.omissions.isEmpty)
  }

  @Test(
    "Vocabulary files for Transformers 4.41 are what the tokenizers library writes of the same model",
    arguments: ["gpt2", "roberta"])
  func older(_ name: String) throws {
    let plan = try plan(name, .tensorFlow)
    #expect(
      try bytes("merges.txt", plan)
        == Fixture("model-directories/expected/\(name)/merges.txt").bytes())
    let vocabulary = try json("vocab.json", plan)
    let expected = try JSONValue(
      parsing: Fixture("model-directories/expected/\(name)/vocab.json").bytes(), context: "")
    #expect(vocabulary == expected)
    let lines = String(decoding: try bytes("merges.txt", plan), as: UTF8.self).split(
      separator: "\n")
    let merges = try #require(try json("tokenizer.json", plan)["model"]?["merges"]?.elements)
    #expect(merges.compactMap(\.string) == lines.dropFirst().map { String($0) })
    // All else in tokenizer.json is as it was.
    let before = try source(name, "tokenizer.json").members
    for member in before ?? [] where member.key != "model" {
      #expect(try json("tokenizer.json", plan)[member.key] == member.value)
    }
    let configuration = try json("config.json", plan)
    #expect(configuration["torch_dtype"]?.string == "float32" && configuration["dtype"] == nil)
    #expect(configuration.members?.count == (try source(name, "config.json").members?.count))
  }

  @Test("Special tokens and chat templates are where Transformers 4.41 looks for them")
  func olderSettings() throws {
    let bert = try json("tokenizer_config.json", plan("bert", .tensorFlow))
    #expect(bert["additional_special_tokens"] == .array([.string("<x>")]))
    #expect(bert["extra_special_tokens"] == nil)
    let gpt2 = try json("tokenizer_config.json", plan("gpt2", .tensorFlow))
    #expect(gpt2["chat_template"]?.string == "{{ messages }}")
    let text = String(decoding: try bytes("vocab.txt", plan("bert", .tensorFlow)), as: UTF8.self)
    let expected = try Fixture("model-directories/expected/bert/vocab.txt").bytes()
    #expect(text == String(decoding: expected, as: UTF8.self) + "<x>\n")
    let backend = try TemporaryDirectory()
    _ = try backend.write(
      Array(#"{"tokenizer_class": "TokenizersBackend"}"#.utf8), as: "tokenizer_config.json")
    let plan = try DirectoryCompanions(backend.path).plan(
      for: .tensorFlow, of: model("bert"), attentionHeads: 3)
    #expect(
      try json("tokenizer_config.json", plan)["tokenizer_class"]?.string
        == "PreTrainedTokenizerFast")
  }

  @Test("What already is in the form of 4.41 is copied")
  func alreadyOlder() throws {
    let converted = try TemporaryDirectory()
    let first = try plan("gpt2", .tensorFlow)
    for file in first.files { _ = try converted.write(bytes(file.path, first), as: file.path) }
    let again = try DirectoryCompanions(converted.path).plan(for: .tensorFlow, of: model("gpt2"))
    #expect(again.files.map(\.path) == first.files.map(\.path))
    #expect(again.notes.isEmpty)
    for file in again.files { #expect(file.note == nil, "\(file.path)") }
  }

  @Test(
    "A KerasHub preset has the tokens in its assets and its files' names",
    arguments: ["bert", "gpt2", "roberta"])
  func toKerasHub(_ name: String) throws {
    let plan = try plan(name, .kerasHub)
    let assets = name == "bert" ? ["vocabulary.txt"] : ["merges.txt", "vocabulary.json"]
    #expect(
      plan.files.map(\.path) == assets.map { "assets/tokenizer/" + $0 } + [
        "config.json", "metadata.json", "preprocessor.json", "task.json", "tokenizer.json",
      ])
    if name != "bert" {
      let expected = "model-directories/expected/\(name)/"
      #expect(
        try bytes("assets/tokenizer/merges.txt", plan) == Fixture(expected + "merges.txt").bytes())
      #expect(
        try json("assets/tokenizer/vocabulary.json", plan)
          == JSONValue(parsing: Fixture(expected + "vocab.json").bytes(), context: ""))
    }
    let task = try json("task.json", plan)
    let tokenizer = try json("tokenizer.json", plan)
    #expect(task["config"]?["preprocessor"] == (try json("preprocessor.json", plan)))
    #expect(task["config"]?["preprocessor"]?["config"]?["tokenizer"] == tokenizer)
    #expect(task["config"]?["backbone"] == (try json("config.json", plan)))
    let classes = [
      "bert": "BertMaskedLM", "gpt2": "GPT2CausalLM", "roberta": "RobertaTextClassifier",
    ]
    #expect(task["class_name"]?.string == classes[name])
    let length = task["config"]?["preprocessor"]?["config"]?["sequence_length"]?.integer
    #expect(length == (name == "bert" ? 22 : 20))
  }

  @Test("And back: the files are Transformers' own again", arguments: ["bert", "gpt2", "roberta"])
  func fromKerasHub(_ name: String) throws {
    let preset = try TemporaryDirectory()
    try Directory.makeAll(preset.file("assets/tokenizer"))
    let there = try plan(name, .kerasHub)
    for file in there.files { _ = try preset.write(bytes(file.path, there), as: file.path) }
    _ = try preset.write([1], as: "README.md")
    let back = try DirectoryCompanions(preset.path).plan(for: .transformers, of: model(name))
    let vocabulary = name == "bert" ? ["vocab.txt"] : ["merges.txt", "vocab.json"]
    #expect(
      back.files.map(\.path)
        == (["README.md", "config.json", "tokenizer_config.json"] + vocabulary).sorted())
    let before = try source(name, "config.json")
    let configuration = try json("config.json", back)
    for member in configuration.members ?? [] {
      // KerasHub computes BERT with the other GELU, and has no names for labels.
      if ["hidden_act", "label2id", "id2label"].contains(member.key.string) { continue }
      let stated = member.key == "n_inner" ? .integer(96) : before[member.key]
      #expect(member.value == stated ?? .null, "\(member.key)")
    }
    if name != "bert" {
      let expected = "model-directories/expected/\(name)/"
      #expect(try bytes("merges.txt", back) == Fixture(expected + "merges.txt").bytes())
      #expect(
        try json("vocab.json", back)
          == JSONValue(parsing: Fixture(expected + "vocab.json").bytes(), context: ""))
    }
  }

  @Test("A tokenizer that KerasHub cannot have is left out with its reason, the model is not")
  func tokenizerLeftOut() throws {
    let directory = try TemporaryDirectory()
    let text = String(
      decoding: try Fixture("model-directories/bert/tokenizer.json").bytes(), as: UTF8.self)
    for (wrong, field) in [
      (text.replacing("\"BertNormalizer\"", with: "\"NFC\""), "normalizer"),
      (text.replacing("[MASK]", with: "[OTHER]"), "[MASK]"),
      (text.replacing("\"WordPiece\",\n    \"unk", with: "\"Unigram\",\n    \"unk"), "model.type"),
    ] {
      _ = try directory.write(Array(wrong.utf8), as: "tokenizer.json")
      let plan = try DirectoryCompanions(directory.path).plan(
        for: .kerasHub, of: model("bert"), attentionHeads: 3)
      #expect(plan.files.map(\.path) == ["config.json", "metadata.json", "task.json"])
      let omission = plan.omissions.first { $0.item == "the tokenizer" }
      #expect(omission?.reason.description.contains(field) == true, "\(field): \(plan.omissions)")
    }
  }

  @Test(
    "A configuration that contradicts the weights stops every layout but the one that keeps all")
  func contradiction() throws {
    let other = try ModelArchitecture(
      family: .bert, head: .maskedLM,
      sizes: ModelSizes(
        hidden: 24, layers: 1, intermediate: 40, vocabulary: 64, positions: 22, tokenTypes: 2))
    let path = Fixture("model-directories/bert").path
    let companions = try DirectoryCompanions(path)
    for layout in [Layout.transformers, .tensorFlow, .kerasHub] {
      do {
        _ = try companions.plan(for: layout, of: other)
        Issue.record("\(layout) passed")
      } catch {
        let expected = CheckpointError(
          .inconsistent, file: path + "/config.json", field: "num_hidden_layers", "")
        #expect(error == expected, "\(error)")
      }
    }
    _ = try companions.plan(for: nil, of: nil)
  }

  @Test(
    "Without a configuration one is written, and what it assumes is told; another kind of model goes along unread"
  )
  func configurations() throws {
    let empty = try TemporaryDirectory()
    let plan = try DirectoryCompanions(empty.path).plan(
      for: .transformers, of: model("gpt2"), attentionHeads: 3)
    #expect(try json("config.json", plan)["n_head"]?.integer == 3)
    #expect(plan.notes.contains { $0.description.hasPrefix("assumed: ") })
    do {
      _ = try DirectoryCompanions(empty.path).plan(
        for: .transformers, of: model("gpt2", heads: nil))
      Issue.record("heads were guessed")
    } catch let error as CheckpointError {
      #expect(error.kind == .notFound && error.site.field == "attention heads")
    }
    _ = try empty.write(Array(#"{"model_type": "albert"}"#.utf8), as: "config.json")
    let unread = try DirectoryCompanions(empty.path).plan(for: .transformers, of: model("roberta"))
    #expect(unread.files.map(\.path) == ["config.json"] && unread.notes.count == 1)
    do {
      _ = try DirectoryCompanions(empty.path).plan(for: .kerasHub, of: model("roberta"))
      Issue.record("an unknown model became a preset")
    } catch let error as CheckpointError {
      #expect(error.kind == .unsupported && error.site.field == "model_type")
    }
  }

  @Test("The configuration names the type that weights are cast to")
  func castType() throws {
    let plan = try DirectoryCompanions(Fixture("model-directories/bert").path)
      .plan(for: .transformers, of: model("bert"), dtype: .bf16)
    #expect(try json("config.json", plan)["dtype"]?.string == "bfloat16")
    let same = try DirectoryCompanions(Fixture("model-directories/bert").path)
      .plan(for: .transformers, of: model("bert"), dtype: .f32)
    #expect(same.notes.isEmpty)
  }

  /// The model that a fixture's configuration describes.
  private func model(_ name: String, heads: Int? = 3) throws -> ModelArchitecture {
    let file = Fixture("model-directories/\(name)/config.json")
    let stated = try ModelConfiguration(parsing: file.bytes(), file: file.path)
    var sizes = stated.sizes
    sizes.heads = heads
    return try ModelArchitecture(family: stated.family, head: stated.heads[0], sizes: sizes)
  }

  private func plan(_ name: String, _ layout: Layout) throws -> CompanionPlan {
    try DirectoryCompanions(Fixture("model-directories/\(name)").path)
      .plan(for: layout, of: model(name))
  }

  private func source(_ name: String, _ file: String) throws -> JSONValue {
    try JSONValue(parsing: Fixture("model-directories/\(name)/\(file)").bytes(), context: file)
  }

  private func bytes(_ path: String, _ plan: CompanionPlan) throws -> [UInt8] {
    let file = try #require(plan.files.first { $0.path == path }, "\(path)")
    switch file.content {
    case .bytes(let bytes): return bytes
    case .copy(let place, let count): return try SourceFile(path: place).bytes(at: 0, count: count)
    }
  }

  private func json(_ path: String, _ plan: CompanionPlan) throws -> JSONValue {
    try JSONValue(parsing: bytes(path, plan), context: path)
  }
}
