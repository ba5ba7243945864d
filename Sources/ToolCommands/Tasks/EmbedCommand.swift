internal import ArgumentParser
internal import Synchronization
internal import Weighbridge

/// `weighbridge embed`: a vector for each text.
struct EmbedCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Makes a vector of each text, as sentence-transformers does.",
    discussion: """
      How, the directory says (modules.json, 1_Pooling/config.json, sentence_*_config.json); without these files it is \
      the mean over all tokens. Texts that are too long are cut, with a note. For people, the cosine similarities of the \
      texts are printed; lines of a file are answered by lines {"text", "embedding"}.

      Of models that SparseEncoder made (SPLADE) a vector has a number for each token of the vocabulary, most of them 0: the tokens of \
      the highest are printed, and lines are {"text", "indices", "values", "tokens"}. Files of vectors have all numbers.

      --output OUT.jsonl writes such lines, OUT.npy an array [texts, width], OUT.safetensors a tensor `embeddings`, and OUT.arrow \
      (a file), OUT.arrows (a stream) and OUT.parquet columns `id` and `embedding`, a list of fixed size; an id is that of the \
      row, or its place from 0. --precision says what the numbers of such files are; int8 and uint8 are steps of the range that \
      each column has in all texts. With --rows-per-file, files are numbered: OUT-00000.npy and so on.

      Where texts come in several runs, --write-ranges keeps the range that a run's columns have, and --ranges makes steps of the \
      ranges of all of them together, so that vectors of all runs can be compared.

      Examples:
        weighbridge embed model/ 'How heavy is this truck?' 'What does the lorry weigh?'
        weighbridge embed model/ --input texts.txt --output vectors.npy --precision float16
        weighbridge embed splade/ --input texts.txt --output vectors.jsonl --max-active-dims 128
        weighbridge embed model/ --input part-0.txt --output part-0.npy --precision int8 --ranges r0.safetensors --ranges r1.safetensors
      """)

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @OptionGroup var embedding: EmbeddingArguments

  @Option(
    help:
      "What numbers are in files of vectors: float32, float16; int8, uint8, binary, ubinary in .npy and .safetensors."
  )
  var precision: Choice<EmbeddingPrecision>?

  @Option(help: ArgumentHelp("Write numbered files with so many vectors each.", valueName: "count"))
  var rowsPerFile: Int?

  @Option(
    help: ArgumentHelp(
      "A file of ranges that int8 and uint8 are steps of, instead of the texts' own. Repeatable.",
      valueName: "file"))
  var ranges: [String] = []

  @Option(
    help: ArgumentHelp(
      "Write the range of each column, for --ranges; an existing file is replaced.",
      valueName: "file"))
  var writeRanges: String?

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try rows.requireTexts()
    if !ranges.isEmpty, !(precision?.value.needsRanges ?? false) {
      throw ValidationError("--ranges is for --precision int8 and uint8.")
    }
    if writeRanges != nil, vectorFormat == nil || !ranges.isEmpty {
      throw ValidationError("--write-ranges is for files of vectors, and without --ranges.")
    }
    if let output = rows.output, !output.hasSuffix(".jsonl"), vectorFormat == nil {
      let known = VectorFormat.allCases.map { "." + $0.rawValue }.joined(separator: ", ")
      throw ValidationError("--output \(output): expected .jsonl, \(known)")
    }
    if let precision = precision?.value {
      guard let vectorFormat else {
        throw ValidationError("--precision is for files of vectors, such as --output OUT.npy.")
      }
      if vectorFormat.hasIDs, precision != .float32, precision != .float16 {
        throw ValidationError(
          "--precision \(precision.rawValue) is for --output OUT.npy and OUT.safetensors.")
      }
    }
    if let rowsPerFile {
      if vectorFormat == nil {
        throw ValidationError("--rows-per-file is for files of vectors, such as --output OUT.npy.")
      }
      if rowsPerFile < 1 { throw ValidationError("--rows-per-file must be above 0.") }
    }
  }

  var replacedFiles: [String] { [rows.output, writeRanges].compactMap { $0 } }

  private var vectorFormat: VectorFormat? { rows.output.flatMap { VectorFormat(path: $0) } }

  func task(_ console: Console) throws -> SentenceEmbedding {
    let embedder = try embedding.embedder(model, computing, console, once: rows.isOne)
    if let stepsOption, embedder.settings.splade != nil {
      throw embedder.settings.refused(stepsOption)
    }
    return SentenceEmbedding(embedder)
  }

  /// The option that asks for steps, for their ranges or for bits.
  private var stepsOption: String? {
    if let precision = precision?.value, precision != .float32, precision != .float16 {
      return "--precision"
    }
    return writeRanges == nil ? nil : "--write-ranges"
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let task = try task(console)
    let cuts = CutTexts()
    if let vectorFormat, let output = rows.output {
      try writeVectors(task, to: output, vectorFormat, cuts)
    } else if rows.output != nil || rows.file != nil {
      try writeLines(task, to: console, cuts)
    } else {
      try writeAll(task, to: console, cuts)
    }
    cuts.tell(on: console, task.embedder.maximumLength)
    return .done
  }

  /// Writes vectors, a block of texts at a time.
  private func writeVectors(
    _ task: SentenceEmbedding, to path: String, _ format: VectorFormat, _ cuts: CutTexts
  ) throws(CheckpointError) {
    var known: EmbeddingRanges?
    for path in ranges {
      let own = try EmbeddingRanges(opening: path)
      try known?.merge(own)
      known = known ?? own
    }
    let file = try EmbeddingFile(
      path: path, format: format, precision: precision?.value ?? .float32,
      width: task.embedder.width, rowsPerFile: rowsPerFile, ranges: known, rangesPath: writeRanges)
    let source = try forEachBlock { (block) throws(CheckpointError) in
      try block.answered(by: task)
    } write: { (answers) throws(CheckpointError) in
      cuts.count(answers.map(\.output))
      for (row, embedding) in answers { try file.append(embedding.vector, id: row["id"]) }
    }
    try file.commit(idsAreText: source.hasTextIDs)
  }

  /// Writes each line as soon as it is known.
  private func writeLines(
    _ task: SentenceEmbedding, to console: Console, _ cuts: CutTexts
  ) throws(CheckpointError) {
    let answers = try LineAnswers(path: rows.output, console)
    try forEachBlock { (block) throws(CheckpointError) in
      var writer = JSONWriter()
      let answered = try block.answered(by: task)
      for (row, output) in answered {
        writer.write(.object(row.echo("text") + task.vectorMembers(of: output)))
        writer.writeRaw("\n")
      }
      return (answered.map(\.output), writer.bytes)
    } write: { (embeddings, bytes) throws(CheckpointError) in
      cuts.count(embeddings)
      try answers.write(bytes)
    }
    try answers.commit()
  }

  /// Writes what has all vectors in it.
  private func writeAll(
    _ task: SentenceEmbedding, to console: Console, _ cuts: CutTexts
  ) throws(CheckpointError) {
    let all = Mutex<[(row: TaskRow, output: SentenceEmbedding.Embedding)]>([])
    try forEachBlock { (block) throws(CheckpointError) in
      try block.answered(by: task)
    } write: { (answered) throws(CheckpointError) in
      all.withLock { $0 += answered }
    }
    let answers = all.withLock { $0 }
    cuts.count(answers.map(\.output))
    guard rows.json else {
      return console.write(Self.description(answers, task.embedder))
    }
    let vectors = answers.map { task.value(of: $0.output) }
    console.write(
      JSONWriter.text(.object([JSONValue.Member("embeddings", .array(vectors))])) + "\n")
  }

  func text(_ output: SentenceEmbedding.Embedding, to row: TaskRow) -> String {
    Self.description([(row, output)], nil)
  }

  /// The beginning of each vector, or its highest numbers with their tokens, and how close each two texts are.
  private static func description(
    _ answers: [(row: TaskRow, output: SentenceEmbedding.Embedding)], _ embedder: SentenceEmbedder?
  ) -> String {
    let settings = embedder?.settings ?? EmbeddingSettings()
    let vectors = answers.map(\.output.vector)
    let way =
      settings.splade?.description
      ?? settings.pooling.map(\.description).joined(separator: ", ")
    let hasUnitLength = settings.normalizes || settings.layers.last == .normalize
    var lines = [
      "\(vectors.first?.count ?? 0) numbers each: \(way)" + (hasUnitLength ? ", of length 1" : "")
    ]
    for (place, (row, output)) in answers.enumerated() {
      let tokens = output.sparse.map { embedder?.decode($0, top: 5) ?? [] }
      let start =
        tokens?.map { token, weight in
          singleLine(token ?? "?") + " " + NumberText.fixed(Double(weight), digits: 4)
        }
        ?? vectors[place].prefix(3).map { NumberText.fixed(Double($0), digits: 4) }
      let count = output.sparse.map { "\($0.indices.count) tokens " } ?? ""
      let isAll = output.sparse?.indices.count == start.count
      lines.append(
        "\(place)  \(count)[\(start.joined(separator: ", "))\(isAll ? "" : ", …")]  "
          + singleLine(row["text"]?.string ?? ""))
    }
    guard vectors.count > 1 else { return lines.joined(separator: "\n") + "\n" }
    lines.append(settings.similarity.description)
    for (place, first) in vectors.enumerated() {
      let row = vectors.map { NumberText.fixed(settings.similarity(first, $0), digits: 4) }
      lines.append("\(place)  " + row.joined(separator: "  "))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// How many texts have been cut.
private final class CutTexts: Sendable {
  private let state = Mutex((all: 0, cut: 0, first: 0))

  /// Counts the next texts.
  func count(_ embeddings: [SentenceEmbedding.Embedding]) {
    state.withLock { state in
      for embedding in embeddings {
        if embedding.isCut {
          if state.cut == 0 { state.first = state.all }
          state.cut += 1
        }
        state.all += 1
      }
    }
  }

  /// Tells how many there are, if there is one.
  func tell(on console: Console, _ length: Int) {
    let (all, cut, first) = state.withLock { $0 }
    guard cut > 0 else { return }
    console.writeNote(
      "\(cut) of \(all) texts were cut to \(length) tokens, the first is text \(first)")
  }
}

/// How vectors are made, where it is another way than the directory's.
struct EmbeddingArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The tokens that count (default: what the directory says, else mean).",
      discussion: "Several by commas, whose vectors are put one after another."))
  var pooling: PoolingNames?

  @Flag(help: "Give vectors the length 1.")
  var normalize = false

  @Option(
    help: ArgumentHelp(
      "What is put before each text, instead of the directory's own prompt.", valueName: "text"))
  var prompt: String?

  @Option(help: ArgumentHelp("The directory's prompt of this name.", valueName: "name"))
  var promptName: String?

  @Option(
    help: ArgumentHelp(
      "So many numbers of each vector, the first; before --normalize.", valueName: "width"))
  var truncateDim: Int?

  @Option(
    help: ArgumentHelp(
      "So many numbers of each vector over the vocabulary, the highest; the others are 0.",
      valueName: "count"))
  var maxActiveDims: Int?

  /// Ways to make one vector of the tokens', by the names that sentence-transformers gives them.
  struct PoolingNames: ExpressibleByArgument {
    static let allValueStrings = EmbeddingSettings.Pooling.allCases.map(\.rawValue)
    let pooling: [EmbeddingSettings.Pooling]

    init?(argument: String) {
      let names = argument.split(separator: ",", omittingEmptySubsequences: false)
      pooling = names.compactMap { EmbeddingSettings.Pooling(rawValue: String($0)) }
      guard pooling.count == names.count else { return nil }
    }
  }

  func validate() throws {
    if let truncateDim, truncateDim < 1 { throw ValidationError("--truncate-dim must be above 0.") }
    if let maxActiveDims, maxActiveDims < 1 {
      throw ValidationError("--max-active-dims must be above 0.")
    }
    if prompt != nil, promptName != nil {
      throw ValidationError("Give either --prompt or --prompt-name.")
    }
  }

  /// The model with what the directory and the options say.
  ///
  /// - Parameter once: True if it is asked once.
  func embedder(
    _ model: ModelArguments, _ computing: ComputingArguments, _ console: Console,
    once: Bool = false
  ) throws(CheckpointError) -> SentenceEmbedder {
    var settings = EmbeddingSettings()
    var place = try HubCache.located(model.path)
    do throws(CheckpointError) {
      let limits = model.options.sourceOptions.openOptions.limits
      if let directory = try SentenceDirectory(place, limits) {
        settings = try directory.settings(isPinned: model.options.pin.manifest != nil)
        place = directory.modelPath
      }
    } catch {
      // Whoever names the pooling does not need what cannot be read.
      guard pooling != nil, error.kind == .unsupported else { throw error }
      console.writeNote("only --pooling and --normalize count: \(error.toolLine)")
    }
    let isSparse = settings.splade != nil
    for (option, isForOthers) in [
      ("--pooling", pooling != nil && isSparse), ("--truncate-dim", truncateDim != nil && isSparse),
      ("--max-active-dims", maxActiveDims != nil && !isSparse),
    ] where isForOthers {
      throw settings.refused(option)
    }
    let source = try model.open(console, at: place)
    if let pooling { settings.pooling = pooling.pooling }
    settings.normalizes = settings.normalizes || normalize
    if let prompt { settings.prompt = prompt }
    if let promptName { settings.prompt = try settings.prompt(named: promptName) }
    // What is asked for counts for queries and documents alike.
    if prompt != nil || promptName != nil { settings.prompts = [:] }
    settings.dimensions = truncateDim ?? settings.dimensions
    settings.maximumActive = maxActiveDims ?? settings.maximumActive
    var embedder = try SentenceEmbedder(
      try model.load(
        try source.modelClass(of: settings.head), of: source, console, computing, once: once),
      tokenizer: try source.tokenizer(), settings: settings)
    if let tokens = computing.batchTokens { embedder.batchTokens = tokens }
    return embedder
  }
}

extension EmbeddingSettings {
  /// What is wrong with an option that is for vectors of another kind.
  fileprivate func refused(_ option: String) -> CheckpointError {
    CheckpointError(
      .unsupported, field: option,
      splade == nil
        ? "it is for vectors over a vocabulary, and the model makes vectors of states"
        : "it is for vectors of states, and the model makes vectors over its vocabulary")
  }
}
