import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("Adapters on the command line")
struct AdapterCommandTests {
  private let bert = Fixtures.path("adapters/bert")

  private func distance(
    _ path: String, _ name: String, from other: String, _ otherName: ExactName = "logits"
  ) throws -> Float {
    let first = try #require(try Checkpoint.open(path).graph[name])
    let second = try #require(try Checkpoint.open(other).graph[otherName])
    #expect(first.shape == second.shape)
    return zip(try first.floats(), try second.floats()).map { abs($0 - $1) }.max() ?? 0
  }

  @Test(
    "A model runs with an adapter beside its weights as PEFT runs it",
    arguments: [
      ("layers", "bert"), ("magnitudes", "bert"), ("token-rows", "bert"), ("patterns", "bert"),
      ("convolution", "gpt2"), ("output", "gpt2"), ("table", "gpt2"), ("parameters", "bert"),
    ])
  func unmerged(name: String, model: String) throws {
    let directory = try TemporaryDirectory()
    let adapter = Fixtures.path("adapters/" + name)
    let output = directory.file("out.safetensors")
    let run = ToolRun(
      "run", Fixtures.path("adapters/" + model), "--inputs",
      Fixtures.path("adapters/inputs.safetensors"), "--output", output, "--adapter", adapter)
    #expect(run.code == 0, "\(run.error)")
    #expect(
      try distance(output, "logits", from: Fixtures.path("adapters/expected/\(name).safetensors"))
        < 2e-6)
  }

  @Test("A merged model computes the same, and says what was merged")
  func merged() throws {
    let directory = try TemporaryDirectory()
    let (out, output) = (directory.file("merged"), directory.file("out.safetensors"))
    let adapter = Fixtures.path("adapters/layers")
    let convert = ToolRun(
      "convert", bert, out + "/", "--adapter", adapter, "--verify-forward")
    #expect(convert.code == 0, "\(convert.error)")
    #expect(
      convert.output.contains(
        "merged the adapter \(adapter) of rank 4: 4 weights changed, 2 replaced"),
      "\(convert.output)")
    let run = ToolRun(
      "run", out, "--inputs", Fixtures.path("adapters/inputs.safetensors"), "--output", output)
    #expect(run.code == 0, "\(run.error)")
    #expect(
      try distance(output, "logits", from: Fixtures.path("adapters/expected/layers.safetensors"))
        < 2e-6)
  }

  @Test("A weight that the adapter changes and the conversion leaves out is told as such")
  func leftOut() throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun(
      "convert", bert, directory.file("out/"), "--adapter", Fixtures.path("adapters/layers"),
      "--exclude", "*query*")
    #expect(run.code == 65)
    #expect(
      run.error.hasSuffix("; it was left out, since it matches --exclude *query*\n"),
      "\(run.error)")
  }

  @Test("A merged model says whether its output matrix is still the table of words")
  func untied() throws {
    let directory = try TemporaryDirectory()
    for (name, isTied) in [("table", false), ("output", true)] {
      let (out, output) = (directory.file(name), directory.file("out.safetensors"))
      let arguments = [
        "convert", Fixtures.path("adapters/gpt2"), out + "/", "--adapter",
        Fixtures.path("adapters/\(name)"),
      ]
      // What merging changes beside the output matrix is told.
      let checked = ToolRun(arguments: arguments + ["--verify-forward"])
      #expect(checked.code == (isTied ? 65 : 0), "\(checked.error)")
      #expect(checked.error.contains("outputs differ from the source's") == isTied)
      let convert = ToolRun(arguments: arguments + ["--force"])
      #expect(convert.code == 0, "\(convert.error)")
      let bytes = try SourceFile(path: out + "/config.json")
      let settings = try JSONValue(
        parsing: try bytes.bytes(at: 0, count: bytes.size), context: "settings")
      #expect(settings["tie_word_embeddings"] == .boolean(isTied))
      let run = ToolRun(
        "run", out, "--inputs", Fixtures.path("adapters/inputs.safetensors"), "--output", output)
      #expect(run.code == 0, "\(run.error)")
      let expected = Fixtures.path("adapters/expected/\(name).safetensors")
      let key: ExactName = isTied ? "logits.merged" : "logits"
      #expect(try distance(output, "logits", from: expected, key) < 2e-6, "\(name)")
    }
  }

  @Test(
    "Where the table is stored whole, the output matrix and its bias are a module of their own",
    arguments: [("bert", "cls.predictions"), ("roberta", "lm_head")])
  func untiedBias(name: String, head: String) throws {
    let directory = try TemporaryDirectory()
    let family = try #require(ModelFamily(named: name))
    let small = try SmallModel(family, .maskedLM)
    try Directory.makeAll(directory.file("base"))
    try Directory.makeAll(directory.file("adapter"))
    _ = try directory.write(small.file.bytes, as: "base/model.safetensors")
    _ = try directory.write(Array(small.configuration().utf8), as: "base/config.json")
    let body = "base_model.model.\(name)."
    let query = body + "encoder.layer.0.attention.self.query"
    var file = TensorFile()
    file.add(query + ".lora_A.weight", [1, 6])
    file.add(query + ".lora_B.weight", [6, 1])
    file.add(body + "embeddings.word_embeddings.weight", [11, 6], seed: 99)
    _ = try directory.write(file.bytes, as: "adapter/adapter_model.safetensors")
    let settings =
      #"{"peft_type": "LORA", "r": 1, "target_modules": ["query"], "modules_to_save": ["word_embeddings"]}"#
    _ = try directory.write(Array(settings.utf8), as: "adapter/adapter_config.json")
    let out = directory.file("out")
    let run = ToolRun(
      "convert", directory.file("base"), out + "/", "--adapter", directory.file("adapter"))
    #expect(run.code == 0, "\(run.error)")
    let (old, new) = (
      try Checkpoint.open(directory.file("base")).graph, try Checkpoint.open(out).graph
    )
    for (own, other) in [
      ("decoder.bias", head + ".bias"),
      ("decoder.weight", name + ".embeddings.word_embeddings.weight"),
    ] {
      let found = try #require(new[ExactName("\(head).\(own)")])
      #expect(try found.floats() == old[ExactName(other)]?.floats(), "\(own)")
    }
    #expect(new.aliases.isEmpty)
    _ = try ModelSource(out).load(try ModelSource(out).modelClass().type)
  }

  @Test("A checkpoint in TensorFlow's layout takes an adapter by Transformers' names")
  func tensorFlow() throws {
    let directory = try TemporaryDirectory()
    let (h5, out) = (directory.file("tf"), directory.file("out.safetensors"))
    #expect(ToolRun("convert", bert, h5 + "/", "--to", "hdf5").code == 0)
    let adapter = Fixtures.path("adapters/layers")
    let run = ToolRun(
      "run", h5, "--inputs", Fixtures.path("adapters/inputs.safetensors"), "--output", out,
      "--adapter", adapter)
    #expect(run.code == 0, "\(run.error)")
    #expect(
      try distance(out, "logits", from: Fixtures.path("adapters/expected/layers.safetensors"))
        < 2e-6)
  }

  @Test("inspect says what an adapter is")
  func inspected() throws {
    let run = ToolRun("inspect", Fixtures.path("adapters/patterns"))
    #expect(run.code == 0, "\(run.error)")
    #expect(
      run.output.contains(
        "note: a low-rank adapter of PEFT: 3 modules, rank 2 to 3, scale 3.5355339059327373 to 5.65685424949238, 2 weights stored whole"
      ),
      "\(run.output)")
  }

  @Test("Adapters of the same tensors differ if their settings make other numbers of them")
  func compared() throws {
    let directory = try TemporaryDirectory()
    let patterns = Fixtures.path("adapters/patterns")
    func copied(_ name: String, _ change: (JSONValue) -> JSONValue) throws -> String {
      let settings = try JSONValue(
        parsing: Fixture("adapters/patterns/adapter_config.json").bytes(), context: "settings")
      try Directory.makeAll(directory.file(name))
      _ = try directory.write(
        Array(JSONWriter.text(change(settings)).utf8), as: name + "/adapter_config.json")
      _ = try directory.write(
        Fixture("adapters/patterns/adapter_model.safetensors").bytes(),
        as: name + "/adapter_model.safetensors")
      return directory.file(name)
    }
    let same = try copied("same") { $0.setting("lora_dropout", to: .double(0.5)) }
    #expect(ToolRun("diff", patterns, same).code == 0)
    let other = try copied("other") { $0.setting("lora_alpha", to: .integer(16)) }
    let run = ToolRun("diff", patterns, other)
    #expect(run.code == 1 && run.output.contains("the adapters differ in the scale of "))
    let printed = try JSONValue(printed: ToolRun("diff", patterns, other, "--json").output)
    #expect(printed["equal"] == .boolean(false))
    #expect(printed["adapter_differences"]?.elements?.count == 2)
    // Of a kind that is not put on models, any key.
    let kind = try copied("kind") { $0.setting("peft_type", to: .string("IA3")) }
    let unknown = ToolRun("diff", patterns, kind)
    #expect(unknown.code == 1 && unknown.output.contains("'peft_type'"), "\(unknown.output)")
  }

  @Test(
    "With all biases trained those of whole modules are there twice, and the model's own as well")
  func allBiases() throws {
    let prefix = "base_model.model.classifier."
    let layers = Fixtures.path("adapters/layers")
    func adapter(_ again: Float) throws -> LowRankAdapter {
      let directory = try TemporaryDirectory()
      var graph = try Checkpoint.open(layers).graph
      let numbers = try #require(graph[prefix + "bias"]).floats()
      try graph.insert(
        try Weight(numbers.map { $0 + again }, shape: [numbers.count]),
        as: ExactName(prefix + "modules_to_save.bias"))
      try graph.insert(
        try Weight(numbers.map { _ in 9 }, shape: [numbers.count]),
        as: ExactName(prefix + "original_module.bias"))
      _ = try directory.write(
        try Fixture("adapters/layers/adapter_config.json").bytes(), as: "adapter_config.json")
      _ = try graph.write(to: directory.file("adapter_model.safetensors"))
      return try LowRankAdapter(directory.path)
    }
    let plain = try LowRankAdapter(layers)
    let twice = try adapter(0)
    #expect(Set(twice.replacements.map(\.name)) == Set(plain.replacements.map(\.name)))
    #expect(twice.replacements.count == plain.replacements.count)
    let error = #expect(throws: CheckpointError.self) { try adapter(1) }
    #expect(error?.kind == .inconsistent)
  }

  @Test("An adapter of zeros is reported as the identity")
  func identity() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write(
      try Fixture("adapters/convolution/adapter_config.json").bytes(), as: "adapter_config.json")
    let graph = try Checkpoint.open(Fixtures.path("adapters/convolution")).graph
    let zeros = try graph.mapWeights { (_, weight) throws(CheckpointError) in
      try Weight(
        [Float](repeating: 0, count: weight.shape.elementCount), shape: weight.shape.dimensions)
    }
    _ = try zeros.write(to: directory.file("adapter_model.safetensors"))
    let run = ToolRun(
      "convert", Fixtures.path("adapters/gpt2"), directory.file("out") + "/", "--adapter",
      directory.path)
    #expect(run.code == 0, "\(run.error)")
    #expect(run.output.contains("is the identity"), "\(run.output)")
  }

  @Test(
    "What an adapter did is an adapter again, and of a smaller rank a part of it",
    arguments: [("layers", "bert"), ("convolution", "gpt2"), ("patterns", "bert")])
  func extracted(name: String, model: String) throws {
    let directory = try TemporaryDirectory()
    let (merged, again) = (directory.file("merged"), directory.file("again"))
    let base = Fixtures.path("adapters/" + model)
    #expect(
      ToolRun(
        "convert", base, merged + "/", "--adapter", Fixtures.path("adapters/" + name)
      ).code == 0)
    let run = ToolRun("extract", base, merged, again, "--rank", "4")
    #expect(run.code == 0, "\(run.error)")
    #expect(run.output.contains(" of rank 4, "), "\(run.output)")
    #expect(!run.output.contains("note: "), "\(run.output)")
    let output = directory.file("out.safetensors")
    let second = ToolRun(
      "run", base, "--inputs", Fixtures.path("adapters/inputs.safetensors"), "--output", output,
      "--adapter", again)
    #expect(second.code == 0, "\(second.error)")
    #expect(
      try distance(
        output, "logits", from: Fixtures.path("adapters/expected/\(name).safetensors")) < 3e-6)
    let small = try AdapterExtraction(
      from: Checkpoint.open(base).graph, to: Checkpoint.open(merged).graph, rank: 1)
    for module in small.modules { #expect(module.share > 0.3 && module.share < 1) }
    let refused = ToolRun("extract", base, merged, again)
    #expect(refused.error.contains("exists already"), "\(refused.error)")
    let same = ToolRun("extract", base, base, directory.file("none"))
    #expect(same.code != 0)
    #expect(same.error.contains("hold the same numbers"), "\(same.error)")
  }

  /// A model whose logits are recorded, with other weights.
  private func model(
    _ name: String, in directory: TemporaryDirectory, as place: String,
    _ change: (ExactName, [Float]) -> [Float]
  ) throws -> String {
    let base = Fixtures.path("adapters/" + name)
    try Directory.makeAll(directory.file(place))
    let bytes = try Fixture("adapters/\(name)/config.json").bytes()
    _ = try directory.write(bytes, as: place + "/config.json")
    let graph = try Checkpoint.open(base).graph.mapWeights {
      (name, weight) throws(CheckpointError) in
      try Weight(change(name, try weight.floats()), shape: weight.shape.dimensions)
    }
    _ = try graph.write(to: directory.file(place + "/model.safetensors"))
    return directory.file(place)
  }

  @Test(
    "A table that is the output matrix too is extracted under both names, with factors and without",
    arguments: [true, false])
  func extractedTied(hasFactors: Bool) throws {
    let directory = try TemporaryDirectory()
    let tuned = try model("gpt2", in: directory, as: "tuned") { name, values in
      let isChanged =
        name.hasSuffix("wte.weight") || hasFactors && name.hasSuffix("mlp.c_fc.weight")
      return isChanged
        ? values.enumerated().map { $1 + 0.01 * Float($0 % 8) * Float(1 + $0 / 32) } : values
    }
    let (base, again) = (Fixtures.path("adapters/gpt2"), directory.file("again"))
    let run = ToolRun("extract", base, tuned, again, "--rank", "6")
    #expect(run.code == 0, "\(run.error)")
    let adapter = try LowRankAdapter(again)
    #expect(
      Set(adapter.replacements.map(\.name)) == ["transformer.wte.weight", "lm_head.weight"])
    #expect(adapter.modules.isEmpty != hasFactors)
    // Which Transformers and PEFT look for, both.
    #expect(adapter.checkpoint.graph.aliases.isEmpty)
    // PEFT takes no empty list.
    let target = adapter.configuration.document["target_modules"]
    #expect(hasFactors || target == .string("dummy-target-modules"))
    let inputs = Fixtures.path("adapters/inputs.safetensors")
    let merged = directory.file("merged")
    #expect(ToolRun("convert", base, merged + "/", "--adapter", again).code == 0)
    for (model, output, more) in [
      (tuned, "1.safetensors", []), (base, "2.safetensors", ["--adapter", again]),
      (merged, "3.safetensors", []),
    ] {
      let run = ToolRun(
        arguments: ["run", model, "--inputs", inputs, "--output", directory.file(output)] + more)
      #expect(run.code == 0, "\(run.error)")
    }
    let wanted = directory.file("1.safetensors")
    for output in ["2.safetensors", "3.safetensors"] {
      #expect(try distance(directory.file(output), "logits", from: wanted) < 1e-5)
    }
  }

  @Test("A bias of a head that is no layer's has the head stored whole with all that is in it")
  func extractedHead() throws {
    let directory = try TemporaryDirectory()
    let small = try SmallModel(.bert, .maskedLM)
    var other = small
    other.file["cls.predictions.bias"]?.bytes[0] ^= 1
    other.file["cls.predictions.transform.dense.weight"]?.bytes[0] ^= 1
    let base = try Checkpoint.open(
      try directory.write(small.file.bytes, as: "base.safetensors")
    ).graph
    let tuned = try Checkpoint.open(
      try directory.write(other.file.bytes, as: "tuned.safetensors")
    ).graph
    let found = try AdapterExtraction(from: base, to: tuned, rank: 1)
    #expect(found.modules.isEmpty && found.wholeModules == ["cls.predictions"])
    let head = [
      "bias", "transform.dense.weight", "transform.dense.bias", "transform.LayerNorm.weight",
      "transform.LayerNorm.bias", "decoder.weight", "decoder.bias",
    ]
    #expect(
      Set(found.weights.weights.keys.map(\.string))
        == Set(head.map { "base_model.model.cls.predictions." + $0 }))
    let place = directory.file("adapter")
    try found.write(to: place)
    let adapter = try LowRankAdapter(place)
    #expect(adapter.checkpoint.graph.aliases.isEmpty)
    let result = try adapter.applied(to: base).graph
    for (name, weight) in tuned.weights {
      #expect(try result[name]?.floats() == weight.floats(), "\(name)")
    }
    let bias = try tuned["cls.predictions.bias"]?.floats()
    #expect(try result["cls.predictions.decoder.bias"]?.floats() == bias)
  }

  @Test("The adapter of a body alone and its own fine-tune has the head, by the names beside one")
  func extractedFromBody() throws {
    let directory = try TemporaryDirectory()
    let merged = directory.file("merged")
    #expect(
      ToolRun("convert", bert, merged + "/", "--adapter", Fixtures.path("adapters/layers")).code
        == 0)
    let base = try model("bert", in: directory, as: "base") { $1 }
    let body = try Checkpoint.open(base).graph.renamed { name in
      name.hasPrefix("bert.") ? ExactName(String(name.string.dropFirst(5))) : nil
    }
    try Directory.makeAll(directory.file("body"))
    // Of the body alone: it knows of no labels, and two are the default.
    let settings = try ["id2label", "label2id"].reduce(
      JSONValue(parsing: Fixture("adapters/bert/config.json").bytes(), context: "settings")
        .setting("architectures", to: .array([.string("BertModel")]))
    ) { $0.setting(ExactName($1), to: nil) }
    _ = try directory.write(Array(JSONWriter.text(settings).utf8), as: "body/config.json")
    _ = try body.write(to: directory.file("body/model.safetensors"))
    let again = directory.file("again")
    let run = ToolRun("extract", directory.file("body"), merged, again, "--rank", "4")
    #expect(run.code == 0, "\(run.error)")
    let adapter = try LowRankAdapter(again)
    #expect(adapter.configuration.modulesToSave == ["classifier"])
    #expect(adapter.modules.count == 4 && adapter.modules.allSatisfy { $0.name.hasPrefix("bert.") })
    let output = directory.file("out.safetensors")
    let second = ToolRun(
      "run", directory.file("body"), "--inputs", Fixtures.path("adapters/inputs.safetensors"),
      "--output", output, "--adapter", again)
    #expect(second.code == 0, "\(second.error)")
    #expect(
      try distance(output, "logits", from: Fixtures.path("adapters/expected/layers.safetensors"))
        < 3e-6)
    // What is for three labels says so where it is put into weights.
    let third = ToolRun(
      "convert", directory.file("body"), directory.file("whole") + "/", "--adapter", again)
    #expect(third.code == 0, "\(third.error)")
    for key in ["architectures", "id2label"] as [ExactName] {
      let found = try [merged, directory.file("whole")].map {
        try SourceFile(path: $0 + "/config.json").document()[key]
      }
      #expect(found[0] != nil && found[0] == found[1], "\(found)")
    }
    // As PEFT leaves an adapter, without settings: the labels are as many as the head has.
    try Directory.removeFile(again + "/config.json")
    let bare = ToolRun(
      "convert", directory.file("body"), directory.file("bare") + "/", "--adapter", again)
    #expect(bare.code == 0, "\(bare.error)")
    let labels = try SourceFile(path: directory.file("bare/config.json")).document()["id2label"]
    #expect(
      labels == .object((0..<3).map { .init(ExactName("\($0)"), .string("LABEL_\($0)")) }))
    // Settings that are there are not replaced unasked.
    let place = directory.file("place")
    try Directory.makeAll(place)
    _ = try directory.write(Array("{}".utf8), as: "place/config.json")
    let refused = ToolRun("extract", directory.file("body"), merged, place)
    #expect(refused.error.contains("config.json: exists already"), "\(refused.error)")
    #expect(try Directory.names(in: place) == ["config.json"])
  }

  @Test("Checkpoints that have nothing in common, and what is of no module, make no adapter")
  func notExtracted() throws {
    func graph(_ names: [ExactName], _ value: Float) throws -> WeightGraph {
      var graph = WeightGraph()
      for name in names { try graph.insert(try Weight([value], shape: [1]), as: name) }
      return graph
    }
    #expect(
      throws: CheckpointError(.mismatch, "the checkpoints have no weight of the same name")
    ) { try AdapterExtraction(from: graph(["a.weight"], 1), to: graph(["b.weight"], 1), rank: 1) }
    let error = #expect(throws: CheckpointError.self) {
      try AdapterExtraction(from: graph(["scale"], 1), to: graph(["scale"], 2), rank: 1)
    }
    #expect(error?.kind == .unsupported && error?.tensor == "scale")
    // A bias that the base has not: the module is stored whole, in place of factors.
    var base = WeightGraph()
    try base.insert(try Weight([1, 2, 3, 4, 5, 6], shape: [2, 3]), as: "a.weight")
    var tuned = WeightGraph()
    try tuned.insert(try Weight([2, 2, 3, 4, 5, 6], shape: [2, 3]), as: "a.weight")
    try tuned.insert(try Weight([1, 2], shape: [2]), as: "a.bias")
    let found = try AdapterExtraction(from: base, to: tuned, rank: 1)
    #expect(found.modules.isEmpty && found.wholeModules == ["a"])
    #expect(found.weights.weights.count == 2)
    #expect(found.notes.map { $0.hasPrefix("the names are those of the files: ") } == [true])
  }

  @Test("Where a model is none that is known, a refusal says that its modules may have other names")
  func otherNames() throws {
    let adapter = try LowRankAdapter(Fixtures.path("adapters/layers"))
    var unknown = WeightGraph()
    try unknown.insert(try Weight([1, 2], shape: [1, 2]), as: "embed_out.weight")
    let known = try Checkpoint.open(Fixtures.path("adapters/gpt2")).graph
    for (graph, isKnown) in [(unknown, false), (known, true)] {
      let error = #expect(throws: CheckpointError.self) { try adapter.applied(to: graph) }
      let remedy = error?.remedy?.description ?? ""
      #expect(error?.kind == .notFound)
      #expect(remedy.hasPrefix("is it the model that the adapter was trained on?"))
      #expect(remedy.contains("otherwise than its files do") == !isKnown, "\(remedy)")
    }
  }

  @Test(
    "No factors are made of a change that is no number, or beyond float32",
    arguments: [(0.5, .nan), (0.5, .infinity), (-3e38, 3e38)] as [(Float, Float)])
  func extractedFromNothing(old: Float, new: Float) throws {
    func graph(_ values: [Float]) throws -> WeightGraph {
      var graph = WeightGraph()
      try graph.insert(try Weight(values, shape: [3, 4]), as: "a.weight")
      return graph
    }
    var values = [Float](repeating: old, count: 12)
    let base = try graph(values)
    values[6] = new
    #expect(
      throws: CheckpointError(
        .inconsistent, tensor: "a.weight",
        "element [1, 2] becomes \(Double(new)) from \(Double(old)), which no factors do")
    ) { try AdapterExtraction(from: base, to: graph(values), rank: 1) }
  }

  @Test("The place in a matrix of inputs × outputs is told as the checkpoint has it")
  func extractedFromNothingTransposed() throws {
    let base = try Checkpoint.open(Fixtures.path("adapters/gpt2")).graph
    let name: ExactName = "transformer.h.1.attn.c_attn.weight"
    let weight = try #require(base[name])
    var values = try weight.float64Values().map { Float($0) }
    values[2 * 24 + 5] = .nan
    var tuned = WeightGraph()
    for (other, kept) in base.weights {
      try tuned.insert(other == name ? Weight(values, shape: [8, 24]) : kept, as: other)
    }
    let error = #expect(throws: CheckpointError.self) {
      try AdapterExtraction(from: base, to: tuned, rank: 1)
    }
    #expect(error?.tensor == name.string)
    #expect("\(error.map(String.init(describing:)) ?? "")".contains("element [2, 5] becomes nan"))
  }
}
