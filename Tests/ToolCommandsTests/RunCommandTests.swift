import CheckpointBytes
import Foundation
import LayoutRules
import ModelFamilies
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("weighbridge run")
struct RunCommandTests {
  private let model = Fixtures.path("tiny-bert")
  private let golden = Fixtures.path("golden/tiny-bert.safetensors")
  private let arguments = ["input_ids", "attention_mask", "token_type_ids"]

  /// The inputs, or the outputs, of the recorded run in a file of their own.
  private func part(_ option: String, _ name: String, in directory: TemporaryDirectory) -> String {
    let path = directory.file(name)
    let options = arguments.flatMap { [option, $0] }
    #expect(ToolRun(arguments: ["convert", golden, path] + options).code == 0)
    return path
  }

  @Test(
    "Outputs are those that the reference recorded, under its names, and are a record with the inputs"
  )
  func outputs() throws {
    let directory = try TemporaryDirectory()
    let inputs = part("--include", "in.safetensors", in: directory)
    let expected = part("--exclude", "expected.safetensors", in: directory)
    let output = directory.file("out.safetensors")
    let run = ToolRun(
      "run", model, "--inputs", inputs, "--output", output, "--hidden-states", "--attentions")
    #expect(run.code == 0 && run.error == "", "\(run.error)")
    #expect(
      run.output == """
        \(model): BertForMaskedLM, to \(output)
          hidden_states.0  [2, 6, 32]
          hidden_states.1  [2, 6, 32]
          hidden_states.2  [2, 6, 32]
          attentions.0     [2, 2, 6, 6]
          attentions.1     [2, 2, 6, 6]
          logits           [2, 6, 101]

        """, "\(run.output)")
    let difference = ToolRun("diff", output, expected, "--rtol", "1e-5", "--atol", "1e-5")
    #expect(difference.code == 0, "\(difference.output)")
    let listing = try JSONValue(printed: ToolRun("inspect", output, "--json").output)
    let types = Set((listing["tensors"]?.elements ?? []).map { $0["dtype"]?.string })
    #expect(types == ["F32"])
    #expect(ToolRun("verify", model, "--golden", output, "--inputs", inputs).code == 0)
  }

  @Test(
    "Products that may round stay near, and the note says where the processor cannot",
    arguments: [("high", "1e-4"), ("bfloat16", "5e-3")])
  func precision(_ name: String, _ tolerance: String) throws {
    let directory = try TemporaryDirectory()
    let inputs = part("--include", "in.safetensors", in: directory)
    let (plain, rounded) = (directory.file("plain.safetensors"), directory.file("out.safetensors"))
    #expect(ToolRun("run", model, "--inputs", inputs, "--output", plain).code == 0)
    let run = ToolRun(
      "run", model, "--inputs", inputs, "--output", rounded, "--precision", name)
    #expect(run.code == 0, "\(run.error)")
    #expect(ToolRun("diff", plain, rounded, "--atol", tolerance).code == 0)
    let isSame = ToolRun("diff", plain, rounded).code == 0
    let hasNote = run.error.contains("no instructions for \(name)")
    #expect(run.error.isEmpty || hasNote)
    #expect(isSame == hasNote)
  }

  @Test("Without options the head's outputs alone are written, and an existing file is replaced")
  func plain() throws {
    let directory = try TemporaryDirectory()
    let inputs = part("--include", "in.safetensors", in: directory)
    let output = try directory.write([1, 2, 3], as: "out.safetensors")
    let run = ToolRun("run", model, "--inputs", inputs, "--output", output, "--json")
    #expect(run.code == 0 && run.error == "")
    #expect(
      run.output
        == #"{"class":"BertForMaskedLM","outputs":[{"name":"logits","shape":[2,6,101]}]}"# + "\n")
    let other = ToolRun(
      "run", model + "/model.safetensors", "--inputs", inputs, "--output", output,
      "--architecture", "BertModel")
    #expect(other.code == 0)
    #expect(other.output.hasSuffix("\n  last_hidden_state  [2, 6, 32]\n"), "\(other.output)")
  }

  @Test("A checkpoint in TensorFlow's or KerasHub's layout gives the same bits")
  func layouts() throws {
    let directory = try TemporaryDirectory()
    let inputs = part("--include", "in.safetensors", in: directory)
    let outputs = ["a", "b", "c"].map { directory.file($0 + ".safetensors") }
    let classifier = try ModelFixture(task: "bert-classifier", tokenizer: nil)
    var models = [classifier.path]
    for (name, options) in [
      ("tf", ["--format", "hdf5"]), ("keras", ["--layout", "keras-hub", "--allow-loss", "*"]),
    ] {
      models.append(directory.file(name))
      let converted = ToolRun(
        arguments: ["convert", classifier.path, directory.file(name)] + options)
      #expect(converted.code == 0, "\(converted.error)")
    }
    for (model, output) in zip(models, outputs) {
      let run = ToolRun(
        "run", model, "--inputs", inputs, "--output", output, "--architecture", "BertModel",
        "--hidden-states")
      #expect(run.code == 0, "\(run.error)")
    }
    #expect(ToolRun("diff", outputs[0], outputs[1]).code == 0)
    // KerasHub's GELU is the approximation by tanh, which the preset's settings say.
    #expect(ToolRun("diff", outputs[0], outputs[2]).code == 1)
    #expect(ToolRun("diff", outputs[0], outputs[2], "--atol", "1e-2").code == 0)
  }

  /// The data that the script of a page draws.
  private func data(ofPage path: String) throws -> JSONValue {
    let file = try SourceFile(path: path)
    let text = try String(decoding: file.bytes(at: 0, count: file.size), as: UTF8.self)
    let start = try #require(text.range(of: #"<script type="application/json" id="data">"#))
    let end = try #require(text.range(of: "</script>", range: start.upperBound..<text.endIndex))
    return try JSONValue(printed: String(text[start.upperBound..<end.lowerBound]))
  }

  /// The weights of a head on a page: two digits each.
  private func weights(_ digits: String) -> [Double] {
    let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_".utf8)
    let places = digits.utf8.map { alphabet.firstIndex(of: $0) ?? -1 }
    return stride(from: 0, to: places.count, by: 2).map {
      Double(places[$0] * 64 + places[$0 + 1]) / 4095
    }
  }

  @Test("The page of a run has each output, and what each head looks at is what was computed")
  func page() throws {
    let directory = try TemporaryDirectory()
    let inputs = part("--include", "in.safetensors", in: directory)
    let (output, page) = (directory.file("out.safetensors"), directory.file("run.html"))
    let run = ToolRun(
      "run", model, "--inputs", inputs, "--output", output, "--attentions", "--report", page)
    #expect(run.code == 0, "\(run.error)")
    let sections = try #require(try data(ofPage: page)["sections"]?.elements)
    #expect(sections[0]["rows"]?.elements?.count == 3)
    let pictures = sections.dropFirst()
    let titles = pictures.map { $0["title"]?.string }
    #expect(titles == ["Attention in sequence 0", "Attention in sequence 1"])
    let recorded = try GoldenRecord(opening: golden)
    for (sequence, section) in pictures.enumerated() {
      #expect(section["tokens"]?.elements?.count == 6)
      #expect(section["note"]?.string == "tokens are called by id")
      let layers = try #require(section["layers"]?.elements)
      #expect(layers.map { $0["name"]?.string } == ["layer 0", "layer 1"])
      for (layer, drawn) in layers.enumerated() {
        let expected = try recorded.values(of: ExactName("attentions.\(layer)"))
        for (head, digits) in (drawn["heads"]?.elements ?? []).enumerated() {
          let found = weights(digits.string ?? "")
          #expect(found.count == 36)
          for (place, weight) in found.enumerated() {
            let whole = Double(expected[(sequence * 2 + head) * 36 + place])
            #expect(abs(weight - whole) < 1.0 / 4095)
          }
        }
      }
    }
  }

  @Test("The page of a verification marks the layers whose attentions differ")
  func verificationPage() throws {
    let directory = try TemporaryDirectory()
    let page = directory.file("verify.html")
    let run = ToolRun(
      "verify", model, "--golden", golden, "--atol", "0", "--rtol", "0", "--report", page)
    let sections = try data(ofPage: page)["sections"]?.elements ?? []
    let layers = sections.compactMap { $0["layers"]?.elements }.flatMap { $0 }
    #expect(layers.count == 4)
    // Bit for bit, if the machine adds as the reference did.
    let isBad = layers.contains { $0["bad"] == .boolean(true) }
    #expect(isBad == run.output.contains("≠  attentions."))

    let inputs = part("--include", "in.safetensors", in: directory)
    let plain = directory.file("run.html")
    #expect(
      ToolRun(
        "run", model, "--inputs", inputs, "--output", directory.file("o.safetensors"), "--report",
        plain
      ).code == 0)
    let text = JSONWriter.text(try data(ofPage: plain))
    #expect(text.contains("with --attentions the heads are drawn here"))
  }

  @Test("Tokens are written out where the model has a tokenizer")
  func tokens() throws {
    let directory = try TemporaryDirectory()
    let tagger = try ModelFixture(task: "bert-tagger", tokenizer: "bert-uncased")
    let inputs = try directory.write(ModelInputsBytes.tokens, as: "in.safetensors")
    let page = directory.file("run.html")
    let run = ToolRun(
      "run", tagger.path, "--inputs", inputs, "--output", directory.file("o.safetensors"),
      "--attentions", "--report", page)
    #expect(run.code == 0, "\(run.error)")
    let tokenizer = try Tokenizer.load(from: tagger.path)
    let tokens = try data(ofPage: page)["sections"]?.elements?[1]["tokens"]?.elements ?? []
    #expect(tokens.map(\.string) == [1, 2, 3].map { tokenizer.token(withID: $0) })
  }

  @Test("Inputs that do not fit are an error of one line that names argument and place")
  func badInputs() throws {
    let directory = try TemporaryDirectory()
    let small = try SmallModel(.gpt2, .sequenceClassification)
    let labels = #", "num_labels": 4, "pad_token_id": null"#
    let classifier = try directory.write(
      small.file, configuration: small.configuration(and: labels))
    for (model, inputs, words) in [
      (self.model, #"{"input_ids": [[5, 101]]}"#, ["input_ids[0, 1]", "101"]),
      (self.model, #"{"input_ids": [[-1]]}"#, ["input_ids[0, 0]", "-1"]),
      (self.model, #"{"input_ids": [5, 6]}"#, ["input_ids", "[2]", "[batch, sequence]"]),
      (self.model, #"{"input_ids": [[[5, 6]]]}"#, ["input_ids", "[1, 1, 2]"]),
      (self.model, #"{"input_ids": []}"#, ["input_ids"]),
      (self.model, #"{"input_ids": [[], []]}"#, ["input_ids", "[2, 0]", "no token"]),
      (self.model, #"{"attention_mask": [[1]]}"#, ["in.safetensors", "input_ids"]),
      (self.model, #"{"input_ids": [[5]], "cross_ids": [[5]]}"#, ["in.safetensors", "cross_ids"]),
      (self.model, #"{"input_ids": [[5]], "labels": [[101]]}"#, ["labels", "101"]),
      (self.model, #"{"input_ids": [[5]], "labels": [[5, 6]]}"#, ["labels", "[1, 2]"]),
      (
        self.model, #"{"input_ids": [[5, 6, 7]], "attention_mask": [[1, 1]]}"#,
        ["attention_mask", "[1, 2]", "[1, 3]"]
      ),
      (
        self.model, #"{"input_ids": [[5, 6]], "attention_mask": [[[1, 1]]]}"#,
        ["attention_mask", "[1, 1, 2]", "[1, 2]"]
      ),
      (
        self.model, #"{"input_ids": [[5, 6]], "attention_mask": [[1, 2]]}"#,
        ["attention_mask[0, 1]", "2"]
      ),
      (
        classifier,
        #"{"input_ids": [[5, 6, 7], [8, 9, 0]], "attention_mask": [[1, 1, 1], [1, 1, 0]]}"#,
        ["pad_token_id", "2 texts"]
      ),
      (classifier, #"{"input_ids": [[1, 2, 3, 4, 5, 6, 7, 8]]}"#, ["input_ids", "7 rows"]),
    ] {
      let tensors = integerTensors(try JSONValue(printed: inputs))
      let file = try directory.write(tensors, as: "in.safetensors")
      let output = directory.file("out.safetensors")
      let run = ToolRun("run", model, "--inputs", file, "--output", output)
      #expect(run.code == 65, "\(inputs)")
      #expect(run.output == "" && run.error.split(separator: "\n").count == 1, "\(run.error)")
      for word in words { #expect(run.error.contains(word), "\(run.error)") }
      #expect(try PathKind(path: output) == .nothing)
    }
  }

  @Test("A mask may be of booleans, and nothing else may")
  func booleans() throws {
    let directory = try TemporaryDirectory()
    func run(_ types: (String, String)) throws -> ToolRun {
      let header = """
        {"input_ids":{"dtype":"\(types.0)","shape":[1,2],"data_offsets":[0,2]},\
        "attention_mask":{"dtype":"\(types.1)","shape":[1,2],"data_offsets":[2,4]}}
        """
      let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
      let inputs = try directory.write(length + Array(header.utf8) + [1, 1, 1, 1], as: "in")
      return ToolRun(
        "run", model, "--inputs", inputs, "--output", directory.file("out.safetensors"))
    }
    #expect(try run(("U8", "BOOL")).code == 0)
    let refused = try run(("BOOL", "U8"))
    #expect(refused.code == 65)
    #expect(refused.error.contains("'input_ids'") && refused.error.contains("BOOL"))
  }

  @Test("Weights that are no number are run with, or refused and named on request")
  func notFinite() throws {
    let directory = try TemporaryDirectory()
    var small = try SmallModel(.bert, .base, hasPooler: false)
    let place = try #require(
      small.file.tensors.firstIndex { $0.name == "encoder.layer.1.output.dense.bias" })
    small.file.tensors[place].bytes.replaceSubrange(8..<12, with: [0, 0, 0xC0, 0x7F])
    let model = try directory.write(small.file, configuration: small.configuration())
    try Directory.makeAll(directory.file("inputs"))
    let inputs = try directory.write(
      integerTensors(try JSONValue(printed: #"{"input_ids": [[1, 2]]}"#)),
      as: "inputs/in.safetensors")
    let output = directory.file("inputs/out.safetensors")
    let plain = ["run", model, "--inputs", inputs, "--output", output]
    #expect(ToolRun(arguments: plain).code == 0)
    let strict = ToolRun(arguments: plain + ["--require-finite"])
    #expect(strict.code == 65)
    #expect(strict.error.split(separator: "\n").count == 1)
    for word in ["'encoder.layer.1.output.dense.bias'", "element 2", "nan"] {
      #expect(strict.error.contains(word), "\(strict.error)")
    }
  }

  @Test("A preset without the rows that Transformers never uses runs where zeros are asked for")
  func fillZeros() throws {
    let directory = try TemporaryDirectory()
    let small = try SmallModel(.roberta, .base, zerosWhereUnused: true, hasPooler: false)
    try Directory.makeAll(directory.file("model"))
    _ = try directory.write(small.file.bytes, as: "model/model.safetensors")
    let settings = small.configuration(
      and: #", "layer_norm_eps": 1e-5, "hidden_act": "gelu_pytorch_tanh""#)
    _ = try directory.write(Array(settings.utf8), as: "model/config.json")
    let model = directory.file("model")
    let preset = directory.file("preset")
    let converted = ToolRun(
      "convert", model, preset, "--layout", "keras-hub", "--allow-loss", "*")
    #expect(converted.code == 0, "\(converted.error)")
    let inputs = try directory.write(
      integerTensors(try JSONValue(printed: #"{"input_ids": [[3, 4, 5]]}"#)), as: "in.safetensors")
    func run(_ model: String, _ name: String, _ options: String...) -> ToolRun {
      ToolRun(
        arguments: ["run", model, "--inputs", inputs, "--output", directory.file(name)] + options)
    }
    #expect(run(model, "expected.safetensors").code == 0)
    let filled = run(preset, "out.safetensors")
    #expect(filled.code == 0, "\(filled.error)")
    #expect(filled.error.contains("position_embeddings.weight"), "\(filled.error)")
    #expect(filled.error.contains("row 0 is never used, row 1 is for padding"), "\(filled.error)")
    let difference = ToolRun(
      "diff", directory.file("out.safetensors"), directory.file("expected.safetensors"))
    #expect(difference.code == 0, "\(difference.output)")
  }

  @Test("What cannot be run ends with an error of one line that says what and where")
  func failures() throws {
    let directory = try TemporaryDirectory()
    let inputs = part("--include", "in.safetensors", in: directory)
    let output = directory.file("out.safetensors")
    let plain = ["run", model, "--inputs", inputs, "--output", output]
    for (arguments, words) in [
      (plain + ["--architecture", "BertForAnything"], ["BertForAnything"]),
      (plain + ["--architecture", "GPT2Model"], ["model_type", "gpt2"]),
      (plain + ["--architecture", "BertForQuestionAnswering"], ["BertForQuestionAnswering"]),
      (
        ["run", model, "--inputs", golden, "--output", output],
        ["golden/tiny-bert", "attentions.0"]
      ),
      (["run", golden, "--inputs", inputs, "--output", output], ["config.json"]),
    ] {
      let run = ToolRun(arguments: arguments)
      #expect(run.code == 65, "\(arguments)")
      #expect(run.output == "" && run.error.split(separator: "\n").count == 1, "\(run.error)")
      for word in words { #expect(run.error.contains(word), "\(run.error)") }
    }
    #expect(ToolRun("run", model, "--inputs", inputs, "--output", directory.path).code == 74)
    #expect(ToolRun("run", model, "--inputs", "/absent", "--output", output).code == 74)
    #expect(ToolRun("run", model, "--inputs", inputs).code == 64)
    #expect(ToolRun(arguments: plain + ["--precision", "float7"]).code == 64)
    #expect(try PathKind(path: output) == .nothing)
  }
}
