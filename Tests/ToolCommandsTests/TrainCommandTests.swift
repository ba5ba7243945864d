import CheckpointBytes
import TestSupport
import Testing
import Weighbridge

@Suite("weighbridge train")
struct TrainCommandTests {
  private let model: ModelFixture

  init() throws {
    // Its labels are heavy, light and balanced.
    model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    try model.write(examples(["heavy", "light"]), as: "train.jsonl")
    try model.write(examples(["light", "heavy"]), as: "eval.jsonl")
  }

  private func examples(_ labels: [String], count: Int = 16) -> String {
    let words = ["cafes", "are", "near", "running", "water", "a", "good", "day", "the", "scale"]
    return (0..<count).map { number in
      let text = (0..<5).map { words[(number * 3 + $0 * $0) % words.count] }
      return
        "{\"text\": \"\(text.joined(separator: " "))\", \"label\": \"\(labels[number % labels.count])\"}\n"
    }.joined()
  }

  private func train(_ output: String, _ arguments: String..., data: String = "train.jsonl")
    -> ToolRun
  {
    ToolRun(
      arguments: [
        "train", model.path, "--task", "classification", "--train", model.file(data), "--output",
        model.file(output), "--threads", "1",
      ] + arguments)
  }

  private func results(_ run: ToolRun) throws -> JSONValue {
    #expect(run.code == 0, "\(run.error)")
    return try #require(try JSONValue(printed: run.output)["results"])
  }

  @Test("The mean loss is that of the steps, however many there are in a line of the log")
  func meanLoss() throws {
    let single = try results(
      train("single", "--steps", "7", "--batch-size", "4", "--log-every", "1", "--json"))
    let several = try results(
      train("several", "--steps", "7", "--batch-size", "4", "--log-every", "3", "--json"))
    let mean = try #require(single["train_loss"]?.double)
    #expect(try abs(#require(several["train_loss"]?.double) - mean) < 1e-9)
    let lines = try String(decoding: model.bytes("single/log.jsonl"), as: UTF8.self)
      .split(separator: "\n").compactMap { try JSONValue(printed: String($0))["loss"]?.double }
    #expect(lines.count == 7 && abs(lines.reduce(0, +) / 7 - mean) < 1e-9)
  }

