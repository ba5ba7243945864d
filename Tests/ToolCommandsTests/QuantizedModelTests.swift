import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge
import WeightGraph

/// Models whose matrices are int8, beside what compressed-tensors wrote and what the same arithmetic gives in torch
/// (`fixtures/quantized`).
@Suite("Models of int8")
struct QuantizedModelTests {
  private let bert = Fixtures.path("quantized/bert")
  private let expected: WeightGraph

  init() throws {
    expected = try Checkpoint.open(Fixtures.path("quantized/expected.safetensors")).graph
  }

  private func inputs() throws -> ModelInputs {
    try ModelInputs(opening: Fixtures.path("quantized/inputs.safetensors"))
  }

  /// A GPT-2 in float32, as a directory.
  private func gpt2() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    _ = try directory.write(
      try Fixture("quantized/gpt2.safetensors").bytes(), as: "model.safetensors")
    _ = try directory.write(try Fixture("quantized/gpt2.json").bytes(), as: "config.json")
    return directory
  }

  private func logits(_ path: String, class name: String) throws -> [Float] {
    let model = try loadLanguageModel(from: path, class: name)
    return try #require(try model(inputs()).all.first { $0.name == "logits" }).values
  }

  private func read(_ path: String) throws -> JSONValue {
    let file = try SourceFile(path: path)
    return try JSONValue(parsing: file.bytes(at: 0, count: file.size), context: path)
  }

  /// The root of the mean square of differences, as a part of that of the reference, at tokens that are no padding.
  private func distance(_ found: [Float], _ name: String) throws -> Double {
    let reference = try #require(expected[name]).floats()
    let seen = 2 * reference.count / 3
    #expect(found.count == reference.count)
    let pairs = zip(found, reference).prefix(seen).map { (Double($0), Double($1)) }
    let square = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (square / pairs.reduce(0) { $0 + $1.1 * $1.1 }).squareRoot()
  }

  @Test(
    "A file of compressed-tensors computes what its steps do in torch, and what the package does nearly"
  )
  func reading() throws {
    let found = try logits(bert, class: "BertForMaskedLM")
    // Attention between such layers may round to bfloat16 (docs/engine.md); a decoder's does not, and shows the steps themselves.
    #expect(try distance(found, "bert/steps") < 3e-2)
    // Theirs has 127.5 steps on each side: as far from numbers as from ours.
    #expect(try distance(found, "bert/package") < 0.04)
    #expect(try distance(found, "bert/numbers") < 0.03)
    #expect(try distance(found, "bert/numbers") > 1e-3)
  }

  @Test("Where rows are to stay numbers, weights become what steps stand for")
  func weightsOnly() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write(
      try Fixture("quantized/bert/model.safetensors").bytes(), as: "model.safetensors")
    let text = String(decoding: try Fixture("quantized/bert/config.json").bytes(), as: UTF8.self)
    let document = try JSONValue(parsing: Array(text.utf8), context: "config.json")
    let group = try #require(document["quantization_config"]?["config_groups"]?["group_0"])
    let changed = document.setting(
      "quantization_config",
      to: document["quantization_config"]?.setting(
        "config_groups",
        to: .object([JSONValue.Member("g", group.setting("input_activations", to: .null))])))
    _ = try directory.write(Array(JSONWriter.text(changed).utf8), as: "config.json")
    #expect(
      try distance(try logits(directory.path, class: "BertForMaskedLM"), "bert/numbers") < 2e-6)
    let saved = directory.file("saved")
    try loadLanguageModel(from: directory.path, class: "BertForMaskedLM").save(to: saved)
    let settings = try read(saved + "/config.json")
    #expect(settings["quantization_config"] == nil)
  }

  @Test("--dtype float32 gives the values that Transformers has after loading, bit for bit")
  func widening() throws {
    let directory = try TemporaryDirectory()
    let values = try Checkpoint.open(Fixtures.path("quantized/bert-values.safetensors")).graph
    let run = ToolRun("convert", bert, directory.file("wide"), "--dtype", "float32")
    #expect(run.code == 0, "\(run.error)")
    #expect(
      run.output.contains("  cast     12 tensors from I8 to F32, largest rounding error 0.0\n"))
    let wide = try Checkpoint.open(directory.file("wide")).graph
    #expect(Set(wide.weights.keys) == Set(values.weights.keys))
    for (name, weight) in values.weights {
      #expect(try wide.weights[name]?.packedBytes() == weight.packedBytes(), "\(name)")
    }
    let settings = try read(directory.file("wide/config.json"))
    #expect(settings["quantization_config"] == nil)
    // Other layouts have no place for steps.
    let run2 = ToolRun("convert", bert, directory.file("tf_model.h5"))
    #expect(run2.code == 0, "\(run2.error)")
    #expect(run2.output.contains("12 tensors from I8 to F32"))
    #expect(ToolRun("diff", directory.file("wide"), directory.file("tf_model.h5")).code == 0)
    // Without a type everything stays as it is, in other formats too.
    let kept = ToolRun("convert", bert, directory.file("kept.bin"))
    #expect(kept.code == 0 && !kept.output.contains("cast"), "\(kept.error)")
    #expect(ToolRun("diff", bert + "/model.safetensors", directory.file("kept.bin")).code == 0)
  }

  @Test(
    "Steps are of another type than the numbers that they stand for, and are those within a tolerance"
  )
  func comparing() throws {
    let directory = try TemporaryDirectory()
    let wide = directory.file("wide/")
    #expect(ToolRun("convert", bert, wide, "--dtype", "float32").code == 0)
    let structure = ToolRun("diff", bert, wide, "--structure")
    #expect(structure.code == 1)
    #expect(structure.output.contains("dtype I8 / F32"), "\(structure.output)")
    #expect(structure.output.contains(", 12 different"), "\(structure.output)")
    let exact = ToolRun("diff", bert, wide, "--json")
    #expect(exact.code == 1)
    let report = try JSONValue(printed: exact.output)
    #expect(report["equal"] == .boolean(false))
    let different = (report["tensors"]?.elements ?? []).filter { $0["different"] == .boolean(true) }
    #expect(different.count == 12)
    for tensor in different {
      #expect(tensor["first"]?["dtype"]?.string == "I8")
      #expect(tensor["second"]?["dtype"]?.string == "F32")
      #expect(tensor["max_abs"]?.double == 0)
    }
    #expect(ToolRun("diff", bert, wide, "--atol", "1e-9").code == 0)
    // Both int8, under names of another wrapper.
    let steps = directory.file("steps.safetensors")
    #expect(
      ToolRun("convert", bert, steps, "--rename", "*=>module.*", "--layout", "flat").code == 0)
    let same = ToolRun("diff", bert, steps)
    #expect(same.code == 0, "\(same.output)\(same.error)")
  }

  @Test("--dtype int8 stores what --precision int8 computes, and says how far off it is")
  func quantising() throws {
    let source = try gpt2()
    let directory = try TemporaryDirectory()
    let path = directory.file("int8")
    let run = ToolRun("convert", source.path, path, "--dtype", "int8", "--verify-forward", "--json")
    #expect(run.code == 0, "\(run.error)")
    let receipt = try JSONValue(printed: run.output)
    let casts = receipt["cast"]?.elements ?? []
    #expect(casts.count == 9)
    for cast in casts {
      #expect(cast["from"]?.string == "F32" && cast["to"]?.string == "I8")
      let relative = try #require(cast["relative_error"]?.double)
      #expect(relative > 1e-3 && relative < 2e-2)
    }
    #expect(receipt["forward"]?["equal"] == .boolean(true))
    #expect((receipt["forward"]?["largest_difference"]?.double ?? 0) > 0)
    let found = try logits(path, class: "GPT2LMHeadModel")
    #expect(try distance(found, "gpt2/steps") < 2e-6)
    // The form is not one that compressed-tensors knows, so that Transformers refuses it.
    let settings = try read(path + "/config.json")
    let group = settings["quantization_config"]?["config_groups"]?["group_0"]
    #expect(group?["format"]?.string == "int-quantized-conv1d")
    let steps = try Checkpoint.open(path).graph
    #expect(steps["transformer.h.0.attn.c_attn.weight"]?.dtype == .i8)
    #expect(
      steps["transformer.h.0.attn.c_attn.weight_scale"]?.shape.dimensions == [1, 72])
    #expect(steps["transformer.wte.weight"]?.dtype == .i8)
    #expect(
      steps["transformer.wte.weight_scale"]?.shape.dimensions == [53, 1])
    #expect(steps["transformer.wpe.weight"]?.dtype == .f32)

    var outputs: [[UInt8]] = []
    let file = Fixtures.path("quantized/inputs.safetensors")
    for (model, options) in [(path, []), (source.path, ["--precision", "int8"])] {
      let output = directory.file("run.safetensors")
      let run = ToolRun(
        arguments: ["run", model, "--inputs", file, "--output", output] + options)
      #expect(run.code == 0, "\(run.error)")
      outputs.append(try #require(try Checkpoint.open(output).graph["logits"]).packedBytes())
    }
    #expect(outputs[0] == outputs[1])
    // Once more changes nothing.
    let again = directory.file("again")
    #expect(ToolRun("convert", path, again, "--dtype", "int8").code == 0)
    #expect(ToolRun("diff", path, again).code == 0)
  }

  @Test("A model that is saved has the same steps and scales again")
  func saving() throws {
    let directory = try TemporaryDirectory()
    let model = try loadLanguageModel(from: bert, class: "BertForMaskedLM")
    let name = "bert.encoder.layer.1.output.dense.weight"
    let parameter = try #require(model.parameters[name])
    #expect(parameter.dtype == .i8 && parameter.byteCount == 24 * 40)
    #expect(try parameter.weight.scaledParts?.scales.shape.dimensions == [24, 1])
    let path = directory.file("saved")
    try model.save(to: path)
    let diff = ToolRun("diff", bert, path)
    #expect(diff.code == 0, "\(diff.output)")
    #expect(
      try logits(path, class: "BertForMaskedLM") == logits(bert, class: "BertForMaskedLM"))
    let settings = try read(path + "/config.json")
    #expect(settings["quantization_config"]?["version"]?.string == "0.20.0")
  }

  @Test("Values that replace steps become steps, and the model computes with them")
  func replacing() throws {
    let model = try loadLanguageModel(from: bert, class: "BertForMaskedLM")
    let before = try model(inputs()).all[0].values
    let names = ["query", "value"].map { "bert.encoder.layer.0.attention.self.\($0).weight" }
    let (query, value) = (
      try #require(model.parameters[names[0]]), try #require(model.parameters[names[1]])
    )
    let numbers = try query.weight
    try query.replace(with: try value.weight)
    #expect(try query.weight.packedBytes() == value.weight.packedBytes())
    #expect(try model(inputs()).all[0].values != before)
    // Steps are taken as they are; numbers, even those that steps stand for, are quantised anew.
    try query.replace(with: numbers)
    #expect(try query.weight.packedBytes() == numbers.packedBytes())
    #expect(try model(inputs()).all[0].values == before)
    try query.replace(with: try numbers.cast(to: .f64).cast(to: .f32))
    #expect(query.dtype == .i8)
  }

  @Test("int8 of what is no known model, or in a layout without a place for it, is refused")
  func refused() throws {
    let directory = try TemporaryDirectory()
    let unknown = Fixtures.path("hazards/files/squares.safetensors")
    let run = ToolRun("convert", unknown, directory.file("a.safetensors"), "--dtype", "int8")
    #expect(run.code == 65)
    #expect(
      run.error.contains("none was recognised") && run.error.contains("--layout flat"),
      "\(run.error)")
    let model = try gpt2()
    let keras = ToolRun("convert", model.path, directory.file("tf_model.h5"), "--dtype", "int8")
    #expect(keras.code == 65 && keras.error.contains("the layout tf"), "\(keras.error)")
    #expect(
      ToolRun(
        "convert", unknown, directory.file("b.safetensors"), "--dtype", "int8", "--layout", "flat"
      ).code == 0)
  }

  @Test("8-bit floats with scales of blocks become the numbers that Transformers makes of them")
  func blocks() throws {
    let blocks = Fixtures.path("quantized/blocks")
    let values = try Checkpoint.open(Fixtures.path("quantized/blocks-values.safetensors")).graph
    let directory = try TemporaryDirectory()
    for (type, name) in [("float32", "F32"), ("bfloat16", "BF16")] {
      for layout in [[], ["--layout", "flat"]] {
        let path = directory.file(type + layout.joined())
        let run = ToolRun(arguments: ["convert", blocks, path, "--dtype", type] + layout)
        #expect(run.code == 0, "\(run.error)")
        #expect(run.output.contains("7 tensors from F8_E4M3 to \(name)"), "\(run.output)")
        let numbers = try Checkpoint.open(path).graph
        #expect(numbers.weights.keys.allSatisfy { !$0.string.contains("scale") })
        for (key, weight) in values.weights where key.string.hasPrefix(type + "/") {
          let found = numbers[String(key.string.dropFirst(type.count + 1))]
          #expect(try found?.packedBytes() == weight.packedBytes(), "\(key)")
        }
        #expect(try read(path + "/config.json")["quantization_config"] == nil)
      }
    }
    // Without a type steps and scales go along.
    #expect(ToolRun("convert", blocks, directory.file("kept/")).code == 0)
    #expect(ToolRun("diff", blocks, directory.file("kept/")).code == 0)
  }

  @Test(
    "Steps of 8-bit floats are not cast without scales that stand beside them and are not understood",
    arguments: [
      // Settings are beside the first alone, and say nothing of the other names.
      "*=>*", "*weight_scale_inv=>*weight_scale", "*.weight_scale_inv=>*.scale",
      "*.weight_scale_inv=>*.scale_weight", "*_scale_inv=>*_scale_2",
    ])
  func unknownScales(_ rule: String) throws {
    let directory = try TemporaryDirectory()
    let source = directory.file("model.safetensors")
    let renaming = ToolRun(
      "convert", Fixtures.path("quantized/blocks"), source, "--rename", rule, "--layout", "flat")
    #expect(renaming.code == 0, "\(renaming.error)")
    for layout in ["auto", "flat"] {
      let run = ToolRun(
        "convert", source, directory.file("out.safetensors"), "--dtype", "bfloat16", "--layout",
        layout)
      #expect(run.code == 65)
      #expect(
        run.error.contains("are steps of scales, 'model.layers.0.")
          && run.error.contains("leave out --dtype BF16"), "\(run.error)")
    }
  }

  @Test(
    "int8 is not cast without scales that stand beside it and are not understood",
    arguments: ["*.weight_scale=>*.SCB", "*.weight_scale=>*.scales", "*_scale=>*.scale"])
  func unknownScalesOfIntegers(_ rule: String) throws {
    let directory = try TemporaryDirectory()
    let source = directory.file("model.safetensors")
    let renaming = ToolRun("convert", bert, source, "--rename", rule, "--layout", "flat")
    #expect(renaming.code == 0, "\(renaming.error)")
    let run = ToolRun(
      "convert", source, directory.file("out.safetensors"), "--dtype", "float16", "--layout",
      "flat")
    #expect(run.code == 65)
    #expect(
      run.error.contains("I8 [") && run.error.contains("are steps of scales, '")
        && run.error.contains("leave out --dtype F16, which keeps them as they are"),
      "\(run.error)")
    #expect(
      ToolRun("convert", source, directory.file("same.pt"), "--layout", "flat").code == 0)
    // Nor is another layout written of them, for which scales would be something to leave out.
    for arguments in [[], ["--layout", "tf"], ["--dtype", "float32"]] {
      let run = ToolRun(
        arguments: ["convert", source, directory.file("tf_model.h5")] + arguments)
      #expect(run.code == 65)
      #expect(
        run.error.contains("are steps of scales, '") && !run.error.contains("--exclude")
          && run.error.contains("; --layout flat keeps names and shapes as they are\n"),
        "\(run.error)")
    }
  }

  @Test(
    "Steps of fewer than 8 bits are not cast without their scales, and these not by themselves",
    arguments: [
      ("x.qweight", "I32", "x.scales"), ("x.weight", "U8", "x.weight.absmax"),
      ("x.weight", "U8", "x.weight_scale"), ("x.weight_packed", "I32", "x.weight_scale"),
      ("x.W_q", "U8", "x.scale"), ("x.y_blocks", "U8", "x.y_scales"),
      ("x.qweight", "I8", "x.scales"),
      ("x.weight", "F4", "x.weight_scale"),
    ])
  func packed(_ steps: String, _ dtype: String, _ scales: String) throws {
    let directory = try TemporaryDirectory()
    let columns = ["I32": 1, "F4": 8][dtype] ?? 4
    let header =
      #"{"\#(steps)":{"dtype":"\#(dtype)","shape":[2,\#(columns)],"data_offsets":[0,8]},"#
      + #""\#(scales)":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]}}"#
    let count = unsafe withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) {
      unsafe Array($0)
    }
    let source = try directory.write(
      count + header.utf8 + [UInt8](repeating: 0, count: 16), as: "model.safetensors")
    // Integers of another type would be none that a reader of the steps knows; those of this type stay.
    for other in ["bfloat16", "I64"] where other == "bfloat16" || dtype != "F4" {
      let run = ToolRun("convert", source, directory.file("out.safetensors"), "--dtype", other)
      #expect(run.code == 65)
      #expect(
        run.error.contains(
          "tensor '\(steps)': \(dtype) [2, \(columns)] are steps of scales, '\(scales)' F32 [2, 1]"),
        "\(run.error)")
    }
    #expect(
      ToolRun(
        "convert", source, directory.file("own.safetensors"), "--dtype",
        dtype == "F4" ? "I64" : dtype,
        "--layout", "flat"
      ).code == 0)
    #expect(ToolRun("convert", source, directory.file("same.safetensors")).code == 0)
  }

  @Test("Where settings would not help, nobody is told to put them there")
  func otherFloats() throws {
    let directory = try TemporaryDirectory()
    let header =
      #"{"w.weight":{"dtype":"F8_E5M2","shape":[2,2],"data_offsets":[0,4]},"#
      + #""w.weight_scale_inv":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}"#
    let count = unsafe withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) {
      unsafe Array($0)
    }
    let source = try directory.write(
      count + header.utf8 + [UInt8](repeating: 0, count: 8), as: "model.safetensors")
    let run = ToolRun(
      "convert", source, directory.file("out.safetensors"), "--dtype", "float32", "--layout",
      "flat")
    #expect(run.code == 65 && run.error.contains("F8_E5M2 [2, 2] are steps"), "\(run.error)")
    #expect(!run.error.contains("config.json"), "\(run.error)")
  }

  @Test("The digest of a model of int8 is not that of its numbers, which compute something else")
  func digests() throws {
    let directory = try TemporaryDirectory()
    let numbers = directory.file("numbers/")
    #expect(ToolRun("convert", bert, numbers, "--dtype", "float32").code == 0)
    let digests = try [bert, numbers].map { path in
      let run = ToolRun("inspect", path, "--digests", "--json")
      #expect(run.code == 0)
      return try #require(
        try JSONValue(parsing: Array(run.output.utf8), context: "output")["model_sha256"]?.string)
    }
    #expect(digests[0] != digests[1])
  }

  @Test("Without a matrix of numbers int8 is a type of integers like others")
  func integers() throws {
    let directory = try TemporaryDirectory()
    let header = #"{"values":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}"#
    let count = unsafe withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) {
      unsafe Array($0)
    }
    let values: [UInt8] = [5, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8)
    let source = try directory.write(count + header.utf8 + values, as: "a.safetensors")
    let result = directory.file("b.safetensors")
    #expect(ToolRun("convert", source, result, "--dtype", "I8").code == 0)
    let weight = try #require(try Checkpoint.open(result).graph.weights["values"])
    #expect(weight.dtype == .i8)
    #expect(try weight.bytes(of: Piece(weight: 0, range: 0..<2)) == [5, 0xFF])
  }
}
