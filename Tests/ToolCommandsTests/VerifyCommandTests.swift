import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("weighbridge verify")
struct VerifyCommandTests {
  private let model = Fixtures.path("tiny-bert")
  private let golden = Fixtures.path("golden/tiny-bert.safetensors")

  @Test("A model that computes what was recorded: one line more, exit code 0")
  func equal() throws {
    let run = ToolRun("verify", model, "--golden", golden)
    #expect(run.code == 0 && run.error == "")
    let lines = run.output.split(separator: "\n")
    #expect(lines.first == "\(model): BertForMaskedLM, against \(golden)")
    #expect(lines.count == 2, "\(run.output)")
    #expect(lines.last?.hasPrefix("  equal: 6 outputs within the tolerance; ") == true)
    #expect(ToolRun("verify", model + "/model.safetensors", "--golden", golden).code == 0)
  }

  @Test("The first layer that differs comes first, then a row for each output, exit code 1")
  func different() throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun(
      "verify", try mutated("\"gelu\"", "\"relu\"", in: directory), "--golden", golden)
    #expect(run.code == 1)
    let lines = run.output.split(separator: "\n").dropFirst()
    #expect(lines.first == "  first to differ: layer 0, encoder.layer.0 (hidden_states.1)")
    #expect(run.output.contains("\n  differ too: attentions.1, hidden_states.2, logits\n"))
    #expect(lines.count { $0.hasPrefix("≠") } == 4 && lines.count { $0.hasPrefix("= ") } == 2)
  }

  @Test("--json has every output in order of computation, with place and both values")
  func json() throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun(
      "verify", try mutated("1e-12", "0.1", in: directory), "--golden", golden, "--json")
    #expect(run.code == 1)
    let document = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(document["equal"] == .boolean(false))
    #expect(document["class"]?.string == "BertForMaskedLM")
    #expect(document["first_divergence"]?["module"]?.string == "embeddings")
    let outputs = document["outputs"]?.elements ?? []
    #expect(
      outputs.map { $0["name"]?.string } == [
        "hidden_states.0", "attentions.0", "hidden_states.1", "attentions.1", "hidden_states.2",
        "logits",
      ])
    #expect(outputs.first?["worst"]?["place"]?.elements?.count == 3)
    #expect(outputs.last?["ranking"]?["rows"]?.integer == 12)
    #expect(outputs.first?["compared"]?.integer == 2 * 6 * 32)
  }

  @Test("Tolerances are the user's where they are given; exact ones let nothing pass")
  func tolerances() {
    #expect(ToolRun("verify", model, "--golden", golden, "--rtol", "0", "--atol", "0").code == 1)
    #expect(ToolRun("verify", model, "--golden", golden, "--atol", "1e-4").code == 0)
    #expect(ToolRun("verify", model, "--golden", golden, "--tolerance", "*=1,0").code == 0)
    let idle = ToolRun("verify", model, "--golden", golden, "--tolerance", "logit=1,0")
    #expect(idle.code == 65)
    #expect(idle.error.contains("the pattern 'logit' matches no recorded output"))
    #expect(ToolRun("verify", model, "--golden", golden, "--rtol", "-1").code == 64)
    #expect(ToolRun("verify", model, "--golden", golden, "--atol", "nan").code == 64)
  }

  @Test("Outputs and inputs in a file each, as `run` takes and writes them")
  func apart() throws {
    let directory = try TemporaryDirectory()
    let (inputs, outputs) = (
      directory.file("inputs.safetensors"), directory.file("outputs.safetensors")
    )
    let arguments = ["input_ids", "attention_mask", "token_type_ids"]
    #expect(
      ToolRun(
        arguments: ["convert", golden, inputs, "--no-verify"]
          + arguments.flatMap { ["--include", $0] }
      ).code == 0)
    #expect(
      ToolRun(
        arguments: ["convert", golden, outputs, "--no-verify"]
          + arguments.flatMap { ["--exclude", $0] }
      ).code == 0)
    #expect(ToolRun("verify", model, "--golden", outputs, "--inputs", inputs).code == 0)
    let without = ToolRun("verify", model, "--golden", outputs)
    #expect(without.code == 65)
    #expect(without.error.contains("input_ids"), "\(without.error)")
  }

  @Test("Labels among the inputs are given to the model, and its loss is compared")
  func labels() throws {
    let directory = try TemporaryDirectory()
    let inputs = directory.file("inputs.safetensors")
    var graph = WeightGraph()
    let recorded = try GoldenRecord(opening: golden)
    for (name, weight) in recorded.inputs { try graph.insert(weight, as: name) }
    try graph.insert(try #require(recorded.inputs["input_ids"]), as: "labels")
    try graph.write(to: inputs)
    // The loss of transformers 5.23 in float64.
    for (loss, code) in [(Float(4.85212226512491), Int32(0)), (4.86, 1)] {
      let outputs = directory.file("outputs-\(code).safetensors")
      var outcome = WeightGraph()
      try outcome.insert(try #require(recorded.outputs["logits"]), as: "logits")
      try outcome.insert(try Weight([loss], shape: []), as: "loss")
      try outcome.write(to: outputs)
      let run = ToolRun("verify", model, "--golden", outputs, "--inputs", inputs)
      #expect(run.code == code, "\(run.output)\(run.error)")
    }
  }

  @Test("--outputs compares what another program computed, of whatever model, and names the module")
  func outputs() throws {
    let record = Fixtures.path("port/golden.safetensors")
    #expect(ToolRun("verify", "--outputs", record, "--golden", record).code == 0)
    let directory = try TemporaryDirectory()
    let mine = directory.file("mine.safetensors")
    var graph = WeightGraph()
    let golden = try GoldenRecord(opening: record)
    for (name, weight) in golden.outputs {
      var values = try weight.floats()
      if name.hasPrefix("blocks.1.norm:output") || name == "scores" { values[5] += 0.25 }
      try graph.insert(try Weight(values, shape: weight.shape.dimensions), as: name)
    }
    try graph.write(to: mine)
    let run = ToolRun("verify", "--outputs", mine, "--golden", record, "--json")
    #expect(run.code == 1)
    let document = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(document["class"] == .null)
    #expect(document["first_divergence"]?["name"]?.string == "blocks.1.norm:output")
    #expect(document["faulty_module"]?.string == "blocks.1.norm")
    let wide = ["--tolerance", "blocks.1.norm:*=0.3,0", "--tolerance", "scores=0.3,0"]
    let arguments = ["verify", "--outputs", mine, "--golden", record]
    #expect(ToolRun(arguments: arguments + wide).code == 0)
    #expect(ToolRun(arguments: arguments + ["--mismatch", "0.1"]).code == 0)
    for wrong in [
      ["--tolerance", "scores"], ["--tolerance", "scores=1"], ["--tolerance", "=1,1"],
      ["--tolerance", "scores=-1,0"], ["--mismatch", "2"], [model],
    ] { #expect(ToolRun(arguments: arguments + wrong).code == 64, "\(wrong)") }
    #expect(ToolRun("verify", "--golden", record).code == 64)
    // Without a model there is nothing that these could be of.
    for option in [
      ["--against", mine], ["--architecture", "BertModel"], ["--adapter", directory.path],
      ["--manifest", mine], ["--fill-zeros", "*"], ["--require-finite"],
      ["--compute-precision", "int8"],
    ] {
      let refused = ToolRun(arguments: arguments + option)
      #expect(refused.code == 64)
      #expect(
        refused.error.contains(
          "\(option[0]) is for a model that is run: give it instead of --outputs"),
        "\(refused.error)")
    }
    #expect(ToolRun(arguments: arguments + wide + ["--read-limit", "rank=1"]).code == 65)
  }

  @Test(
    "--against names the parameters that differ from a good checkpoint, those of the layer first")
  func against() throws {
    let directory = try TemporaryDirectory()
    let damaged: [ExactName] = [
      "bert.encoder.layer.1.output.dense.bias", "bert.encoder.layer.0.intermediate.dense.bias",
    ]
    let good = try Checkpoint.open(model + "/model.safetensors").graph
    let graph = try good.mapWeights { (name, weight) throws(CheckpointError) in
      guard damaged.contains(name) else { return weight }
      return try Weight(
        try weight.floats().map { $0 + 0.5 }, shape: weight.shape.dimensions)
    }
    _ = try directory.write(try Fixture("tiny-bert/config.json").bytes(), as: "config.json")
    let path = directory.file("model.safetensors")
    try graph.write(to: path)
    let run = ToolRun("verify", path, "--golden", golden, "--against", model)
    #expect(run.code == 1)
    #expect(
      run.output.contains(
        """
          of encoder.layer.0 these differ from \(model):
            bert.encoder.layer.0.intermediate.dense.bias: max abs 0.5000
          and 1 of other modules
        """), "\(run.output)")
    let json = ToolRun("verify", path, "--golden", golden, "--against", model, "--json").output
    let suspects = try JSONValue(parsing: Array(json.utf8), context: "output")["suspects"]
    #expect(
      suspects?["different"]?.elements?.map { $0["name"]?.string }
        == damaged.reversed().map(\.string))
    // The same numbers in another type: what differs is the type.
    let even: ExactName = "bert.encoder.layer.1.output.dense.bias"
    func halves(_ type: DType) throws -> WeightGraph {
      try good.mapWeights { (name, weight) throws(CheckpointError) in
        guard name == even else { return weight }
        let values = [Float](repeating: 0.5, count: weight.shape.elementCount)
        return try Weight(values, shape: weight.shape.dimensions).cast(to: type)
      }
    }
    var replacing = ConversionOptions()
    replacing.replacesExisting = true
    try halves(.bf16).write(to: path, options: replacing)
    try halves(.f32).write(to: directory.file("even.safetensors"))
    let typed = ToolRun(
      "verify", path, "--golden", golden, "--against", directory.file("even.safetensors"))
    #expect(typed.output.contains("\(even): type BF16, F32 there"), "\(typed.output)")
    let other = try TemporaryDirectory()
    let settings = try mutated("\"gelu\"", "\"relu\"", in: other)
    #expect(
      ToolRun("verify", settings, "--golden", golden, "--against", model).output.contains(
        "all weights are those of \(model): look at settings and code"))
  }

  @Test("What cannot be read, found or run is an error of one line")
  func errors() throws {
    let directory = try TemporaryDirectory()
    for arguments in [
      ["verify", model, "--golden", directory.file("absent.safetensors")],
      ["verify", directory.path, "--golden", golden],
      ["verify", Fixtures.path("golden/tiny-bert.safetensors"), "--golden", golden],
      ["verify", model, "--golden", model + "/model.safetensors"],
      ["verify", model, "--golden", golden, "--architecture", "BertForAnything"],
      ["verify", model, "--golden", golden, "--architecture", "BertForQuestionAnswering"],
    ] {
      let run = ToolRun(arguments: arguments)
      #expect(run.code == 65 || run.code == 74, "\(arguments): \(run.code)")
      #expect(run.output == "" && run.error.split(separator: "\n").count == 1, "\(run.error)")
    }
    let other = try mutated("\"bert\"", "\"llama\"", in: directory)
    let run = ToolRun("verify", other, "--golden", golden)
    #expect(
      run.error.contains("found 'llama' (unsupported); with --outputs FILE instead of the model"),
      "\(run.error)")
  }

  /// The path of a copy of the fixture with another configuration.
  private func mutated(
    _ text: String, _ other: String, in directory: TemporaryDirectory
  ) throws -> String {
    let configuration = String(
      decoding: try Fixture("tiny-bert/config.json").bytes(), as: UTF8.self)
    let parts = configuration.split(
      separator: text, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2)
    _ = try directory.write(Array((parts[0] + other + parts[1]).utf8), as: "config.json")
    _ = try directory.write(
      try Fixture("tiny-bert/model.safetensors").bytes(), as: "model.safetensors")
    return directory.path
  }
}
