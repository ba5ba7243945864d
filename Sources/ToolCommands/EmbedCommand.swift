internal import ArgumentParser
internal import Weighbridge

/// `weighbridge embed`: a vector for each text.
struct EmbedCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Makes a vector of each text, as sentence-transformers does.",
    discussion: """
      How, the directory says (modules.json, 1_Pooling/config.json, sentence_*_config.json); without these files it is \
      the mean over all tokens. Texts that are too long are cut, with a note. For people, the cosine similarities of the \
      texts are printed; lines of a file are answered by lines {"text", "embedding"}.

      --output OUT.jsonl writes such lines, and OUT.safetensors a tensor `embeddings`, [texts, width].
      """)

  @OptionGroup var model: ModelArguments

  @Argument(help: "The texts.")
  var texts: [String] = []

  @Option(help: "The tokens that count (default: what the directory says, else mean).")
  var pooling: PoolingName?

  @Flag(help: "Give vectors the length 1.")
  var normalize = false

  @Option(help: "A file of JSON lines {\"text\": …}, instead of TEXT.")
  var input: String?

  @Option(help: "The file to write, .jsonl or .safetensors; one that exists is replaced.")
  var output: String?

  @Flag(help: "Print {\"embeddings\": [[…], …]}.")
  var json = false

  /// A way to make one vector of the tokens', by the name that sentence-transformers gives it.
  struct PoolingName: ExpressibleByArgument {
    static let allValueStrings = EmbeddingSettings.Pooling.allCases.map(\.rawValue)
    let pooling: EmbeddingSettings.Pooling

    init?(argument: String) {
      guard let pooling = EmbeddingSettings.Pooling(rawValue: argument) else { return nil }
      self.pooling = pooling
    }
  }

  func validate() throws {
    guard (input == nil) != texts.isEmpty else {
      throw ValidationError("Give either TEXT or --input.")
    }
    if let output, !output.hasSuffix(".jsonl"), !output.hasSuffix(".safetensors") {
      throw ValidationError("--output \(output): expected .jsonl or .safetensors")
    }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    var settings = EmbeddingSettings()
    var place = model.path
    do throws(CheckpointError) {
      let limits = model.options.sourceOptions.openOptions.limits
      if let directory = try SentenceDirectory(place, limits) {
        place = directory.modelPath
        settings = try directory.settings()
      }
    } catch {
      // Whoever names the pooling does not need what cannot be read.
      guard pooling != nil, error.kind == .unsupported else { throw error }
      console.writeNote("only --pooling and --normalize count: \(error.toolLine)")
    }
    let source = try model.open(console, at: place)
    if let pooling { settings.pooling = [pooling.pooling] }
    settings.normalizes = settings.normalizes || normalize
    let embedder = try SentenceEmbedder(
      try model.load(try source.modelClass(of: .base), of: source, console),
      tokenizer: try source.tokenizer(), settings: settings)
    let texts = try input.map(EmbedCommand.lines) ?? self.texts
    let cut =
      writesLines
      ? try writeLines(of: texts, embedder, to: console)
      : try writeAll(of: texts, embedder, to: console)
    if let first = cut.first {
      console.writeNote(
        "\(cut.count) of \(texts.count) texts were cut to \(embedder.maximumLength) tokens, "
          + "the first is text \(first)")
    }
    return .done
  }

  /// The texts of a file.
  private static func lines(_ path: String) throws(CheckpointError) -> [String] {
    let inputs = try LineFile.inputs(path)
    if let place = inputs.firstIndex(where: { $0.pair != nil }) {
      throw CheckpointError(
        .unsupported, file: path, field: "text \(place)", "a pair of texts has no vector here",
        remedy: "give each text a line of its own, without \"pair\"")
    }
    return inputs.map(\.text)
  }

  private var writesLines: Bool { output?.hasSuffix(".jsonl") ?? (input != nil && !json) }

  /// Writes each line as soon as it is known; returns the places of the texts that were cut.
  private func writeLines(
    of texts: [String], _ embedder: SentenceEmbedder, to console: Console
  ) throws(CheckpointError) -> [Int] {
    let answers = try LineAnswers(path: output, console)
    let cut = try embedder.embed(texts) { (place, vector) throws(CheckpointError) in
      try answers.write(Embeddings.line(vector, of: texts[place]))
    }
    try answers.commit()
    return cut
  }

  /// Writes what has all vectors in it; returns the places of the texts that were cut.
  private func writeAll(
    of texts: [String], _ embedder: SentenceEmbedder, to console: Console
  ) throws(CheckpointError) -> [Int] {
    let embeddings = try embedder.embed(texts)
    let vectors = embeddings.vectors
    if let output {
      try Embeddings.write(vectors, to: output)
    } else if json {
      let rows = JSONValue.array(vectors.map(Embeddings.json))
      console.write(
        JSONWriter.text(.object([JSONValue.Member("embeddings", rows)])) + "\n")
    } else {
      console.write(Embeddings.description(vectors, of: texts, embedder.settings))
    }
    return embeddings.cut
  }
}

/// How vectors are printed and written.
private enum Embeddings {
  static func json(_ vector: [Float]) -> JSONValue {
    .array(vector.map { .double(Double($0)) })
  }

  /// A line of JSON.
  static func line(_ vector: [Float], of text: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.write(
      .object([
        JSONValue.Member("text", .string(text)), JSONValue.Member("embedding", json(vector)),
      ]))
    writer.writeRaw("\n")
    return Array(writer.bytes)
  }

  /// A safetensors file.
  static func write(_ vectors: [[Float]], to path: String) throws(CheckpointError) {
    try writeTensor(
      Array(vectors.joined()), dimensions: [vectors.count, vectors.first?.count ?? 0],
      named: "embeddings", to: path)
  }

  /// The beginning of each vector, and how close each two texts are.
  static func description(
    _ vectors: [[Float]], of texts: [String], _ settings: EmbeddingSettings
  ) -> String {
    let way = settings.pooling.map(\.description).joined(separator: ", ")
    let hasUnitLength = settings.normalizes || settings.layers.last == .normalize
    var lines = [
      "\(vectors.first?.count ?? 0) numbers each: \(way)" + (hasUnitLength ? ", of length 1" : "")
    ]
    for (place, (text, vector)) in zip(texts, vectors).enumerated() {
      let start = vector.prefix(3).map { NumberText.fixed(Double($0), digits: 4) }
      lines.append("\(place)  [\(start.joined(separator: ", ")), …]  \(singleLine(text))")
    }
    guard vectors.count > 1 else { return lines.joined(separator: "\n") + "\n" }
    lines.append("cosine similarities")
    for (place, first) in vectors.enumerated() {
      let row = vectors.map { NumberText.fixed(first.cosineSimilarity(to: $0), digits: 4) }
      lines.append("\(place)  " + row.joined(separator: "  "))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
