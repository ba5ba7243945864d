import TestSupport
import Testing
import Weighbridge

/// Everything at once from one process gives the bits that one thing after another gives.
@Suite("Many tasks at once", .serialized)
struct ConcurrencyTests {
  private static let count = 12

  private let models = GuideModels()

  /// Runs the same in many tasks at once, each told its number, and gives what they give.
  private func atOnce<Result: Sendable>(
    _ body: @escaping @Sendable (Int) throws -> Result
  ) async throws -> [Result] {
    try await withThrowingTaskGroup(of: Result.self) { group in
      for index in 0..<Self.count { group.addTask { try body(index) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
  }

  @Test("load a model each and run it, with the bits of one alone")
  func loads() async throws {
    let directory = try models.directory("bert-masked", "bert-uncased")
    let text = "Paris is the [MASK] of France."
    let logits: @Sendable (Int) throws -> [UInt32]? = { _ in
      let model = try BertForMaskedLM.load(from: directory)
      let tokenizer = try Tokenizer.load(from: directory)
      return try model(tokenizer.encode(text)).logits?.values.map(\.bitPattern)
    }
    let alone = try logits(0)
    #expect(alone?.isEmpty == false)
    for result in try await atOnce(logits) { #expect(result == alone) }
  }

  @Test("run one model, on texts of their own")
  func passes() async throws {
    let directory = try models.directory("bert-masked", "bert-uncased")
    let model = try BertForMaskedLM.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let texts = (0..<Self.count).map {
      "the scale " + String(repeating: "of ", count: $0)
    }
    let alone = try texts.map { try model(tokenizer.encode($0)).logits?.values.map(\.bitPattern) }
    let together = try await atOnce { index in
      (index, try model(tokenizer.encode(texts[index])).logits?.values.map(\.bitPattern))
    }
    for (index, bits) in together { #expect(bits == alone[index]) }
  }

  @Test("generate with one model, each with a cache of its own")
  func generation() async throws {
    let directory = try models.directory("gpt2", "gpt2")
    let model = try GPT2LMHeadModel.load(from: directory)
    let prompt = try model.inputs([Tokenizer.load(from: directory).encode("the scale")])
    var settings = try model.defaultSettings
    settings.maxNewTokens = 3
    let chosen = settings
    let alone = try model.generate(prompt, chosen)
    for result in try await atOnce({ _ in try model.generate(prompt, chosen) }) {
      #expect(result == alone)
    }
  }

  @Test("convert one source, to files of their own and to one and the same")
  func conversions() async throws {
    let source = Fixtures.path("tiny-bert/model.safetensors")
    let directory = try TemporaryDirectory()
    for format in ["safetensors", "pt", "h5"] {
      let convert: @Sendable (String) throws -> [UInt8] = { path in
        var options = ConversionOptions()
        options.replacesExisting = true
        _ = try ConversionPlan(Checkpoint.open(source), named: source, to: path, options: options)
          .run()
        let file = try SourceFile(path: path)
        return try file.bytes(at: 0, count: file.size)
      }
      let alone = try convert(directory.file("alone.\(format)"))
      let same = directory.file("same.\(format)")
      for bytes in try await atOnce({ _ in try convert(same) }) { #expect(bytes == alone) }
      let paths = (0..<Self.count).map { directory.file("\($0).\(format)") }
      for bytes in try await atOnce({ try convert(paths[$0]) }) { #expect(bytes == alone) }
    }
    #expect(try Directory.names(in: directory.path).allSatisfy { !$0.hasSuffix(".part") })
  }

  @Test("read one opened checkpoint, and scan one file")
  func reading() async throws {
    for fixture in ["tiny-bert/model.safetensors", "torch-checkpoints/deflated.pt"] {
      let checkpoint = try Checkpoint.open(Fixtures.path(fixture))
      let weights = checkpoint.graph.weights.map { (name: $0.key, weight: $0.value) }
      let alone = try WeightDigest.sha256(weights)
      let together = try await atOnce { _ in try WeightDigest.sha256(weights) }
      for digests in together { #expect(digests == alone) }
    }
    let path = Fixtures.path("hazards/files/namespace.pt")
    let alone = try CheckpointScan(path).findings
    let together = try await atOnce { _ in try CheckpointScan(path).findings }
    for findings in together { #expect(findings == alone) }
  }
}
