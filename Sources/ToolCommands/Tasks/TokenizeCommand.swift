internal import ArgumentParser
internal import Synchronization
internal import Weighbridge

/// `weighbridge tokenize`: texts to token ids, and back.
struct TokenizeCommand: TaskCommand, TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Turns texts into token ids, as Transformers does, and ids into texts.",
    discussion: """
      MODEL is a directory with tokenizer.json, vocab.txt, or vocab.json and merges.txt; or a tokenizer.json itself, which \
      then cuts and fills up as it states, unless options say otherwise.

      Lines of the input are texts, or JSON objects {"text": …, "pair": …?}, or it is an Arrow table with such columns; each answer is a line {"ids", "offsets", \
      "type_ids", "attention_mask", "decoded", "decoded_skip"}, with offsets in Unicode scalars, and decoded_skip without \
      special tokens. With --fields it has only those that are named, and may have tokens, special_tokens_mask, word_ids, and \
      parts, what truncation cut off; ids alone take the least time and space.

      With --from words lines are {"words": […], "pair_words": […]?}, and a TEXT is cut at its spaces; with --from ids they \
      are {"ids": […]}, and a TEXT is ids with commas between them.

      Examples:
        weighbridge tokenize model/ 'the scale is even' --decode
        weighbridge tokenize model/ --input texts.txt --fields ids --output ids.jsonl
        weighbridge tokenize model/ 2,62,162,3 --from ids
      """)

  /// What is given.
  enum Form: String, ExpressibleByArgument, CaseIterable {
    case text
    case words
    case ids
  }

  @Argument(help: "A model directory, or a tokenizer.json.")
  var model: String

  @OptionGroup var rows: TextArguments

  @Option(
    help: ArgumentHelp(
      "What is given: texts, words that are split already, or ids to be decoded.", valueName: "form"
    ))
  var from = Form.text

  @Option(help: ArgumentHelp("A second text, for a single TEXT.", valueName: "text"))
  var pair: String?

  @Option(
    help: ArgumentHelp(
      "What the lines say of a text, in this order; by default ids,offsets,type_ids,attention_mask,decoded,decoded_skip.",
      valueName: "field,…"))
  var fields: FieldList?

  @Flag(help: "Print also what the ids are decoded to.")
  var decode = false

  @OptionGroup var encoding: EncodingArguments

  @OptionGroup var consoleOptions: ConsoleOptions

  func validate() throws {
    try refuseStandardStreams([model])
    try rows.requireTexts()
    guard pair == nil || rows.texts.count == 1 && from == .text else {
      throw ValidationError("--pair goes with a single TEXT, and not with --from.")
    }
    guard fields == nil || rows.json || rows.output != nil || rows.file != nil else {
      throw ValidationError("--fields goes with --json, --output and --input.")
    }
    if from == .ids,
      let field = fields?.fields.first(where: { !Tokenization.Field.ofIDs.contains($0) })
    {
      throw ValidationError(
        "--fields \(field.rawValue): of ids only ids, decoded and decoded_skip are known")
    }
    if from == .ids, rows.file == nil,
      let text = rows.texts.first(where: { TokenList(argument: $0) == nil })
    {
      throw ValidationError("\(text): expected ids with commas between them")
    }
  }

  /// Fields by their names, with commas between them.
  struct FieldList: ExpressibleByArgument {
    static let allValueStrings = Tokenization.Field.allCases.map(\.rawValue)
    let fields: [Tokenization.Field]

    init?(argument: String) {
      fields = argument.split(separator: ",").compactMap {
        Tokenization.Field(rawValue: String($0))
      }
      let names = fields.map(\.rawValue)
      guard !fields.isEmpty, names.joined(separator: ",") == argument,
        Set(names).count == names.count
      else { return nil }
    }
  }

  func task(_ console: Console) throws -> Tokenization {
    let tokenizer = try tokenizer()
    return task(tokenizer, encoding.options(for: tokenizer))
  }

  private func task(_ tokenizer: Tokenizer, _ options: EncodingOptions) -> Tokenization {
    if let fields { return Tokenization(tokenizer, options: options, fields: fields.fields) }
    return from == .ids
      ? Tokenization(tokenizer, options: options, fields: Tokenization.Field.ofIDs)
      : Tokenization(tokenizer, options: options)
  }

  private func tokenizer() throws(CheckpointError) -> Tokenizer {
    try PathKind(path: model) == .file
      ? try Tokenizer(contentsOf: model) : try Tokenizer.load(from: model)
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let tokenizer = try tokenizer()
    let options = encoding.options(for: tokenizer)
    let quick = (fields?.fields).map { $0.compactMap { TokenLines.Field(rawValue: $0.rawValue) } }
    let isQuick = quick.map { $0.count == fields?.fields.count } ?? true
    if from == .text, isQuick, let file = rows.file {
      let fields = quick ?? TokenLines.Field.allCases
      try answerLines(of: file, tokenizer, options, fields, on: console)
    } else if from == .text, rows.file == nil, isQuick, rows.json || rows.output != nil {
      var writer = JSONWriter()
      try TokenLines(tokenizer, options: options, fields: quick ?? TokenLines.Field.allCases)
        .write(rows.texts.map { TokenizerInput($0, pair: pair) }, to: &writer)
      let answers = try LineAnswers(path: rows.output, console)
      try answers.write(writer.bytes)
      try answers.commit()
    } else if from == .text, rows.file == nil, !rows.json, rows.output == nil {
      // Padding to the longest looks at all of them.
      let inputs = rows.texts.map { TokenizerInput($0, pair: pair) }
      for encoding in try tokenizer.encodeBatch(inputs, options: options) {
        console.write(text(of: encoding, tokenizer))
      }
    } else {
      // Of ids nothing is filled up.
      let options =
        from == .ids
        ? options
        : try settled(options) { (options) throws(CheckpointError) in
          try longestRow(task(tokenizer, options))
        }
      try answerRows(task(tokenizer, options), tokenizer, on: console)
    }
    return .done
  }

  /// Answers rows one by one: words, ids, and what ``TokenLines`` does not tell.
  private func answerRows(
    _ task: Tokenization, _ tokenizer: Tokenizer, on console: Console
  ) throws(CheckpointError) {
    let isJSON = rows.json || rows.output != nil || rows.file != nil
    let answers = try LineAnswers(path: rows.output, console)
    let command = self
    try forEachBlock { (block) throws(CheckpointError) in
      var writer = JSONWriter()
      for (_, output) in try command.asGiven(block).answered(by: task) {
        if isJSON {
          writer.write(.object(task.members(of: output)))
          writer.writeRaw("\n")
        } else {
          writer.writeRaw(command.text(of: output, tokenizer))
        }
      }
      return writer.bytes
    } write: { (bytes) throws(CheckpointError) in
      try answers.write(bytes)
    }
    try answers.commit()
  }

  /// The greatest number of tokens in a row.
  private func longestRow(_ task: Tokenization) throws(CheckpointError) -> Int {
    let longest = Mutex(0)
    let command = self
    try forEachBlock { (block) throws(CheckpointError) in
      try command.asGiven(block).answered(by: task).map(\.output.count).max() ?? 0
    } write: { count in
      longest.withLock { $0 = max($0, count) }
    }
    return longest.withLock { $0 }
  }

  /// A block whose rows are of the form that is given.
  private func asGiven(_ block: RowBlock) -> RowBlock {
    guard block.file == nil else { return block }
    var block = block
    block.rows = block.rows.map { $0.map(argumentRow) }
    return block
  }

  /// What an argument is as a row.
  private func argumentRow(_ row: TaskRow) -> TaskRow {
    let text = row["text"]?.string ?? ""
    switch from {
    case .text: return row
    case .words:
      let words = text.split(separator: " ").map { JSONValue.string(String($0)) }
      return TaskRow([JSONValue.Member("words", .array(words))])
    case .ids:
      let ids = TokenList(argument: text)?.tokens ?? []
      return TaskRow([JSONValue.Member("ids", .array(ids.map { .integer($0) }))])
    }
  }

  /// Answers the rows of a file, parts of it at the same time.
  private func answerLines(
    of path: String, _ tokenizer: Tokenizer, _ options: EncodingOptions,
    _ fields: [TokenLines.Field], on console: Console
  ) throws(CheckpointError) {
    let options = try settled(options) { (options) throws(CheckpointError) in
      try longest(of: path, tokenizer, options)
    }
    let lines = TokenLines(tokenizer, options: options, fields: fields)
    let answers = try LineAnswers(path: rows.output, console)
    let file = try RowFile(path)
    try inOrder(
      next: { () throws(CheckpointError) in try file.nextPart() },
      work: { (part) throws(CheckpointError) in
        var writer = JSONWriter()
        try lines.write(try file.inputs(of: part), to: &writer)
        return writer.bytes
      },
      finish: { (bytes) throws(CheckpointError) in try answers.write(bytes) })
    try answers.commit()
  }

  /// The options with the length that filling up to the longest comes to. Nobody knows it before the end: all rows are read twice, so that
  /// they need not lie in memory.
  private func settled(
    _ options: EncodingOptions, _ longest: (EncodingOptions) throws(CheckpointError) -> Int
  ) throws(CheckpointError) -> EncodingOptions {
    guard options.padding?.length == .longest else { return options }
    guard rows.file != "-" else {
      throw CheckpointError(
        .unsupported, file: "standard input", field: "padding",
        "the longest is not known before the end",
        remedy: "fill up to a length, or read a file")
    }
    var unfilled = options
    unfilled.padding = nil
    var options = options
    options.padding?.length = .fixed(try longest(unfilled))
    return options
  }

  /// The greatest number of tokens in a row of a file.
  private func longest(
    of path: String, _ tokenizer: Tokenizer, _ options: EncodingOptions
  ) throws(CheckpointError) -> Int {
    let file = try RowFile(path)
    var longest = 0
    while let part = try file.nextPart() {
      let rows = try tokenizer.encodeRows(try file.inputs(of: part), options: options)
      for row in 0..<rows.count { longest = max(longest, rows.range(ofRow: row).count) }
    }
    return longest
  }

  func text(_ output: Encoding, to row: TaskRow) -> String {
    output.ids.map(String.init).joined(separator: " ") + "\n"
  }

  /// What is printed for people.
  private func text(of encoding: Encoding, _ tokenizer: Tokenizer) -> String {
    let decoded = singleLine(tokenizer.decode(encoding.ids), limit: .max)
    if from == .ids { return decoded + "\n" }
    var lines = [
      "ids: " + encoding.ids.map(String.init).joined(separator: " "),
      "tokens: " + encoding.tokens.map { singleLine($0) }.joined(separator: " "),
    ]
    if decode { lines.append("decoded: " + decoded) }
    if encoding.overflowing.isEmpty == false, self.encoding.stride != nil {
      for part in encoding.overflowing {
        lines.append("part: " + part.ids.map(String.init).joined(separator: " "))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