  @Test("A label that the model does not know beside others that it knows is told with its line")
  func unknownLabels() throws {
    try model.write(examples(["heavy", "dark"]), as: "part.jsonl")
    let run = train("part", "--steps", "1", data: "part.jsonl")
    #expect(run.code == 65)
    #expect(
      run.error.contains("part.jsonl: line 2, label: the label 'dark' is none of the model's"))
    // More classes than the head has.
    try model.write(examples(["0", "1", "2", "3"]), as: "more.jsonl")
    #expect(train("more", "--steps", "1", data: "more.jsonl").error.contains("the label '3'"))
    // Labels of another task get a head of their own.
    try model.write(examples(["cold", "warm"]), as: "other.jsonl")
    let other = train("other", "--steps", "1", data: "other.jsonl")
    #expect(other.code == 0 && other.error.contains("note: drawn by seed 42: classifier.weight"))
  }

  @Test(
    "Labels that are numbers, but not of their classes, are the same classes when training goes on")
  func numberedLabels() throws {
    let model = try ModelFixture(
      task: "bert-classifier", tokenizer: "bert-uncased", changes: [("id2label", .null)])
    try model.write(examples(["1", "2", "3"]), as: "train.jsonl")
    func train(_ start: String, _ output: String, _ more: String...) throws -> JSONValue {
      try results(
        ToolRun(
          arguments: [
            "train", start, "--task", "classification", "--train", model.file("train.jsonl"),
            "--eval", model.file("train.jsonl"), "--output", model.file(output), "--json",
            "--batch-size", "4",
          ] + more))
    }
    let long = ["--steps", "80", "--learning-rate", "0.02", "--save-every", "40"]
    let first = try train(model.path, "out", long[0], long[1], long[2], long[3], long[4], long[5])
    let settings = try JSONValue(parsing: model.bytes("out/config.json"), context: "settings")
    #expect(settings["id2label"]?["0"] == .string("1") && settings["label2id"]?["3"]?.integer == 2)
    let weights = try model.bytes("out/model.safetensors")
    for name in try Directory.names(in: model.file("out/checkpoint-80")) {
      try Directory.removeFile(model.file("out/checkpoint-80/" + name))
    }
    _ = try train(
      model.path, "out", long[0], long[1], long[2], long[3], long[4], long[5], "--resume")
    #expect(try model.bytes("out/model.safetensors") == weights)
    let accuracy = try #require(first["eval_accuracy"]?.double)
    let further = try train(
      model.file("out"), "further", "--steps", "1", "--learning-rate", "1e-12")
    #expect(accuracy > 0.6 && further["eval_accuracy"]?.double == accuracy, "\(accuracy)")
  }

  @Test("A model stays what its settings say that it is for, unless something else is asked for")
  func problems() throws {
    func problem(_ output: String) throws -> JSONValue? {
      try JSONValue(parsing: model.bytes(output + "/config.json"), context: "JSON")["problem_type"]
    }
    func further(_ start: String, _ output: String, _ data: String, _ more: String...) -> ToolRun {
      ToolRun(
        arguments: [
          "train", model.file(start), "--task", "classification", "--train", model.file(data),
          "--output", model.file(output), "--steps", "1", "--threads", "1",
        ] + more)
    }
    try model.write(examples(["1", "3", "2"]), as: "scores.jsonl")
    #expect(
      train("first", "--steps", "1", "--problem", "regression", data: "scores.jsonl").code == 0)
    let second = further("first", "second", "scores.jsonl")
    #expect(second.code == 0 && !second.error.contains("drawn"), "\(second.error)")
    #expect(try problem("second") == .string("regression"))
    // Settings of one label that say no more.
    let settings = try JSONValue(parsing: model.bytes("first/config.json"), context: "JSON")
    try model.write(
      JSONWriter.text(settings.setting("problem_type", to: .null)), as: "first/config.json")
    let third = further("first", "third", "scores.jsonl")
    #expect(third.code == 0 && !third.error.contains("drawn"), "\(third.error)")
    #expect(try problem("third") == .string("regression"))
    let texts = further("second", "texts", "train.jsonl")
    #expect(
      texts.code == 65
        && texts.error.contains("expected a number for a regression")
        && texts.error.contains("; --problem says what"),
      "\(texts.error)")
    let other = further(
      "second", "other", "train.jsonl", "--problem", "multi_label_classification")
    #expect(other.code == 0, "\(other.error)")
    let several = further("other", "several", "train.jsonl")
    #expect(several.code == 0 && !several.error.contains("drawn"), "\(several.error)")
    #expect(try problem("several") == .string("multi_label_classification"))
  }

  @Test("A vector of zeros and ones in place of the labels that hold is refused")
  func vectors() throws {
    try model.write("{\"text\": \"a\", \"label\": [1, 0, 1]}\n", as: "vectors.jsonl")
    let run = train("out", data: "vectors.jsonl")
    #expect(
      run.code == 65
        && run.error.contains("vectors.jsonl: line 1, label: a label is there twice"),
      "\(run.error)")
  }

  @Test(
    "What fits no such training is a wrong use",
    arguments: [
      (["--whole-words"], "--whole-words is for mlm and pretraining"),
      (["--threads", "0"], "--threads must be above 0"),
      (["--temperature", "2"], "--temperature needs a --teacher"),
      (["--mix", "0.5"], "--mix needs a --teacher"),
      (["--states-weight", "1"], "--states-weight needs --match-states"),
      (["--task", "mlm", "--problem", "regression"], "--problem is for classification"),
    ])
  func wrongUse(options: [String], problem: String) throws {
    let task = options.contains("--task") ? [] : ["--task", "classification"]
    let run = ToolRun(
      arguments: [
        "train", model.path, "--train", model.file("train.jsonl"), "--output", model.file("out"),
      ] + task + options)
    #expect(run.code == 64 && run.error.contains(problem), "\(run.error)")
  }

  @Test("A file, and the directory of a model or an adapter, are no output")
  func outputs() throws {
    let before = try model.bytes("model.safetensors")
    try model.write(model.bytes("config.json"), as: "taught/config.json")
    try model.write("{}", as: "adapter/adapter_config.json")
    for (output, options, problem) in [
      ("train.jsonl", [], "train.jsonl: it is a file, and training writes a directory"),
      ("", [], "config.json: a model is there, and would be written over"),
      ("", ["--lora-rank", "2"], "config.json: a model is there, and would be written over"),
      ("taught", ["--teacher", model.file("taught")], "taught/config.json: a model is there"),
      ("adapter", [], "adapter/adapter_config.json: a model is there"),
    ] as [(String, [String], String)] {
      let run = ToolRun(
        arguments: [
          "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
          "--output", model.file(output),
        ] + options)
      #expect(run.code == 65 && run.error.contains(problem), "\(run.error)")
    }
    #expect(try model.bytes("model.safetensors") == before)
  }

  @Test("With --require-finite a model of numbers that are none is not trained")
  func finite() throws {
    let name: ExactName = "bert.encoder.layer.0.output.dense.weight"
    let graph = try Checkpoint.open(model.file("model.safetensors")).graph.mapWeights {
      (own, weight) throws(CheckpointError) in
      guard own == name else { return weight }
      var values = try weight.floats()
      values[3] = .nan
      return try Weight(values, shape: weight.shape.dimensions)
    }
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
      try model.write(model.bytes(file), as: "broken/" + file)
    }
    _ = try graph.write(to: model.file("broken/model.safetensors"))
    for more in [[], ["--lora-rank", "2"]] {
      let run = ToolRun(
        arguments: [
          "train", model.file("broken"), "--task", "classification", "--train",
          model.file("train.jsonl"), "--output", model.file("out"), "--require-finite",
        ] + more)
      #expect(run.code == 65 && run.error.contains(name.string), "\(run.error)")
    }
  }

  @Test("What learned is float32 whatever it was stored as, and the settings say so")
  func types() throws {
    let whole = try ModelFixture(
      task: "bert-classifier", tokenizer: "bert-uncased", changes: [("dtype", .string("float32"))])
    let half = model.file("half")
    #expect(ToolRun("convert", whole.path, half, "--dtype", "bfloat16").code == 0)
    func stated(_ directory: String) throws -> JSONValue? {
      try JSONValue(parsing: model.bytes(directory + "/config.json"), context: "JSON")["dtype"]
    }
    #expect(try stated("half") == .string("bfloat16"))
    let run = ToolRun(
      "train", half, "--task", "classification", "--train", model.file("train.jsonl"), "--output",
      model.file("out"), "--steps", "1", "--freeze", "bert.embeddings.*", "--threads", "1")
    #expect(run.code == 0, "\(run.error)")
    // A type that is wider than the frozen weights' loses nothing of theirs.
    for directory in ["out", "out/checkpoint-1"] {
      #expect(try stated(directory) == .string("float32"))
    }
    // What did not learn stays what it was.
    try loadLanguageModel(from: half).save(to: model.file("again"))
    #expect(try stated("again") == .string("bfloat16"))
  }

  @Test("Another class than the task's is refused, and a class that looks ahead is told of")
  func classes() throws {
    let other = train("out", "--architecture", "BertForMaskedLM")
    #expect(
      other.code == 65
        && other.error.contains(
          "BertForMaskedLM is no model for classification, which takes BertForSequenceClassification"
        ), "\(other.error)")
    let masked = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try masked.write("a good day\n", as: "lines.txt")
    let run = ToolRun(
      "train", masked.path, "--task", "lm", "--train", masked.file("lines.txt"), "--output",
      masked.file("out"), "--dry-run")
    #expect(run.code == 0 && run.error.contains("is_decoder is false"), "\(run.error)")
  }

  @Test("A manifest is the model's: neither a teacher nor a checkpoint is held against it")
  func manifest() throws {
    let manifest = model.file("manifest.json")
    #expect(ToolRun("manifest", model.path, "--output", manifest).code == 0)
    #expect(train("taught", "--steps", "2").code == 0)
    func run(_ more: String...) -> ToolRun {
      ToolRun(
        arguments: [
          "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
          "--output", model.file("out"), "--steps", "2", "--save-every", "1", "--manifest",
          manifest, "--teacher", model.file("taught"),
        ] + more)
    }
    let first = run()
    #expect(first.code == 0, "\(first.error)")
    for name in try Directory.names(in: model.file("out/checkpoint-2")) {
      try Directory.removeFile(model.file("out/checkpoint-2/" + name))
    }
    let second = run("--resume")
    #expect(second.code == 0, "\(second.error)")
    let other = ToolRun(
      "train", model.file("taught"), "--task", "classification", "--train",
      model.file("train.jsonl"), "--output", model.file("other"), "--manifest", manifest)
    #expect(other.code == 65, "\(other.error)")
  }

  @Test("A task of more labels than the head has is refused by the library, too")
  func otherHead() throws {
    let source = try ModelSource(model.path)
    let tokenizer = try source.tokenizer()
    func task(_ labels: [String]) throws -> TrainingTask {
      try model.write(examples(labels), as: "labels.jsonl")
      return try TrainingTask(
        .classification, of: TrainingData(path: model.file("labels.jsonl")))
    }
    let two = try source.trainable(for: task(["a", "b"]), seed: 1).model
    _ = try Trainer(two, tokenizer: tokenizer, task: task(["c", "d"]))
    let error = try #require(throws: CheckpointError.self) {
      try Trainer(two, tokenizer: tokenizer, task: task(["a", "b", "c"]))
    }
    #expect(error.kind == .inconsistent && error.site.field == "labels", "\(error)")
  }

  @Test("With --early-stop the model of the best evaluation is written, after a resume too")
  func earlyStop() throws {
    let options = [
      "--steps", "40", "--batch-size", "4", "--learning-rate", "0.02", "--eval-every", "2",
      "--save-every", "2", "--early-stop", "2", "--eval", model.file("eval.jsonl"), "--json",
    ]
    func run(_ output: String, _ more: [String] = []) -> ToolRun {
      ToolRun(
        arguments: [
          "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
          "--output", model.file(output), "--threads", "1",
        ] + options + more)
    }
    let first = run("first")
    #expect(try JSONValue(printed: first.output)["ending"] == .string("stopped_early"))
    let state = try JSONValue(
      printed: String(decoding: model.bytes("first/trainer_state.json"), as: UTF8.self))
    let best = try #require(state["best_global_step"]?.integer)
    let last = try #require(state["global_step"]?.integer)
    #expect(best < last)
    let weights = try model.bytes("first/model.safetensors")
    #expect(try weights == model.bytes("first/checkpoint-\(best)/model.safetensors"))
    #expect(
      state["best_model_checkpoint"] == .string(model.file("first/checkpoint-\(best)")))
    let lowest = state["log_history"]?.elements?.compactMap { $0["eval_loss"]?.double }.min()
    #expect(try #require(state["best_metric"]?.double) == lowest)
    // Of the checkpoints the best one stays beside the latest.
    #expect(run("few", ["--keep", "1"]).code == 0)
    #expect(
      try Directory.names(in: model.file("few")).filter { $0.hasPrefix("checkpoint-") }.sorted()
        == ["checkpoint-\(best)", "checkpoint-\(last)"].sorted())
    // As if it had been killed while it wrote its last checkpoint, with remains of another.
    try Directory.removeFile(model.file("first/checkpoint-\(last)/trainer_state.json"))
    try model.write("{}", as: "first/checkpoint-1/config.json")
    try Directory.removeFile(model.file("first/model.safetensors"))
    let again = run("first", ["--resume"])
    #expect(again.code == 0, "\(again.error)")
    #expect(try model.bytes("first/model.safetensors") == weights)
    #expect(try PathKind(path: model.file("first/checkpoint-1")) == .nothing)
    #expect(try PathKind(path: model.file("first/checkpoint-\(last)/trainer_state.json")) == .file)

    #expect(train("alone", "--early-stop", "2").code == 64)
  }

  @Test("Evaluations count from a resume on where a run did not wait for better ones before")
  func earlyStopOfResumed() throws {
    func run(_ more: String...) -> ToolRun {
      ToolRun(
        arguments: [
          "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
          "--output", model.file("out"), "--threads", "1", "--steps", "12", "--batch-size", "4",
          "--learning-rate", "0.05", "--eval-every", "1", "--save-every", "6", "--eval",
          model.file("eval.jsonl"),
        ] + more)
    }
    func state() throws -> JSONValue {
      try JSONValue(
        parsing: model.bytes("out/checkpoint-12/trainer_state.json"), context: "JSON")
    }
    func removeLast() throws {
      try Directory.removeFile(model.file("out/checkpoint-12/trainer_state.json"))
    }
    #expect(run().code == 0)
    // What is lowest so far is known after an interruption, too.
    let whole = try state()
    try removeLast()
    #expect(run("--resume").code == 0)
    #expect(try state() == whole)
    try removeLast()
    #expect(run("--resume", "--early-stop", "6").code == 0)
    let lowest = whole["log_history"]?.elements?.compactMap { entry in
      (entry["step"]?.integer ?? 0) > 6 ? entry["eval_loss"]?.double : nil
    }.min()
    #expect(try #require(state()["best_metric"]?.double) == lowest)
  }

  @Test("A run goes on with the settings that it was begun with")
  func otherSettings() throws {
    let begun = [
      "--steps", "4", "--save-every", "2", "--batch-size", "4", "--max-length", "16", "--freeze",
      "bert.embeddings.*",
    ]
    func run(_ options: [String], task: String = "classification") -> ToolRun {
      ToolRun(
        arguments: [
          "train", model.path, "--task", task, "--train", model.file("train.jsonl"), "--output",
          model.file("run"), "--threads", "1",
        ] + options)
    }
    #expect(run(begun).code == 0)
    try Directory.removeFile(model.file("run/checkpoint-4/trainer_state.json"))
    /// The options with another value of one, or one more.
    func changed(_ option: String, _ value: String) -> [String] {
      guard let place = begun.firstIndex(of: option) else { return begun + [option, value] }
      return begun[..<place] + [option, value] + begun[(place + 2)...]
    }
    for (options, words) in [
      (changed("--seed", "7"), "seed: the run was begun with 42 and cannot go on with 7"),
      (changed("--schedule", "cosine"), "schedule: the run was begun with linear"),
      (changed("--weight-decay", "0.5"), "weight decay: the run was begun with 0.0"),
      (
        changed("--batch-size", "2"), "batch size: the run was begun with 4 and cannot go on with 2"
      ), (changed("--accumulate", "2"), "accumulation: the run was begun with 1"),
      (changed("--max-length", "12"), "maximum length: the run was begun with 16"),
      (
        changed("--freeze", "bert.*"),
        "frozen: the run was begun with bert.embeddings.word_embeddings.weight"
      ),
      (changed("--teacher", model.path), "teacher: the run was begun with none"),
      (
        changed("--problem", "multi_label_classification"),
        "problem: the run was begun with single_label_classification"
      ),
    ] {
      let run = run(options + ["--resume"])
      #expect(run.code == 65 && run.error.contains(words), "\(run.error)")
    }
    let other = run(begun + ["--resume"], task: "mlm")
    let words = "task: the run was begun with classification and cannot go on with mlm"
    #expect(other.code == 65 && other.error.contains(words), "\(other.error)")
    #expect(run(begun + ["--resume"]).code == 0)
  }

  @Test("An optimizer is not taken for the model that a checkpoint lacks")
  func lackingModel() throws {
    #expect(
      train("out", "--steps", "2", "--early-stop", "9", "--eval", model.file("eval.jsonl")).code
        == 0)
    try Directory.removeFile(model.file("out/checkpoint-2/model.safetensors"))
    let run = train(
      "out", "--steps", "2", "--early-stop", "9", "--eval", model.file("eval.jsonl"), "--resume")
    #expect(
      run.code == 65
        && run.error.contains("out/checkpoint-2: the directory holds no checkpoint"),
      "\(run.error)")
  }

  @Test("Products may round to high and no further, and a run goes on with what it was begun with")
  func precision() throws {
    let options = ["--steps", "4", "--batch-size", "4", "--json"]
    func run(_ output: String, _ more: [String]) -> ToolRun {
      ToolRun(
        arguments: [
          "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
          "--output", model.file(output),
        ] + options + more)
    }
    func loss(_ run: ToolRun) throws -> Double {
      try #require(try results(run)["train_loss"]?.double)
    }
    let full = run("full", [])
    let high = run("high", ["--compute-precision", "high"])
    #expect((try loss(full) - (try loss(high))).magnitude < 1e-4)
    let losses = [full, high].map { $0.output }
    let hasNote = high.error.contains("no instructions for high")
    #expect(hasNote || losses[0] != losses[1])
    for name in ["int8", "bfloat16"] {
      let refused = run("none", ["--compute-precision", name])
      #expect(refused.code == 64 && refused.error.contains("not for training"), "\(refused.error)")
    }
    let other = run("high", ["--resume"])
    let words = "precision: the run was begun with high and cannot go on with full"
    #expect(
      other.code == (hasNote ? 0 : 65) && (hasNote || other.error.contains(words)), "\(other.error)"
    )
  }

  @Test("Results are written under the names of Trainer, by themselves and together")
  func results() throws {
    let run = train(
      "out", "--eval", model.file("eval.jsonl"), "--epochs", "1", "--batch-size", "4", "--json")
    let printed = try results(run)
    func file(_ name: String) throws -> [String: Double] {
      let members = try JSONValue(
        printed: String(decoding: model.bytes("out/" + name), as: UTF8.self)
      ).members
      return Dictionary(
        uniqueKeysWithValues: try #require(members).map { ($0.key.string, $0.value.double ?? .nan) }
      )
    }
    let speeds = ["runtime", "samples_per_second", "steps_per_second"]
    let training = try file("train_results.json")
    #expect(
      training.keys.sorted()
        == (["epoch", "steps", "train_loss"] + speeds.map { "train_" + $0 })
        .sorted())
    let evaluation = try file("eval_results.json")
    let measures = ["loss", "accuracy", "f1_macro", "f1_micro", "matthews_correlation"]
    #expect(
      evaluation.keys.sorted() == (["epoch"] + (measures + speeds).map { "eval_" + $0 }).sorted())
    let all = try file("all_results.json")
    #expect(all == training.merging(evaluation) { first, _ in first })
    for (name, value) in all { #expect(printed[ExactName(name)]?.double == value, "\(name)") }
    // 16 examples in 4 steps: four times as many, but for rounding.
    let (steps, samples) = (
      try #require(training["train_steps_per_second"]),
      try #require(training["train_samples_per_second"])
    )
    #expect(abs(samples - 4 * steps) <= 0.01 && steps > 0)
    // The card tells of the model.
    let card = try String(decoding: model.bytes("out/README.md"), as: UTF8.self)
    #expect(card.contains("eval_accuracy") && !card.contains("per_second"))
    // Nothing ends with the best evaluation's model, and none is named as in Trainer without load_best_model_at_end.
    let state = try JSONValue(
      printed: String(decoding: model.bytes("out/trainer_state.json"), as: UTF8.self))
    for key in ["best_metric", "best_global_step", "best_model_checkpoint"] as [ExactName] {
      #expect(state[key] == .null)
    }
  }

  @Test("A step of which no token happens to be hidden changes nothing")
  func nothingHidden() throws {
    let masked = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try masked.write(String(repeating: "a good day\n", count: 12), as: "lines.txt")
    let run = ToolRun(arguments: [
      "train", masked.path, "--task", "mlm", "--train", masked.file("lines.txt"), "--output",
      masked.file("out"), "--batch-size", "1", "--epochs", "1", "--log-every", "1", "--threads",
      "1",
    ])
    #expect(run.code == 0, "\(run.error)")
    let log = try String(decoding: masked.bytes("out/log.jsonl"), as: UTF8.self)
      .split(separator: "\n").map { try JSONValue(printed: String($0)) }
    // An evaluation of which no token is hidden would have no number, and is refused before the first step.
    try masked.write("a\n", as: "one.txt")
    let measured = ToolRun(
      "train", masked.path, "--task", "mlm", "--train", masked.file("lines.txt"), "--eval",
      masked.file("one.txt"), "--output", masked.file("measured"), "--threads", "1")
    let words = "no token of the 1 examples to measure by happens to be hidden"
    #expect(measured.code == 65 && measured.error.contains(words), "\(measured.error)")
    let losses = log.count { $0["loss"] != nil }
    #expect(log.count == 12 && losses > 0 && losses < 12, "\(losses)")
  }
}
