import CheckpointBytes
import Foundation
import TestSupport
import Testing
import Weighbridge

/// `FieldCaseTests` holds the numbers themselves against the reference's.
@Suite("Vectors over a vocabulary, as SparseEncoder makes them")
struct SparseEmbeddingTests {
  private static let cases = FieldCase.all("models").filter { $0.name.hasPrefix("embed-splade-") }

  /// The texts of each case.
  private static let texts = [
    "how heavy is this truck", "  new words", "old words \n",
    "the scale showed a heavy new lorry and a truck and a lorry and words",
  ]

  private static func path(_ name: String) -> String {
    Fixtures.path("cases/models/embed-splade-" + name)
  }

  /// The tokens of each text with their numbers, the highest first, as the reference has them.
  private static func expected(_ folder: FieldCase) -> [[(token: String, weight: Double)]] {
    (folder.expected["sparse"]?.elements ?? []).map { vector in
      let tokens = vector["tokens"]?.elements?.compactMap(\.string) ?? []
      let weights = vector["values"]?.elements?.compactMap(\.decimal) ?? []
      return zip(tokens, weights).map { ($0, $1) }.sorted { $0.weight > $1.weight }
    }
  }

  private func isClose(_ first: Double?, _ second: Double, _ tolerance: Double) -> Bool {
    abs((first ?? .nan) - second) <= tolerance
  }

