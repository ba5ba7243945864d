import CheckpointBytes
import OrderedCollections
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("Training of adapters")
struct LowRankTrainingTests {
  private let texts = ["cafes are near", "running water", "a good day", "unaffordable", "a", "b c"]

  /// A classifier of three labels, with examples of others beside it.
  private func model(_ labels: [String] = ["0", "1"]) throws -> ModelFixture {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let lines = texts.enumerated().map {
      #"{"text": "\#($1)", "label": "\#(labels[$0 % labels.count])"}"# + "\n"
    }
    try model.write(lines.joined(), as: "train.jsonl")
    return model
  }

  private func arguments(
    _ model: ModelFixture, to output: String, _ more: String...
  ) -> [String] {
    [
      "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
      "--output", model.file(output), "--batch-size", "2", "--learning-rate", "0.01",
    ] + more
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try SourceFile(path: path)
    return try file.bytes(at: 0, count: file.size)
  }

  private func scores(_ arguments: String...) throws -> [[String: Double]] {
    let run = ToolRun(arguments: ["classify"] + arguments + ["--json"] + texts)
    #expect(run.code == 0, "\(run.error)")
    return try (JSONValue(printed: run.output)["results"]?.elements ?? []).map { result in
      Dictionary(
        uniqueKeysWithValues: (result["labels"]?.elements ?? []).map {
          ($0["label"]?.string ?? "", $0["score"]?.double ?? .nan)
        })
    }
  }

  private func distance(_ one: [[String: Double]], _ other: [[String: Double]]) -> Double {
    zip(one, other).flatMap { one, other in
      one.map { abs((other[$0.key] ?? .infinity) - $0.value) }
    }.reduce(0) { $0 >= $1 ? $0 : $1 }
  }

