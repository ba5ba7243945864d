import CheckpointBytes
import LayoutRules
import ModelFamilies
import TestSupport
import Testing
import ToolCommands

/// What is wrong with a model is said in one line, with the names concerned and a remedy that works.
@Suite("weighbridge convert --layout, bad input")
struct LayoutCommandTests {
  private let embeddings = "bert.embeddings.word_embeddings.weight"

  /// Converts to `tf_model.h5`; the message without `weighbridge: <source>: `.
  private func refusal(
    _ file: TensorFile, configuration: String? = nil, _ more: String...
  ) throws -> String {
    let directory = try TemporaryDirectory()
    let source = try directory.write(file, configuration: configuration)
    let run = ToolRun(
      arguments: ["convert", source, directory.file("out.h5"), "--layout", "tf"] + more)
    #expect(run.code == 65, "\(run.output)")
    #expect(run.output.isEmpty)
    #expect(run.error.utf8.count { $0 == UInt8(ascii: "\n") } == 1)
    return String(run.error.dropLast()).replacing("weighbridge: \(source)", with: "")
  }

  /// True if the same conversion works with these options.
  private func isRemedied(_ file: TensorFile, configuration: String? = nil, by options: String...)
    throws -> Bool
  {
    let directory = try TemporaryDirectory()
    let source = try directory.write(file, configuration: configuration)
    let run = ToolRun(
      arguments: ["convert", source, directory.file("out.h5"), "--layout", "tf"] + options)
    #expect(run.code == 0, "\(run.error)")
    return run.code == 0
  }

