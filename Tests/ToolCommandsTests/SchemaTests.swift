import CheckpointBytes
import Foundation
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("JSON is what its schemas say")
struct SchemaTests {
  private func schema(_ name: String) throws -> JSONSchema {
    let path = Fixtures.path("../docs/schemas/\(name).schema.json")
    let bytes = try #require(FileManager.default.contents(atPath: path), "\(path)")
    return JSONSchema(try JSONValue(parsing: Array(bytes), context: path))
  }

  private func check(
    _ name: String, _ arguments: [String], code: Int32 = 0,
    source: SourceLocation = #_sourceLocation
  ) throws {
    let run = ToolRun(arguments: arguments + ["--json"])
    #expect(run.code == code, "\(arguments): \(run.error)", sourceLocation: source)
    let lines = run.output.split(separator: "\n")
    #expect(!lines.isEmpty, "\(arguments): \(run.error)", sourceLocation: source)
    for line in lines {
      let value = try JSONValue(parsing: Array(line.utf8), context: "output")
      let faults = try schema(name).faults(of: value)
      #expect(faults.isEmpty, "\(arguments): \(faults.prefix(5))", sourceLocation: source)
    }
  }

  private let model = Fixtures.path("tiny-bert/model.safetensors")
  private func hazard(_ name: String) -> String { Fixtures.path("hazards/files/" + name) }

  @Test("inspect")
  func inspect() throws {
    for options in [[], ["--digests"], ["--lineage"], ["--stats"]] {
      let files = [
        model, Fixtures.path("training/lightning.ckpt"), hazard("nested.pt"), hazard("keras-2.h5"),
        hazard("alias.safetensors"), hazard("every-dtype.safetensors"),
      ]
      try check("inspect", ["inspect"] + files + options)
    }
  }

  @Test("convert")
  func convert() throws {
    let directory = try TemporaryDirectory()
    try check("convert", ["convert", model, directory.file("a.pt")])
    try check("convert", ["convert", model, directory.file("tf_model.h5")])
    try check("convert", ["convert", model, directory.file("b.pt"), "--dtype", "fp16"])
    try check("convert", ["convert", model, directory.file("c.pt"), "--dry-run"])
    try check(
      "convert",
      [
        "convert", model, Fixtures.path("training/lightning.ckpt"), "--to", "st", "--weights-only",
        "--out-dir", directory.path + "/out",
      ])
    try check(
      "convert", ["convert", Fixtures.path("tiny-bert"), directory.file("d/"), "--verify-forward"])
  }

  @Test("diff")
  func diff() throws {
    let directory = try TemporaryDirectory()
    let half = directory.file("half.safetensors")
    #expect(ToolRun("convert", model, half, "--dtype", "fp16").code == 0)
    try check("diff", ["diff", model, half], code: 1)
    try check("diff", ["diff", model, model, "--structure"])
    let tf = directory.file("tf_model.h5")
    #expect(ToolRun("convert", model, tf).code == 0)
    try check("diff", ["diff", model, tf])
  }

  @Test("extract")
  func extract() throws {
    let directory = try TemporaryDirectory()
    let merged = directory.file("merged")
    try check(
      "convert",
      [
        "convert", Fixtures.path("adapters/bert"), merged + "/", "--adapter",
        Fixtures.path("adapters/layers"),
      ])
    try check(
      "extract",
      ["extract", Fixtures.path("adapters/bert"), merged, directory.file("a"), "--rank", "4"])
  }