  private func lines(_ arguments: String...) throws -> [JSONValue] {
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 0, "\(run.error)")
    return try run.output.split(separator: "\n").map { try JSONValue(printed: String($0)) }
  }

  @Test("They have the same bits in any order and whatever is computed at once", arguments: cases)
  func batches(_ folder: FieldCase) throws {
    var embedder = try SentenceEmbedder.load(from: folder.path)
    let vectors = try embedder.embed(Self.texts).vectors
    #expect(vectors.map(\.count) == [70, 70, 70, 70])
    for tokens in [1, 8, 20, 1000] {
      embedder.batchTokens = tokens
      #expect(try embedder.embed(Self.texts).vectors == vectors)
      #expect(try embedder.embed(Self.texts.reversed()).vectors == vectors.reversed())
    }
  }

  @Test("Tokens come with the highest numbers first", arguments: cases)
  func decoded(_ folder: FieldCase) throws {
    let embedder = try SentenceEmbedder.load(from: folder.path)
    let all = Self.expected(folder)
    #expect(all.count == 4)
    for (vector, wanted) in zip(try embedder.embed(Self.texts).vectors, all) {
      let sparse = SparseVector(vector)
      #expect(sparse.width == 70 && sparse.vector == vector)
      let found = embedder.decode(sparse)
      #expect(found.map(\.token) == wanted.map(\.token))
      for (one, other) in zip(found, wanted) {
        #expect(isClose(Double(one.weight), other.weight, 2e-5))
      }
      #expect(embedder.decode(sparse, top: 2).map(\.token) == wanted.prefix(2).map(\.token))
      #expect(embedder.decode(sparse, top: -1).isEmpty)
    }
  }

  @Test("The settings are those of the files")
  func settings() throws {
    let plain = try SentenceEmbedder.load(from: Self.path("max"))
    #expect(plain.settings.splade == SpladePooling(.max))
    #expect(plain.settings.similarity == .dot && plain.settings.maximumActive == nil)
    #expect(plain.maximumLength == 16 && plain.batchTokens > 1000)
    let older = try SentenceEmbedder.load(from: Self.path("sum-as-saved-by-5.1"))
    #expect(older.settings.splade == SpladePooling(.sum, activation: .log1pReLU))
    #expect(older.settings.prompt == "the scale: " && older.maximumLength == 10)
    let five = try SentenceEmbedder.load(from: Self.path("five-numbers"))
    #expect(five.settings.maximumActive == 5 && five.settings.similarity == .cosine)
    #expect(five.settings.layers == [.normalize])
    var settings = five.settings
    settings.maximumActive = 0
    let none = try SentenceEmbedder(five.model, tokenizer: five.tokenizer, settings: settings)
    #expect(throws: CheckpointError.self) { try none.embed(["a"]) }
    #expect(throws: CheckpointError.self) {
      try SentenceEmbedder(five.model, tokenizer: five.tokenizer)
    }
  }

  @Test("The tool shows the tokens with the highest numbers, and writes all of them")
  func tool() throws {
    let path = Self.path("max")
    let folder = try #require(Self.cases.first { $0.path == path })
    let expected = Self.expected(folder)
    let run = ToolRun(arguments: ["embed", path] + Self.texts.prefix(2))
    let printed = run.output.split(separator: "\n")
    #expect(printed.count == 6, "\(run.output)\(run.error)")
    #expect(printed[0] == "70 numbers each: log(1 + score), the greatest of all tokens")
    for (place, tokens) in expected.prefix(2).enumerated() {
      #expect(printed[place + 1].hasPrefix("\(place)  \(tokens.count) tokens [\(tokens[0].token) "))
      #expect(printed[place + 1].contains(", …]  "))
    }
    #expect(printed[3] == "products")
    let document = try lines("embed", path, "how heavy is this truck", "--json")
    let vector = try #require(document[0]["embeddings"]?.elements?.first)
    #expect(vector["indices"] == folder.expected["sparse"]?.elements?.first?["indices"])
    #expect(vector["tokens"] == folder.expected["sparse"]?.elements?.first?["tokens"])
    let three = try lines("embed", path, Self.texts[0], "--json", "--max-active-dims", "3")
    let kept = three[0]["embeddings"]?.elements?.first?["tokens"]?.elements?.compactMap(\.string)
    #expect(Set(kept ?? []) == Set(expected[0].prefix(3).map(\.token)))
    let directory = try TemporaryDirectory()
    let file = directory.file("v.safetensors")
    #expect(ToolRun("embed", path, "a", "the", "--output", file).code == 0)
    #expect(try Checkpoint.open(file).graph["embeddings"]?.shape.dimensions == [2, 70])
    let task = SentenceEmbedding(try SentenceEmbedder.load(from: path))
    let cut = try task.answer(to: String(repeating: "the ", count: 20))
    #expect(
      task.members(of: cut).map(\.key) == ["indices", "values", "tokens", "truncated"])
  }

  @Test("Texts are compared by the products of their numbers, or as the directory says")
  func similarity() throws {
    for (name, isCosine) in [("max", false), ("five-numbers", true)] {
      let folder = try #require(Self.cases.first { $0.path == Self.path(name) })
      let vectors = Self.expected(folder).map { tokens in
        Dictionary(uniqueKeysWithValues: tokens.map { ($0.token, $0.weight) })
      }
      func product(_ left: [String: Double], _ right: [String: Double]) -> Double {
        left.reduce(0) { $0 + $1.value * (right[$1.key] ?? 0) }
      }
      let found = try lines(
        "similarity", folder.path, Self.texts[0], "--document", Self.texts[3], "--document",
        Self.texts[1], "--json")
      let ranking = found[0]["ranking"]?.elements ?? []
      #expect(ranking.count == 2)
      for entry in ranking {
        let other = vectors[entry["index"]?.integer == 0 ? 3 : 1]
        let scale =
          isCosine
          ? (product(vectors[0], vectors[0]) * product(other, other)).squareRoot() : 1
        #expect(isClose(entry["score"]?.double, product(vectors[0], other) / scale, 1e-4))
      }
    }
  }

  @Test("Options for vectors of states are refused by name, and the other way round")
  func refusedOptions() throws {
    let path = Self.path("max")
    let directory = try TemporaryDirectory()
    let output = ["--output", directory.file("v.npy")]
    for (options, name) in [
      (["--truncate-dim", "5"], "--truncate-dim"), (["--pooling", "mean"], "--pooling"),
      (["--precision", "int8"] + output, "--precision"),
      (["--precision", "ubinary"] + output, "--precision"),
      (["--write-ranges", directory.file("r")] + output, "--write-ranges"),
    ] {
      let run = ToolRun(arguments: ["embed", path, "a"] + options)
      #expect(run.code == 65 && run.output == "", "\(options): \(run.code) \(run.error)")
      #expect(run.error.contains(name) && run.error.contains("over its vocabulary"))
    }
    #expect(ToolRun(arguments: ["embed", path, "a", "--precision", "float16"] + output).code == 0)
    let dense = ToolRun(
      "embed", Fixtures.path("cases/models/embed-dense"), "a", "--max-active-dims", "5")
    #expect(dense.code == 65 && dense.error.contains("--max-active-dims"), "\(dense.error)")
    #expect(ToolRun("embed", path, "a", "--max-active-dims", "0").code == 64)
  }

  @Test("Settings and modules that would make something else are refused by name")
  func refusedSettings() throws {
    let modules = ["Transformer", "MLMTransformer", "Pooling", "SpladePooling", "Dense"]
    func list(_ names: String...) -> String {
      let entries = names.enumerated().map { place, name in
        let folder = place == 0 ? "" : "1_SpladePooling"
        return
          #"{"idx": \#(place), "path": "\#(folder)", "type": "sentence_transformers.x.\#(name)"}"#
      }
      return "[" + entries.joined(separator: ", ") + "]"
    }
    for (file, content, words) in [
      ("1_SpladePooling/config.json", #"{"pooling_strategy": "mean"}"#, ["mean", "max, sum"]),
      ("1_SpladePooling/config.json", #"{"activation_function": 3}"#, ["activation_function"]),
      ("config_sentence_transformers.json", #"{"max_active_dims": 0}"#, ["max_active_dims"]),
      ("config_sentence_transformers.json", #"{"max_active_dims": true}"#, ["max_active_dims"]),
      ("sentence_bert_config.json", #"{"max_seq_length": 5}"#, ["fill-mask"]),
      (
        "sentence_bert_config.json", #"{"transformer_task": "feature-extraction"}"#, ["fill-mask"]
      ),
      ("modules.json", list(modules[0], modules[2]), ["transformer_task"]),
      ("modules.json", list(modules[1], modules[2]), ["[1].type", "Pooling"]),
      ("modules.json", list(modules[0], modules[3], modules[4]), ["[2].type", "Dense"]),
      ("modules.json", list(modules[3]), ["[0].type", "SpladePooling"]),
    ] {
      let directory = try TemporaryDirectory()
      let model = directory.file("model")
      try FileManager.default.copyItem(atPath: Self.path("max"), toPath: model)
      try Data(content.utf8).write(to: URL(fileURLWithPath: model + "/" + file))
      let run = ToolRun("embed", model, "a")
      #expect(run.code == 65 && run.output == "", "\(file) \(content): \(run.code) \(run.error)")
      for word in words { #expect(run.error.contains(word), "\(content): \(run.error)") }
    }
  }

  @Test("Zeros alone are left out of a vector")
  func zeros() {
    let vector = SparseVector([0, -2, 0, 3, -0.0, .nan])
    #expect(vector.indices == [1, 3, 5] && vector.width == 6)
    #expect(vector.values.prefix(2) == [-2, 3])
    #expect(SparseVector([]).vector == [])
  }
}