  @Test("Half a checkpoint: the names that are not there, with and without the embeddings")
  func half() throws {
    var file = try SmallModel(layers: 2).file
    let last = "bert.encoder.layer.1.output.LayerNorm.bias"
    file[last] = nil
    #expect(
      try refusal(file)
        == ": tensor '\(last)': missing: expected '\(last)', [6] (not found); "
        + "open all files of the checkpoint together, or leave it out with --allow-missing '\(last)'"
    )
    #expect(try isRemedied(file, by: "--allow-missing", last))
    file.tensors.removeAll { $0.name.contains("embeddings") }
    #expect(
      try refusal(file)
        == ": tensor '\(embeddings)': half a checkpoint: layers of bert in layout transformers are "
        + "there, 'bert.encoder.layer.0.attention.self.query.weight' for one, but no word embeddings "
        + "(not found); open all files of the checkpoint together")
  }

  @Test("Two families in one file")
  func twoFamilies() throws {
    var file = try SmallModel().file
    file.tensors += try SmallModel(.gpt2, .causalLM).file.tensors
    #expect(
      try refusal(file)
        == ": tensor 'transformer.wte.weight': two families, bert and gpt2: word embeddings lie at "
        + "'\(embeddings)' too; take the names of one of them only")
    #expect(try isRemedied(file, by: "--include", "bert.*", "--include", "cls.*"))
  }

  @Test("A head that the configuration does not name, and one that the weights do not have")
  func otherHead() throws {
    let model = try SmallModel()
    var file = model.file
    file.add("classifier.weight", [4, 6])
    #expect(
      try refusal(file, configuration: model.configuration())
        == ": tensor 'classifier.weight': unexpected: it is of BertForSequenceClassification or "
        + "BertForTokenClassification or BertForMultipleChoice, and the model is BertForMaskedLM; "
        + "--exclude 'classifier.weight' leaves it out")
    #expect(
      try isRemedied(
        file, configuration: model.configuration(), by: "--exclude", "classifier.weight"))
    let other = try SmallModel(.bert, .sequenceClassification)
    #expect(
      try refusal(model.file, configuration: other.configuration())
        == "/config.json: architectures: the configuration contradicts the weights: architectures "
        + "BertForSequenceClassification, but the weights are of BertForMaskedLM; one of the two "
        + "files is another model's, or weights are missing")
  }

  @Test("A vocabulary that disagrees with the embeddings, in the weights and in the configuration")
  func vocabulary() throws {
    let model = try SmallModel()
    #expect(
      try refusal(model.file, configuration: model.configuration(vocabulary: 12))
        == "/config.json: vocab_size: the configuration contradicts the weights: vocab_size 12, but the weights "
        + "have 11 word embeddings; one of the two files is another model's, or weights are missing"
    )
    var file = model.file
    file[embeddings] = nil
    file.add(embeddings, [12, 6])
    #expect(
      try refusal(file)
        == ": tensor 'cls.predictions.bias': [11]: its vocabulary is 11, that of '\(embeddings)' is "
        + "12; --layout flat keeps names and shapes as they are")
  }

  @Test("A dropped layer: first, middle, and the last, which only a configuration knows")
  func droppedLayer() throws {
    let model = try SmallModel(layers: 3)
    for (layer, remark) in [
      (0, "layers are numbered 1…2; expected 0…1"), (1, "layer 1 of 0…2 is missing"),
    ] {
      var file = model.file
      file.tensors.removeAll { $0.name.contains(".layer.\(layer).") }
      let name = "bert.encoder.layer.\(layer).attention.self.query.weight"
      let message = try refusal(file)
      #expect(
        message.hasPrefix(
          ": tensor '\(name)': \(remark); missing: expected '\(name)', [6, 6]; and 15 more"))
    }
    var file = model.file
    file.tensors.removeAll { $0.name.contains(".layer.2.") }
    #expect(
      try refusal(file, configuration: model.configuration())
        == "/config.json: num_hidden_layers: the configuration contradicts the weights: num_hidden_layers 3, but "
        + "the weights have 2 layers; one of the two files is another model's, or weights are missing"
    )
  }

  @Test("Layers counted from 1, a layer there twice, and a layer more than the configuration has")
  func renumbered() throws {
    let model = try SmallModel(layers: 2)
    func renamed(_ change: (String) -> String) -> TensorFile {
      var file = model.file
      for place in file.tensors.indices {
        file.tensors[place].name = change(file.tensors[place].name)
      }
      return file
    }
    let shifted = renamed {
      $0.replacing(".layer.1.", with: ".layer.2.").replacing(".layer.0.", with: ".layer.1.")
    }
    #expect(try refusal(shifted).contains(": layers are numbered 1…2; expected 0…1; missing: "))
    #expect(
      try isRemedied(
        shifted, by: "--rename", "*.layer.1.*=>*.layer.0.*", "--rename",
        "*.layer.2.*=>*.layer.1.*"))
    var twice = model.file
    var repeated = model.file
    for tensor in model.file.tensors where tensor.name.contains(".layer.1.") {
      twice.tensors.append(.init("module." + tensor.name, tensor.shape, tensor.bytes))
      let name = tensor.name.replacing(".layer.1.", with: ".layer.2.")
      repeated.tensors.append(.init(name, tensor.shape, tensor.bytes))
    }
    let message = try refusal(twice)
    #expect(
      message.contains(": layer 1 is there under two spellings; there twice: it is 'bert.enc"))
    #expect(try isRemedied(twice, by: "--exclude", "module.*"))
    #expect(
      try refusal(repeated, configuration: model.configuration())
        == "/config.json: num_hidden_layers: the configuration contradicts the weights: num_hidden_layers 2, but "
        + "the weights have 3 layers; one of the two files is another model's, or weights are missing"
    )
  }

  @Test("A name twice under two spellings")
  func twoSpellings() throws {
    let name = "bert.embeddings.LayerNorm."
    for (other, problem) in [
      (name + "gamma", "'\(name)weight' and '\(name)gamma' are one parameter"),
      ("embeddings.LayerNorm.weight", "it is '\(name)weight' too"),
    ] {
      var file = try SmallModel().file
      file.add(other, [6])
      let first = other.hasPrefix("bert") ? name + "weight" : other
      #expect(
        try refusal(file)
          == ": tensor '\(first)': there twice: \(problem); "
          + "--exclude '\(other)' leaves one of them out")
      #expect(try isRemedied(file, by: "--exclude", other))
    }
  }

  @Test("An extra name, a misspelt one, and two heads of one shape that changed places")
  func names() throws {
    let model = try SmallModel()
    let extra = "bert.encoder.layer.1.adapter.weight"
    var file = model.file
    file.add(extra, [2, 2])
    #expect(
      try refusal(file) == ": tensor '\(extra)': unexpected; --exclude '\(extra)' leaves it out")
    #expect(try isRemedied(file, by: "--exclude", extra))
    let name = "bert.encoder.layer.1.output.dense.bias"
    file = model.file
    let place = try #require(file.tensors.firstIndex { $0.name == name })
    file.tensors[place].name = "bert.encoder.layer.1.output.dense.bais"
    let rename = "bert.encoder.layer.1.output.dense.bais=>\(name)"
    #expect(
      try refusal(file)
        == ": tensor '\(name)': missing: expected '\(name)', [6]; and 1 more (not found); did you "
        + "mean 'bert.encoder.layer.1.output.dense.bais'? --rename '\(rename)' makes it so")
    #expect(try isRemedied(file, by: "--rename", rename))
    file = model.file
    let weight = "bert.encoder.layer.1.intermediate.dense.weight"
    let turned = "bert.encoder.layer.1.output.dense.weight"
    let places = try [weight, turned].map { name in
      try #require(file.tensors.firstIndex { $0.name == name })
    }
    file.tensors[places[0]].name = turned
    file.tensors[places[1]].name = weight
    #expect(
      try refusal(file)
        == ": tensor '\(weight)': misshaped: expected [10, 6], found [6, 10]; and 1 more; "
        + "--layout flat keeps names and shapes as they are")
  }

  @Test("A tie that is stated but not true: the configuration, the metadata, TensorFlow's copies")
  func untrueTies() throws {
    let model = try SmallModel(.gpt2, .causalLM, isUntied: true)
    let stated = model.configuration(and: ", \"tie_word_embeddings\": true")
    let directory = try TemporaryDirectory()
    let source = try directory.write(model.file, configuration: stated)
    let target = directory.file("new") + "/"
    #expect(
      ToolRun("convert", source, target, "--layout", "transformers").error
        == "weighbridge: \(source): tensor 'lm_head.weight': \(source)/config.json ties it to "
        + "'transformer.wte.weight', and the bytes differ; say \"tie_word_embeddings\": false there if "
        + "the model is meant to be untied\n")
    try directory.write(
      model.file, configuration: model.configuration(and: ", \"tie_word_embeddings\": false"))
    #expect(ToolRun("convert", source, target, "--layout", "transformers").code == 0)

    var file = model.file
    file.metadata = [("lm_head.weight", "transformer.wte.weight")]
    #expect(
      try refusal(file)
        == ": tensor 'lm_head.weight': __metadata__: it is stated to be 'transformer.wte.weight', and "
        + "the bytes differ; --exclude 'lm_head.weight' leaves it out")
    #expect(try isRemedied(file, by: "--exclude", "lm_head.weight"))
    file["lm_head.weight"] = nil
    #expect(try isRemedied(file))
    file.metadata = [("lm_head.weight", "transformer.nothing")]
    #expect(
      try refusal(file).hasPrefix(
        ": tensor 'lm_head.weight': __metadata__: it is stated to be 'transformer.nothing', which is "
          + "not there"))

    var copies = try SmallModel().file(in: .tensorFlow)
    let copy = "mlm___cls/tf_bert_for_masked_lm/bert/embeddings/word_embeddings/weight:0"
    copies[copy]?.bytes[5] ^= 1
    #expect(
      try refusal(copies)
        == ": tensor '\(copy)': the layout repeats "
        + "'bert/tf_bert_for_masked_lm/bert/embeddings/word_embeddings/weight:0' here, and the bytes "
        + "differ; --layout flat keeps names and shapes as they are")
    // Looking at it is no refusal.
    let listed = ToolRun("inspect", try directory.write(copies) + "/model.safetensors", "--digests")
    #expect(listed.code == 0)
    #expect(listed.output.contains("no digest of the model: tensor '\(copy)': the layout repeats "))
  }

  @Test("Where the settings say that nothing is tied, the same numbers are written under each name")
  func untiedEqual() throws {
    for (family, names) in [
      (ModelFamily.gpt2, ["lm_head.weight"]),
      (.bert, ["cls.predictions.decoder.weight", "cls.predictions.decoder.bias"]),
    ] {
      let model = try SmallModel(family, family == .gpt2 ? .causalLM : .maskedLM, isUntied: true)
      var file = model.file
      for parameter in model.architecture.parameters {
        guard let other = parameter.tiedTo.flatMap({ file[$0.string] }) else { continue }
        file[parameter.name.string]?.bytes = other.bytes
      }
      let directory = try TemporaryDirectory()
      let source = try directory.write(
        file, configuration: model.configuration(and: ", \"tie_word_embeddings\": false"))
      let target = directory.file("new")
      let run = ToolRun("convert", source, target + "/", "--layout", "transformers")
      #expect(run.code == 0, "\(run.error)")
      #expect(run.output.contains("tensors  \(file.tensors.count), "), "\(run.output)")
      let written = ToolRun("inspect", target)
      #expect(names.allSatisfy(written.output.contains), "\(written.output)")
      #expect(ToolRun("diff", source, target).code == 0)
      // What holds the two once by its own rules has both there again.
      guard family == .bert else { continue }
      // `source` is the directory itself, and has the settings.
      let keras = directory.file("tf_model.h5")
      #expect(ToolRun("convert", source, keras, "--layout", "tf").code == 0)
      let back = ToolRun(
        "convert", keras, directory.file("back") + "/", "--layout", "transformers")
      #expect(
        back.output.contains("tensors  \(file.tensors.count), "), "\(back.output)\(back.error)")
    }
  }

  @Test("A tie left out by name is left out of the metadata too, and the file is written")
  func excludedTie() throws {
    var file = try SmallModel(.gpt2, .causalLM, isUntied: true).file
    file.metadata = [("lm_head.weight", "transformer.wte.weight")]
    let directory = try TemporaryDirectory()
    let source = try directory.write(file)
    let run = ToolRun(
      "convert", source, directory.file("out.safetensors"), "--exclude", "lm_head.weight")
    #expect(run.code == 0, "\(run.error)")
    #expect(
      run.output.contains("left out metadata 'lm_head.weight' = 'transformer.wte.weight': it would")
    )
  }

  @Test("A width that is 0, and heads that do not divide it")
  func sizes() throws {
    let model = try SmallModel()
    var file = model.file
    file[embeddings] = nil
    file.add(embeddings, [0, 6])
    #expect(
      try refusal(file).hasPrefix(
        ": tensor '\(embeddings)': its vocabulary is 0, expected at least 1"))
    #expect(
      try refusal(model.file, configuration: model.configuration(heads: 4)).contains(
        "hidden_size 6 is no multiple of 4 heads"))
  }

  @Test("Names that no terminal should see are escaped, and layers of any number refused")
  func oddNames() throws {
    var file = try SmallModel().file
    file.add("evil\n\u{1b}[31m\u{0}name", [1])
    #expect(
      try refusal(file).hasPrefix(": tensor 'evil\\u{a}\\u{1b}[31m\\u{0}name': unexpected; "))
    for number in ["999999999999", "99999", "9999", "00"] {
      var file = try SmallModel().file
      file.add("bert.encoder.layer.\(number).output.dense.bias", [6])
      #expect(try refusal(file).contains(".\(number).output.dense.bias': unexpected; --exclude"))
    }
  }

  @Test("An unusual wrapper is not taken off unasked, and a configuration that is broken is told")
  func unasked() throws {
    let model = try SmallModel()
    var file = TensorFile()
    file.tensors = model.file.tensors.map { .init("ernie." + $0.name, $0.shape, $0.bytes) }
    let directory = try TemporaryDirectory()
    let source = try directory.write(file)
    let run = ToolRun("convert", source, directory.file("a.h5"), "--json")
    #expect(run.code == 0)
    let receipt = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(receipt["layout"] == .null)
    let note = "they stand under 'ernie.', which is no usual wrapper"
    #expect(run.output.contains(note + "; --layout tf takes it off"), "\(run.output)")
    // Of another kind of model nothing takes it off.
    let settings = model.configuration().replacing("\"bert\"", with: "\"ernie\"")
    try directory.write(file, configuration: settings)
    let kept = ToolRun("convert", source, directory.file("b.h5"))
    #expect(kept.code == 0, "\(kept.error)")
    #expect(kept.output.contains(note) && !kept.output.contains("takes it off"), "\(kept.output)")

    try directory.write(model.file, configuration: model.configuration(heads: 4))
    let listed = ToolRun("inspect", source)
    #expect(listed.output.contains("model: BertForMaskedLM in layout transformers"))
    #expect(listed.output.contains("hidden_size 6 is no multiple of 4 heads"))
  }

  @Test("Several names that are no model's are left out with the pattern that is proposed")
  func proposedPattern() throws {
    var file = try SmallModel().file
    for name in ["weight", "bias"] { file.add("myhead." + name, [2]) }
    let refused = try refusal(file)
    #expect(refused.contains("; --exclude 'myhead.*' leaves them out"), "\(refused)")
    #expect(try isRemedied(file, by: "--exclude", "myhead.*"))
  }

  @Test("Of several heads of fairseq --task takes one, whether a layout is named or not")
  func taskOfSeveral() throws {
    let directory = try TemporaryDirectory()
    var file = try SmallModel(.roberta, .sequenceClassification).file(in: .fairseq)
    for tensor in file.tensors where tensor.name.hasPrefix("classification_heads.") {
      let end = tensor.name.split(separator: ".").dropFirst(2).joined(separator: ".")
      file.tensors.append(.init("classification_heads.mnli." + end, tensor.shape, tensor.bytes))
    }
    let source = try directory.write(file.bytes, as: "a.safetensors")
    let out = directory.file("b.safetensors")
    for more in [[], ["--layout", "transformers"]] {
      let run = ToolRun(arguments: ["convert", source, out, "--force", "--task", "mnli"] + more)
      #expect(run.code == 0, "\(run.error)")
      #expect(run.output.contains("RobertaForSequenceClassification"), "\(run.output)")
      #expect(run.output.contains("and another one is asked for"), "\(run.output)")
      let wrong = ToolRun(arguments: ["convert", source, out, "--force", "--task", "nope"] + more)
      #expect(wrong.code == 65)
      #expect(wrong.error.contains("there is no classification head 'nope'"), "\(wrong.error)")
    }
    let open = ToolRun("convert", source, out, "--force")
    #expect(open.output.contains("a conversion takes one with --task "), "\(open.output)")
  }

  @Test("That nothing loads names is said of those alone that are another framework's")
  func namesThatLoad() throws {
    let directory = try TemporaryDirectory()
    for (name, toHDF5, back) in [("net.weight", true, false), ("layers/dense/vars/0", false, true)]
    {
      var file = TensorFile()
      file.add(name, [2])
      let source = try directory.write(file.bytes, as: "a.safetensors")
      let there = ToolRun("convert", source, directory.file("b.h5"), "--force")
      #expect(there.output.contains("neither Keras") == toHDF5, "\(there.output)")
      for end in ["c.pt", "c.safetensors"] {
        let home = ToolRun("convert", directory.file("b.h5"), directory.file(end), "--force")
        #expect(home.output.contains("no module of torch") == back, "\(home.output)")
      }
    }
  }

  @Test("HDF5 in Transformers' layout keeps what Transformers asks of the safetensors made of it")
  func format() throws {
    let directory = try TemporaryDirectory()
    let source = try directory.write(try SmallModel().file.bytes, as: "a.safetensors")
    let (there, back) = (directory.file("b.h5"), directory.file("c.safetensors"))
    #expect(ToolRun("convert", source, there, "--layout", "transformers").code == 0)
    #expect(ToolRun("convert", there, back).code == 0)
    let listed = ToolRun("inspect", back, "--json")
    let report = try JSONValue(parsing: Array(listed.output.utf8), context: "output")
    #expect(report["metadata"]?["format"]?.string == "pt", "\(listed.output)")
  }

  @Test("Where a layout needs the number of heads, the option that says it is named")
  func unknownHeads() throws {
    let directory = try TemporaryDirectory()
    let source = try directory.write(
      try SmallModel(.gpt2, .base).file.bytes, as: "model.safetensors")
    let arguments = ["convert", source, directory.file("a.weights.h5"), "--layout", "keras-hub"]
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 65)
    #expect(
      run.error.contains("the size heads is not known; say their number with --attention-heads"),
      "\(run.error)")
    let said = ToolRun(arguments: arguments + ["--attention-heads", "3"])
    #expect(said.code == 0, "\(said.error)")
  }

  @Test("What is for a layout or its settings is refused where a directory's stay as they are")
  func idleInDirectory() throws {
    let model = Fixtures.path("tiny-bert")
    let directory = try TemporaryDirectory()
    func run(_ source: String, _ options: String...) -> ToolRun {
      ToolRun(arguments: ["convert", source, directory.file("out/"), "--force"] + options)
    }
    let others = run(model, "--attention-heads", "7")
    #expect(others.code == 65)
    #expect(
      others.error.contains("attention heads: 7 are stated, the model has 2"), "\(others.error)")
    #expect(run(model, "--attention-heads", "2").code == 0)
    let loss = run(model, "--allow-loss", "*nothing*")
    #expect(loss.code == 65)
    #expect(
      loss.error.contains("leave out --allow-loss, which is for a layout"), "\(loss.error)")
    let zeros = run(model, "--fill-zeros", "*")
    #expect(zeros.code == 65 && zeros.error.contains("leave out --fill-zeros, "), "\(zeros.error)")
    let unknown = run(Fixtures.path("hazards/files/squares.safetensors"), "--attention-heads", "2")
    #expect(unknown.code == 65)
    #expect(
      unknown.error.contains("leave out --attention-heads, which is for a layout"),
      "\(unknown.error)")
  }

  @Test(
    "A preset never takes over another task's files: they are refused, or replaced with --force")
  func presets() throws {
    let directory = try TemporaryDirectory()
    let body = try SmallModel(.bert, .base)
    let source = try directory.write(body.file)
    let preset = directory.file("preset")
    try Directory.make(preset)
    let stale = ["task.weights.h5", "task.json"].map { Directory.join(preset, $0) }
    _ = try directory.write(Array("stale".utf8), as: "preset/task.weights.h5")
    _ = try directory.write(Array("{}".utf8), as: "preset/task.json")
    let arguments = [
      "convert", Directory.join(source, "model.safetensors"), preset, "--layout", "keras-hub",
      "--attention-heads", "3",
    ]
    let refused = ToolRun(arguments: arguments)
    #expect(refused.code == 65)
    #expect(refused.error.contains("preset/task.weights.h5: exists already"), "\(refused.error)")
    #expect(try stale.allSatisfy { try PathKind(path: $0) == .file })

    let forced = ToolRun(arguments: arguments + ["--force"])
    #expect(forced.code == 0, "\(forced.error)")
    #expect(try stale.allSatisfy { try PathKind(path: $0) == .nothing })
    #expect(ToolRun("diff", source, preset).code == 0)
  }

  @Test(
    "A task of a variant, whose backbone has a name of its own, goes back, a preset and one file")
  func variantTask() throws {
    let (source, directory) = (try TemporaryDirectory(), try TemporaryDirectory())
    let small = try SmallModel(.xlmRoberta, .sequenceClassification, zerosWhereUnused: true)
    let settings = #", "layer_norm_eps": 1e-5, "hidden_act": "gelu_pytorch_tanh", "num_labels": 4"#
    let model = try source.write(small.file, configuration: small.configuration(and: settings))
    for name in ["preset", "task.weights.h5"] {
      let task = directory.file(name)
      let written = ToolRun(
        "convert", model, task, "--layout", "keras-hub", "--allow-loss", "*")
      #expect(written.code == 0, "\(written.error)")
      let back = directory.file(name + ".safetensors")
      let read = ToolRun("convert", task, back, "--layout", "transformers", "--fill-zeros", "*")
      #expect(read.code == 0, "\(read.error)")
      let difference = ToolRun("diff", model, back)
      #expect(difference.code == 0, "\(difference.output)")
    }
  }
}