  @Test("scan, manifest, doctor and cache")
  func others() throws {
    let directory = try TemporaryDirectory()
    try check("scan", ["scan", hazard("namespace.pt"), hazard("legacy.bin")])
    let manifest = directory.file("m.json")
    try check("manifest", ["manifest", model, "--output", manifest])
    try check("manifest", ["manifest", model])
    try check("manifest-check", ["manifest", model, "--check", manifest])
    try check(
      "manifest-check", ["manifest", hazard("squares.safetensors"), "--check", manifest], code: 1)
    let doctor = ToolRun("doctor", "--json")
    try #expect(
      schema("doctor").faults(of: JSONValue(parsing: Array(doctor.output.utf8), context: "doctor"))
        .isEmpty)
    let cache = ToolRun("cache", "--json")
    try #expect(
      schema("cache").faults(of: JSONValue(parsing: Array(cache.output.utf8), context: "cache"))
        .isEmpty)
  }

  @Test("verify and run")
  func models() throws {
    let directory = try TemporaryDirectory()
    let (bert, golden) = (Fixtures.path("tiny-bert"), directory.file("golden.safetensors"))
    let inputs = try directory.write(ModelInputsBytes.tokens, as: "inputs.safetensors")
    try check("run", ["run", bert, "--inputs", inputs, "--output", golden, "--hidden-states"])
    try check("verify", ["verify", bert, "--golden", golden, "--inputs", inputs])
    let half = directory.file("half/")
    #expect(ToolRun("convert", bert, half, "--dtype", "bf16").code == 0)
    try check(
      "verify", ["verify", half, "--golden", golden, "--inputs", inputs, "--atol", "1e-9"], code: 1)
  }

  @Test("Tasks of masks, labels and entities, of arguments and of files")
  func labels() throws {
    let directory = try TemporaryDirectory()
    let texts = try directory.write(Array("the scale\nthe [MASK]\n".utf8), as: "texts.txt")
    let rows = try directory.write(
      Array("{\"id\": 7, \"text\": \"the scale\"}\n".utf8), as: "rows.jsonl")
    let masked = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try check("fill-mask", ["fill-mask", masked.path, "a [MASK]"])
    try check("fill-mask", ["fill-mask", masked.path, "a [MASK]", "the [MASK]"])
    try check("embed", ["embed", masked.path, "a", "b"])
    let splade = Fixtures.path("cases/models/embed-splade-max")
    try check("embed", ["embed", splade, "a", "b"])
    try checkLines("embed", of: ["embed", splade, "a"], directory.file("s.jsonl"))
    try check("features", ["features", masked.path, "--input", texts])
    try check("similarity", ["similarity", masked.path, "a", "--documents", texts])
    let classifier = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    try check("classify", ["classify", classifier.path, "a", "b"])
    try check("classify", ["classify", classifier.path, "--input", rows])
    let inference = try ModelFixture(
      task: "bert-classifier", tokenizer: "bert-uncased",
      changes: [("id2label", labelNames("entailment", "neutral", "contradiction"))])
    try check("zero-shot", ["zero-shot", inference.path, "a", "--labels", "b,c"])
    let tagger = try ModelFixture(task: "bert-tagger", tokenizer: "bert-uncased")
    try check("explain", ["explain", tagger.path, "a truck", "--position", "1", "--attentions"])
    try check("ner", ["ner", tagger.path, "a truck"])
    try check("ner", ["ner", tagger.path, "--input", rows, "--aggregation", "simple"])
    let answerer = try ModelFixture(task: "bert-answerer", tokenizer: "bert-uncased")
    try check("answer", ["answer", answerer.path, "a?", "--context", "a scale", "--top-k", "2"])
    try check("answer", ["answer", answerer.path, "a?", "--context", "a scale", "--no-answer"])
    try checkLines("embed", of: ["embed", masked.path, "a"], directory.file("e.jsonl"))
    try checkLines("ner", of: ["ner", tagger.path, "a"], directory.file("n.jsonl"))
    try checkLines("classify", of: ["classify", classifier.path, "a"], directory.file("c.jsonl"))
  }

  /// An `id2label` of a configuration.
  private func labelNames(_ names: String...) -> JSONValue {
    .object(names.enumerated().map { JSONValue.Member(ExactName("\($0)"), .string($1)) })
  }

  /// Holds the lines that a command writes to a file against its schema.
  private func checkLines(_ name: String, of arguments: [String], _ path: String) throws {
    #expect(ToolRun(arguments: arguments + ["--output", path]).code == 0)
    let bytes = try #require(FileManager.default.contents(atPath: path))
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let value = try JSONValue(parsing: Array(line), context: "line")
      try #expect(schema(name).faults(of: value).isEmpty, "\(name)")
    }
  }

  @Test("tokenize, in every form and with every field")
  func tokens() throws {
    let path = Fixtures.path("tokenizers/bert-uncased")
    let fields = "ids,tokens,offsets,type_ids,attention_mask,special_tokens_mask,word_ids,decoded"
    try check("tokenize", ["tokenize", path, "the scale", "a"])
    try check("tokenize", ["tokenize", path, "the scale", "--pair", "a"])
    try check("tokenize", ["tokenize", path, "2,62,162", "--from", "ids"])
    try check("tokenize", ["tokenize", path, "the scale", "--from", "words"])
    try check(
      "tokenize",
      [
        "tokenize", path, "the scale is even", "--max-length", "4", "--fields",
        fields + ",decoded_skip,parts",
      ])
  }

  @Test("rerank, perplexity and generate")
  func scores() throws {
    // A cross-encoder: a classifier of which one label is left.
    let ranker = try ModelFixture(
      task: "bert-classifier", tokenizer: "bert-uncased",
      changes: [("id2label", labelNames("fits"))])
    var graph = WeightGraph()
    let source = try Checkpoint.open(ranker.file("model.safetensors"))
    for (name, weight) in source.graph.weights {
      let isHead = name.hasPrefix("classifier.")
      try graph.insert(isHead ? weight.sliced(axis: 0, 0..<1) : weight, as: name)
    }
    let file = ranker.file("ranker.safetensors")
    try graph.write(to: file)
    try check("rerank", ["rerank", file, "a", "--document", "b", "--document", "the scale"])
    let gpt2 = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    try check("perplexity", ["perplexity", gpt2.path, "the scale", "a truck is"])
    try check("generate", ["generate", gpt2.path, "the scale", "--max-new-tokens", "2"])
    try check("generate", ["generate", gpt2.path, "a", "the", "--max-new-tokens", "2"])
    try check("generate", ["generate", gpt2.path, "a", "--scores", "--num-beams", "2"])
  }

  @Test("train, and the answers of a worker")
  func learning() throws {
    let directory = try TemporaryDirectory()
    let rows = try directory.write(
      Array("{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n".utf8),
      as: "rows.jsonl")
    let classifier = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let command = ["train", classifier.path, "--task", "classification", "--train", rows]
    try check("train", command + ["--steps", "1", "--output", directory.file("a")])
    try check("train-plan", command + ["--dry-run", "--output", directory.file("c")])
    try check(
      "train", command + ["--eval", rows, "--steps", "1", "--output", directory.file("b")])
    // What a worker answers is a task's own members, or these.
    let error =
      #""file":null,"member":null,"offset":null,"tensor":null,"problem":"p","remedy":null,"message":"m""#
    for (line, isAnswer) in [
      (#"{"id":1,"error":{"kind":"notFound","field":"text",\#(error)}}"#, true),
      (#"{"id":1,"error":{"kind":"notFound","field":"text","message":"m"}}"#, false),
      (#"{"id":1,"error":{"kind":"bad","field":"text",\#(error)}}"#, false),
      (#"{"id":null,"labels":[]}"#, true), (#"{"labels":[]}"#, false),
      (#"{"id":2,"exit":0,"digest":"d","unchanged":true}"#, true),
      (#"{"id":2,"exit":"0"}"#, false),
    ] {
      let value = try JSONValue(parsing: Array(line.utf8), context: "line")
      try #expect(schema("worker").faults(of: value).isEmpty == isAnswer, "\(line)")
    }
  }

  @Test("Every command that prints JSON has a schema, and the page names it")
  func all() throws {
    let page = try #require(FileManager.default.contents(atPath: Fixtures.path("../docs/json.md")))
    let text = String(decoding: page, as: UTF8.self)
    for name in Tool.commandNames {
      _ = try schema(name)
      #expect(text.contains("(schemas/\(name).schema.json)"), "\(name)")
    }
  }

  @Test(
    "Errors of every kind, and of one source among several",
    arguments: [
      (["inspect", "/nonexistent"], 74), (["inspect", "--nonsense"], 64), (["convrt"], 64),
      (["diff", "a"], 64), (["cache", "--color", "blue"], 64),
      (["inspect", "/nonexistent/a", "/nonexistent/b"], 74),
    ] as [([String], Int32)])
  func errors(_ arguments: [String], _ code: Int32) throws {
    try check("error", arguments, code: code)
  }

  @Test("An error tells its parts")
  func errorParts() throws {
    let run = ToolRun("inspect", hazard("hole.safetensors"), "--json")
    let value = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(try schema("error").faults(of: value).isEmpty)
    #expect(value["error"]?["file"]?.string == hazard("hole.safetensors"))
    #expect(value["error"]?["message"]?.string.map { "weighbridge: \($0)\n" } == run.error)
    #expect(value["exit"]?.integer == Int(run.code))
  }

  @Test("A checkpoint that is not whole is one object that says so")
  func incomplete() throws {
    let run = ToolRun("inspect", Fixtures.path("cases/formats/keras-refused-weights"), "--json")
    for line in run.output.split(separator: "\n") {
      #expect(throws: Never.self) { try JSONValue(parsing: Array(line.utf8), context: "output") }
    }
  }

  @Test("A value that a schema does not have is found, and one that is missing, and a wrong type")
  func schemasAreStrict() throws {
    let schema = try schema("cache")
    func faults(_ text: String) throws -> [String] {
      schema.faults(of: try JSONValue(parsing: Array(text.utf8), context: "text"))
    }
    #expect(try faults(#"{"directory":"x","models":[]}"#).isEmpty)
    #expect(try faults(#"{"directory":"x"}"#) == ["$: models is not there"])
    #expect(try faults(#"{"directory":1,"models":[]}"#).count == 1)
    #expect(
      try faults(#"{"directory":"x","models":[],"more":1}"#) == [
        "$.more: the schema does not have it"
      ])
    #expect(try faults(#"{"directory":"x","models":[{"name":"a","snapshots":[{}]}]}"#).count == 3)
  }
}

/// Inputs for a model of any family, byte by byte.
enum ModelInputsBytes {
  static var tokens: [UInt8] {
    let ids: [Int64] = [1, 2, 3, 4, 5, 6]
    var data: [UInt8] = []
    for id in ids { data += [UInt8](littleEndian: [UInt64(bitPattern: id)]) }
    let text = Array(#"{"input_ids":{"dtype":"I64","shape":[2,3],"data_offsets":[0,48]}}"#.utf8)
    return [UInt8](littleEndian: [UInt64(text.count)]) + text + data
  }
}