  @Test("An adapter that PEFT began has Trainer's losses, gradients and numbers at the end")
  func reference() throws {
    let expected = try JSONValue(
      parsing: Fixture("adapters/training/expected.json").bytes(), context: "expected")
    func list(_ key: ExactName) -> [Double] {
      (expected[key]?.elements ?? []).compactMap(\.double)
    }
    let model = try ModelFixture(
      task: "bert-classifier", tokenizer: "bert-uncased",
      changes: [
        ("hidden_dropout_prob", .integer(0)), ("attention_probs_dropout_prob", .integer(0)),
      ])
    let rows = expected["rows"]?.elements ?? []
    try model.write(
      rows.map { JSONWriter.text($0) + "\n" }.joined(), as: "train.jsonl")
    let start = Fixtures.path("adapters/training/start")
    let run = ToolRun(
      arguments: arguments(
        model, to: "out", "--adapter", start, "--steps", "6", "--weight-decay", "0.01",
        "--sampling", "sequential", "--log-every", "1"))
    #expect(run.code == 0, "\(run.error)")
    let log = try String(decoding: model.bytes("out/log.jsonl"), as: UTF8.self)
      .split(separator: "\n").map { try JSONValue(printed: String($0)) }
    for (key, wanted) in [("loss", list("losses")), ("grad_norm", list("norms"))] {
      let found = log.compactMap { $0[ExactName(key)]?.double }
      #expect(found.count == 6 && wanted.count == 6)
      for (one, other) in zip(found, wanted) { #expect(abs(one - other) < 2e-5, "\(key)") }
    }
    let found = try Checkpoint.open(model.file("out/adapter_model.safetensors")).graph
    let wanted = try Checkpoint.open(Fixtures.path("adapters/training/expected.safetensors")).graph
    #expect(Set(found.weights.keys) == Set(wanted.weights.keys))
    for (name, weight) in wanted.weights {
      let own = try #require(found[name])
      #expect(own.shape == weight.shape && own.dtype == .f32)
      for (one, other) in zip(try own.floats(), try weight.floats()) {
        #expect(abs(one - other) < 1e-5, "\(name)")
      }
    }
    // What PEFT's settings say stands there still.
    let settings = try JSONValue(
      parsing: model.bytes("out/adapter_config.json"), context: "settings")
    #expect(settings["lora_alpha"]?.integer == 6)
    #expect(settings["modules_to_save"]?.elements == [.string("classifier"), .string("score")])
    #expect(try PathKind(path: model.file("out/model.safetensors")) == .nothing)
  }

  @Test("New factors begin as nothing, and what was learned is an adapter with its labels")
  func learns() throws {
    let model = try model(["cold", "warm"])
    let weights = try model.bytes("model.safetensors")
    let still = ToolRun(
      arguments: arguments(
        model, to: "still", "--lora-rank", "3", "--lora-target", "query", "--lora-target",
        "intermediate.dense", "--steps", "1", "--warmup", "1"))
    #expect(still.code == 0, "\(still.error)")
    // In the one step the rate has not risen yet: the factors are as they were drawn.
    for (name, weight) in try Checkpoint.open(model.file("still/adapter_model.safetensors")).graph
      .weights
    {
      let largest = try weight.floats().map(abs).max() ?? 0
      if name.hasSuffix("lora_B.weight") { #expect(largest == 0) }
      if name.hasSuffix("lora_A.weight") {
        let bound = 1 / Float(weight.shape.dimensions[1]).squareRoot()
        #expect(weight.shape.dimensions[0] == 3 && largest <= bound && largest > 0.8 * bound)
      }
    }
    let run = ToolRun(
      arguments: arguments(
        model, to: "out", "--lora-rank", "3", "--lora-alpha", "6", "--steps", "240", "--json"))
    #expect(run.code == 0, "\(run.error)")
    #expect(try model.bytes("model.safetensors") == weights)
    let adapter = try LowRankAdapter(model.file("out"))
    #expect(adapter.configuration.rank == 3 && adapter.configuration.alpha == 6)
    #expect(adapter.configuration.taskType == "SEQ_CLS")
    #expect(adapter.configuration.targetModules == ["query", "value"])
    #expect(adapter.modules.allSatisfy { $0.name.hasSuffix("query") || $0.name.hasSuffix("value") })
    #expect(Set(adapter.replacements.map(\.name)) == ["classifier.weight", "classifier.bias"])
    #expect(try !adapter.isIdentity())
    let card = try String(decoding: model.bytes("out/README.md"), as: UTF8.self)
    #expect(card.contains("library_name: peft") && card.contains("| low-rank factors | "))
    let beside = try scores(model.path, "--adapter", model.file("out"))
    for (number, scores) in beside.enumerated() {
      let right = try #require(scores[number % 2 == 0 ? "cold" : "warm"])
      #expect(scores.count == 2 && right > 0.5)
    }
    // Merged it is the same model, and its settings have the labels.
    let merged = ToolRun(
      "convert", model.path, model.file("merged") + "/", "--adapter", model.file("out"))
    #expect(merged.code == 0, "\(merged.error)")
    let answers = try scores(model.file("merged"))
    #expect(distance(answers, beside) < 1e-5)
  }

  @Test("Factors are frozen by their names, as the model's parameters are")
  func freezing() throws {
    let model = try model()
    func plan(_ patterns: String...) throws -> Int? {
      let run = ToolRun(
        arguments: arguments(model, to: "out", "--lora-rank", "2", "--dry-run", "--json")
          + patterns.flatMap { ["--freeze", $0] })
      #expect(run.code == 0, "\(run.error)")
      return try JSONValue(printed: run.output)["learning_parameters"]?.integer
    }
    let all = try #require(try plan())
    let second = try #require(try plan("*.lora_A.weight"))
    let head = try #require(try plan("*.lora_*", "bert.embeddings.*"))
    #expect(all > second && second > head && head > 0)
    let none = ToolRun(
      arguments: arguments(model, to: "out", "--lora-rank", "2", "--freeze", "*.lora_C"))
    #expect(none.code == 65 && none.error.contains("matches no parameter"), "\(none.error)")
  }

  @Test("All linear modules are a head's too, but what is stored whole, drawn or a model's scores")
  func everyLayer() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    let lines = texts.map { #"{"text": "\#($0)", "label": "\#($0.count % 2)"}"# + "\n" }
    try model.write(lines.joined(), as: "train.jsonl")
    // The model has no pooler: the classifier's is drawn.
    for (task, beside, whole) in [
      ("mlm", ["cls.predictions.transform.dense"], nil),
      ("classification", [], ["pooler", "classifier"]),
    ] as [(String, [String], [String]?)] {
      let run = ToolRun(
        arguments: [
          "train", model.path, "--task", task, "--train", model.file("train.jsonl"), "--output",
          model.file(task), "--steps", "2", "--lora-rank", "2", "--lora-target", "all-linear",
        ])
      #expect(run.code == 0, "\(run.error)")
      let settings = try JSONValue(
        parsing: model.bytes(task + "/adapter_config.json"), context: "settings")
      let targets = (settings["target_modules"]?.elements ?? []).compactMap(\.string)
      #expect(targets.filter { !$0.hasPrefix("bert.encoder.layer.") } == beside)
      #expect(settings["modules_to_save"]?.elements?.compactMap(\.string) == whole)
      // Goes on with the factors that are asked for.
      let on = ToolRun(
        arguments: [
          "train", model.path, "--task", task, "--train", model.file("train.jsonl"), "--output",
          model.file(task), "--steps", "2", "--lora-rank", "2", "--lora-target", "all-linear",
          "--resume",
        ])
      #expect(on.code == 0, "\(on.error)")
    }
  }

  @Test("A run that was stopped goes on with the same bits, dropout and all")
  func resumes() throws {
    let model = try model()
    let common = [
      "--steps", "4", "--save-every", "2", "--lora-rank", "2", "--lora-target", "all-linear",
      "--lora-dropout", "0.1",
    ]
    let first = ToolRun(arguments: arguments(model, to: "out") + common)
    #expect(first.code == 0, "\(first.error)")
    let whole = try model.bytes("out/adapter_model.safetensors")
    for name in try Directory.names(in: model.file("out/checkpoint-4")) {
      try Directory.removeFile(model.file("out/checkpoint-4/" + name))
    }
    let other = ToolRun(
      arguments: arguments(model, to: "out", "--resume", "--steps", "4", "--lora-rank", "3"))
    #expect(other.code == 65 && other.error.contains("has 2, 3 is asked for"), "\(other.error)")
    // Other modules, and another model.
    let elsewhere = ToolRun(
      arguments: arguments(model, to: "out") + common.map { $0 == "all-linear" ? "query" : $0 }
        + ["--resume"])
    #expect(
      elsewhere.code == 65
        && elsewhere.error.contains("has factors of it, which are not asked for"),
      "\(elsewhere.error)")
    let stranger = try self.model()
    let foreign = ToolRun(
      arguments: ["train", stranger.path] + arguments(model, to: "out").dropFirst(2) + common
        + ["--resume"])
    #expect(
      foreign.code == 65 && foreign.error.contains("cannot go on with \(stranger.path)"),
      "\(foreign.error)")
    let second = ToolRun(
      arguments: arguments(model, to: "out") + common + ["--resume", "--checkpointing"])
    #expect(second.code == 0, "\(second.error)")
    #expect(try model.bytes("out/adapter_model.safetensors") == whole)
    // In the place of a model it is none.
    for place in ["out", "out/adapter_model.safetensors"] {
      let alone = ToolRun("classify", model.file(place), "a")
      #expect(alone.code == 65, "\(alone.error)")
      #expect(
        alone.error.contains("it is an adapter of ")
          && alone.error.contains("beside it --adapter \(model.file("out"))"), "\(alone.error)")
    }
    // What is left out of the inputs makes another adapter.
    let without = ToolRun(
      arguments: arguments(model, to: "without") + common.dropLast(2))
    #expect(without.code == 0, "\(without.error)")
    #expect(try model.bytes("without/adapter_model.safetensors") != whole)
  }

  @Test("An adapter with a head is trained on a body alone, goes on, runs, and is merged")
  func bareBody() throws {
    let model = try model(["cold", "warm"])
    let graph = try Checkpoint.open(model.file("model.safetensors")).graph.renamed { name in
      name.hasPrefix("bert.") ? ExactName(String(name.string.dropFirst(5))) : nil
    }
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
      try model.write(model.bytes(file), as: "body/" + file)
    }
    _ = try graph.write(to: model.file("body/model.safetensors"))
    func train(_ output: String, _ more: String...) throws {
      let run = ToolRun(
        arguments: ["train", model.file("body")] + arguments(model, to: output).dropFirst(2)
          + ["--steps", "4", "--save-every", "2"] + more)
      #expect(run.code == 0, "\(run.error)")
    }
    try train("out", "--lora-rank", "2")
    let whole = try model.bytes("out/adapter_model.safetensors")
    for name in try Directory.names(in: model.file("out/checkpoint-4")) {
      try Directory.removeFile(model.file("out/checkpoint-4/" + name))
    }
    try train("out", "--lora-rank", "2", "--resume")
    #expect(try model.bytes("out/adapter_model.safetensors") == whole)
    try train("further", "--adapter", model.file("out"))
    let beside = try scores(model.file("body"), "--adapter", model.file("out"))
    #expect(
      beside.count == texts.count && beside.allSatisfy { $0.keys.sorted() == ["cold", "warm"] })
    let merged = ToolRun(
      "convert", model.file("body"), model.file("merged") + "/", "--adapter", model.file("out"))
    #expect(merged.code == 0, "\(merged.error)")
    #expect(try distance(scores(model.file("merged")), beside) < 1e-5)
  }

  @Test("A head that an adapter of PEFT does not name stays what it is, as with Trainer")
  func headIsNotNamed() throws {
    let model = try model()
    let graph = try Checkpoint.open(Fixtures.path("adapters/training/start")).graph.renamed {
      $0.string.contains("classifier") ? nil : $0
    }
    var settings = try JSONValue(
      parsing: Fixture("adapters/training/start/adapter_config.json").bytes(), context: "settings")
    settings = settings.setting("modules_to_save", to: .null).setting("task_type", to: .null)
    try model.write(JSONWriter.text(settings), as: "start/adapter_config.json")
    _ = try graph.write(to: model.file("start/adapter_model.safetensors"))
    let run = ToolRun(
      arguments: arguments(model, to: "out", "--adapter", model.file("start"), "--steps", "3"))
    #expect(run.code == 0, "\(run.error)")
    let adapter = try LowRankAdapter(model.file("out"))
    #expect(Set(adapter.checkpoint.graph.weights.keys) == Set(graph.weights.keys))
    #expect(adapter.replacements.isEmpty)
    #expect(adapter.configuration.document["modules_to_save"] == .null)
  }

  @Test("A bias that the adapter has whole learns, and stands under the layer below the factors")
  func biases() throws {
    let model = try model()
    let name: ExactName =
      "base_model.model.bert.encoder.layer.0.attention.self.query.base_layer.bias"
    let start = Fixtures.path("adapters/training/start")
    var graph = try Checkpoint.open(start).graph
    let own = try #require(
      try Checkpoint.open(model.file("model.safetensors"))
        .graph["bert.encoder.layer.0.attention.self.query.bias"])
    try graph.insert(own, as: name)
    let settings = try JSONValue(
      parsing: Fixture("adapters/training/start/adapter_config.json").bytes(), context: "settings")
    try Directory.makeAll(model.file("start"))
    _ = try graph.write(to: model.file("start/adapter_model.safetensors"))
    // What the settings do not say learns is stored and stays.
    for (setting, learns) in [("lora_only", true), ("none", false)] {
      try model.write(
        JSONWriter.text(settings.setting("bias", to: .string(setting))),
        as: "start/adapter_config.json")
      let run = ToolRun(
        arguments: arguments(
          model, to: setting, "--adapter", model.file("start"), "--steps", "3"))
      #expect(run.code == 0, "\(run.error)")
      let found = try Checkpoint.open(model.file(setting + "/adapter_model.safetensors")).graph
      #expect(Set(found.weights.keys) == Set(graph.weights.keys))
      #expect(try (found.weights[name]?.floats() != own.floats()) == learns, "\(setting)")
    }
  }

  @Test("Only factors and the head learn")
  func plan() throws {
    let model = try model(["cold", "warm"])
    let run = ToolRun(
      arguments: arguments(model, to: "out", "--lora-rank", "2", "--dry-run", "--json"))
    #expect(run.code == 0, "\(run.error)")
    let plan = try JSONValue(printed: run.output)
    let graph = try Checkpoint.open(model.file("model.safetensors")).graph
    let query = try #require(
      graph.weights.first { $0.key.hasSuffix("self.query.weight") }?.value.shape.dimensions[0])
    let layers = graph.weights.keys.count { $0.hasSuffix("self.query.weight") }
    // Queries and values, two factors each; a classifier of two labels with its biases.
    let factors = layers * 2 * 2 * 2 * query
    #expect(plan["learning_parameters"]?.integer == factors + 2 * query + 2)
  }

  @Test(
    "What cannot be trained is refused by its name",
    arguments: [
      (["--lora-rank", "2", "--lora-target", "quary"], "no layer has a linear module"),
      (["--lora-rank", "0"], "expected 1 to 1024, found 0"),
      (["--lora-alpha", "2"], "need a --lora-rank"),
      (["--lora-rank", "2", "--lora-alpha", "nan"], "expected a number other than 0"),
      (["--lora-rank", "2", "--lora-dropout", "1"], "less than 1, found 1"),
      (["--lora-rank", "2", "--adapter", "training/start"], "new factors are asked for"),
    ])
  func refused(options: [String], problem: String) throws {
    let model = try model()
    let options = options.map {
      $0 == "training/start" ? Fixtures.path("adapters/" + $0) : $0
    }
    let run = ToolRun(arguments: arguments(model, to: "out") + options)
    #expect(run.code != 0 && run.error.contains(problem), "\(run.error)")
  }

  @Test(
    "Adapters with magnitudes, tables or rows are not trained, nor is a new language model's head")
  func untrainable() throws {
    let directory = try TemporaryDirectory()
    for file in ["config.json", "model.safetensors"] {
      _ = try directory.write(Fixture("adapters/bert/" + file).bytes(), as: file)
    }
    for name in ["magnitudes", "token-rows", "patterns"] {
      let source = try ModelSource(
        directory.path, adapter: try LowRankAdapter(Fixtures.path("adapters/" + name)))
      let task = try classification()
      let error = #expect(throws: CheckpointError.self) {
        _ = try source.trainable(for: task, seed: 1)
      }
      #expect(error?.problem.contains("runs, and is not trained") == true, "\(name)")
    }
    let model = try model()
    let run = ToolRun(
      "train", model.path, "--task", "mlm", "--train", model.file("train.jsonl"), "--output",
      model.file("out"), "--lora-rank", "2")
    #expect(
      run.code != 0 && run.error.contains("no place for the head of a language model"),
      "\(run.error)")
  }

  private func classification() throws -> TrainingTask {
    let model = try model(["a", "b", "c"])
    return try TrainingTask(
      .classification, of: try TrainingData(path: model.file("train.jsonl")))
  }
}
