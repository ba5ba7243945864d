import CheckpointBytes
import TestSupport
import Testing
import Weighbridge

/// Models of families that are not known: what their classes tie is `_tied_weights_keys` of Transformers (5.23).
@Suite("Adapters of models whose output matrix is the table of words")
struct TiedModelTests {
  /// A model's weights, the table first, and what its files leave out.
  struct Model: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let names: [(name: String, shape: [Int])]
    let ties: [(name: String, target: String)]
    var table: String { names[0].name }
    /// The module of the table, by the last part of its name.
    var module: String { String(table.split(separator: ".").dropLast().last ?? "") }

    init(_ name: String, _ names: [(String, [Int])], _ ties: [(String, String)]) {
      testDescription = name
      self.names = names
      self.ties = ties
    }

    static let all = [
      Model(
        "Llama",
        [
          ("model.embed_tokens.weight", [11, 6]),
          ("model.layers.0.self_attn.q_proj.weight", [6, 6]), ("model.norm.weight", [6]),
        ], [("lm_head.weight", "model.embed_tokens.weight")]),
      Model(
        "T5",
        [
          ("shared.weight", [11, 6]), ("encoder.block.0.layer.0.SelfAttention.q.weight", [6, 6]),
          ("decoder.block.0.layer.0.SelfAttention.q.weight", [6, 6]),
        ],
        ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"].map {
          ($0, "shared.weight")
        }),
      Model(
        "BART",
        [
          ("model.shared.weight", [11, 6]), ("model.encoder.layers.0.fc1.weight", [6, 6]),
          ("model.decoder.layers.0.fc1.weight", [6, 6]), ("final_logits_bias", [1, 11]),
        ],
        [
          "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight",
          "lm_head.weight",
        ].map { ($0, "model.shared.weight") }),
      Model(
        "MPNet",
        [
          ("mpnet.embeddings.word_embeddings.weight", [11, 6]),
          ("mpnet.encoder.layer.0.attention.attn.q.weight", [6, 6]),
          ("lm_head.dense.weight", [6, 6]), ("lm_head.bias", [11]),
        ],
        [
          ("lm_head.decoder.weight", "mpnet.embeddings.word_embeddings.weight"),
          ("lm_head.decoder.bias", "lm_head.bias"),
        ]),
      Model(
        "Whisper",
        [
          ("model.decoder.embed_tokens.weight", [11, 6]),
          ("model.encoder.conv1.weight", [6, 6, 3]),
        ], [("proj_out.weight", "model.decoder.embed_tokens.weight")]),
      Model(
        "a classifier of Llama's",
        [("model.embed_tokens.weight", [11, 6]), ("score.weight", [2, 6])],
        []),
    ]

    func file(tableSeed: Int = 1) -> TensorFile {
      var file = TensorFile()
      for (place, (name, shape)) in names.enumerated() {
        file.add(name, shape, seed: place == 0 ? tableSeed : place + 1)
      }
      return file
    }
  }

  private func write(
    _ file: TensorFile, in directory: TemporaryDirectory, as place: String
  ) throws -> String {
    try Directory.makeAll(directory.file(place))
    _ = try directory.write(file.bytes, as: place + "/model.safetensors")
    let settings = #"{"model_type": "other", "tie_word_embeddings": true}"#
    _ = try directory.write(Array(settings.utf8), as: place + "/config.json")
    return directory.file(place)
  }

  @Test(
    "A table that is stored whole is a copy: whatever shared it keeps what it was",
    arguments: Model.all)
  func merged(model: Model) throws {
    let directory = try TemporaryDirectory()
    let base = try write(model.file(), in: directory, as: "base")
    var file = TensorFile()
    file.add("base_model.model." + model.table, [11, 6], seed: 99)
    try Directory.makeAll(directory.file("adapter"))
    _ = try directory.write(file.bytes, as: "adapter/adapter_model.safetensors")
    let settings =
      #"{"peft_type": "LORA", "r": 1, "target_modules": [], "modules_to_save": ["\#(model.module)"]}"#
    _ = try directory.write(Array(settings.utf8), as: "adapter/adapter_config.json")
    let out = directory.file("out")
    let run = ToolRun("convert", base, out + "/", "--adapter", directory.file("adapter"))
    #expect(run.code == 0, "\(run.error)")
    let (old, new) = (try Checkpoint.open(base).graph, try Checkpoint.open(out).graph)
    #expect(new.weights.count == model.names.count + model.ties.count)
    #expect(new.aliases.isEmpty)
    for (name, target) in model.ties {
      #expect(
        try new[ExactName(name)]?.floats() == old[ExactName(target)]?.floats(), "\(name)")
    }
    let table = ExactName(model.table)
    #expect(try new[table]?.floats() != old[table]?.floats())
    let bytes = try SourceFile(path: out + "/config.json")
    let stated = try JSONValue(parsing: bytes.bytes(at: 0, count: bytes.size), context: "settings")
    #expect(stated["tie_word_embeddings"] == .boolean(model.ties.isEmpty))
  }

  @Test(
    "A table that changed is extracted under each of its names, and comes out under each",
    arguments: Model.all)
  func extracted(model: Model) throws {
    let directory = try TemporaryDirectory()
    let base = try write(model.file(), in: directory, as: "base")
    let tuned = try write(model.file(tableSeed: 99), in: directory, as: "tuned")
    let (adapter, out) = (directory.file("adapter"), directory.file("out"))
    let run = ToolRun("extract", base, tuned, adapter, "--rank", "2")
    #expect(run.code == 0, "\(run.error)")
    let names = Set(try LowRankAdapter(adapter).replacements.map(\.name.string))
    #expect(names.isSuperset(of: [model.table]))
    for (name, target) in model.ties where target == model.table {
      #expect(names.contains(name), "\(name)")
    }
    #expect(ToolRun("convert", base, out + "/", "--adapter", adapter).code == 0)
    let (wanted, found) = (try Checkpoint.open(tuned).graph, try Checkpoint.open(out).graph)
    for (name, target) in model.ties + model.names.map({ ($0.name, $0.name) }) {
      #expect(
        try found[ExactName(name)]?.floats() == wanted[ExactName(target)]?.floats(), "\(name)")
    }
  }

  @Test(
    "The names of an adapter are those of the model's own class, whatever its parts are like",
    arguments: ["convbert.", "ernie.", "data2vec_text.", "layoutlm."])
  func wrapped(front: String) throws {
    let directory = try TemporaryDirectory()
    func model(_ change: UInt8) throws -> TensorFile {
      var file = TensorFile()
      for tensor in try SmallModel(.bert, .base).file.tensors {
        let bytes =
          tensor.name.hasSuffix("query.weight") ? tensor.bytes.map { $0 ^ change } : tensor.bytes
        file.tensors.append(.init(front + tensor.name, tensor.shape, bytes))
      }
      file.add("classifier.weight", [4, 6], seed: 50 + Int(change))
      return file
    }
    let base = try write(try model(0), in: directory, as: "base")
    let tuned = try write(try model(1), in: directory, as: "tuned")
    let (adapter, out) = (directory.file("adapter"), directory.file("out.safetensors"))
    let run = ToolRun("extract", base, tuned, adapter, "--rank", "5")
    #expect(run.code == 0, "\(run.error)")
    let found = try LowRankAdapter(adapter)
    #expect(found.modules.count == 2)
    #expect(found.modules.allSatisfy { $0.name.hasPrefix(front + "encoder.layer.") })
    #expect(found.replacements.map(\.name) == ["classifier.weight"])
    let merged = ToolRun("convert", base, out, "--adapter", adapter)
    #expect(merged.code == 0, "\(merged.error)")
    let wanted = try Checkpoint.open(tuned).graph
    #expect(try Checkpoint.open(out).graph.weights.keys.sorted() == wanted.weights.keys.sorted())
    #expect(
      try Checkpoint.open(out).graph["classifier.weight"]?.floats()
        == wanted["classifier.weight"]?.floats())
  }
}
