internal import ArgumentParser
internal import Weighbridge

/// `weighbridge tokenize`: texts to token ids, and back.
struct TokenizeCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Turns texts into token ids, as Transformers does.",
    discussion: """
      MODEL is a directory with tokenizer.json, vocab.txt, or vocab.json and merges.txt; or a tokenizer.json itself, which \
      then cuts and fills up as it states, unless options say otherwise.

      Lines of the input are JSON objects {"text": …, "pair": …?}; each answer is a line {"ids", "offsets", "type_ids", \
      "attention_mask", "decoded", "decoded_skip"}, with offsets in Unicode scalars, and decoded_skip without special \
      tokens. With --fields it has only those that are named; ids alone take the least time and space.
      """)

  @Argument(help: "A model directory, or a tokenizer.json.")
  var model: String

  @Argument(help: "Texts to tokenize.")
  var texts: [String] = []

  @Option(help: "A second text, for a single TEXT.")
  var pair: String?

  @Option(help: "A file of JSON lines, instead of TEXT.")
  var input: String?

  @Option(help: "Write the answers there, as JSON lines; an existing file is replaced.")
  var output: String?

  @Flag(help: "Print the answers to TEXT as JSON lines.")
  var json = false

  @Option(help: "What the lines say of a text, in this order, such as ids,offsets; by default all.")
  var fields: FieldList?

  @Flag(help: "Print also what the ids are decoded to.")
  var decode = false

  @OptionGroup var encoding: EncodingArguments

  func validate() throws {
    guard (input == nil) != texts.isEmpty else {
      throw ValidationError("Give either TEXT or --input.")
    }
    guard pair == nil || texts.count == 1 else {
      throw ValidationError("--pair goes with a single TEXT.")
    }
  }

  /// Fields by their names, with commas between them.
  struct FieldList: ExpressibleByArgument {
    static let allValueStrings = TokenLines.Field.allCases.map(\.rawValue)
    let fields: [TokenLines.Field]

    init?(argument: String) {
      fields = argument.split(separator: ",").compactMap { TokenLines.Field(rawValue: String($0)) }
      let names = fields.map(\.rawValue)
      guard !fields.isEmpty, names.joined(separator: ",") == argument,
        Set(names).count == names.count
      else { return nil }
    }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let tokenizer =
      try PathKind(path: model) == .file
      ? try Tokenizer(contentsOf: model) : try Tokenizer.load(from: model)
    let options = encoding.options(for: tokenizer)
    let fields = fields?.fields ?? TokenLines.Field.allCases
    if let input {
      try answerLines(of: input, tokenizer, options, fields, on: console)
      return .done
    }
    let inputs = texts.map { TokenizerInput($0, pair: pair) }
    guard output != nil || json else {
      for encoding in try tokenizer.encodeBatch(inputs, options: options) {
        console.write(text(of: encoding, tokenizer))
      }
      return .done
    }
    var writer = JSONWriter()
    try TokenLines(tokenizer, options: options, fields: fields).write(inputs, to: &writer)
    let answers = try LineAnswers(path: output, console)
    try answers.write(writer.bytes)
    try answers.commit()
    return .done
  }

  /// Answers the lines of a file, parts of it at the same time.
  private func answerLines(
    of path: String, _ tokenizer: Tokenizer, _ options: EncodingOptions,
    _ fields: [TokenLines.Field], on console: Console
  ) throws(CheckpointError) {
    var options = options
    if options.padding?.length == .longest {
      // Nobody knows the longest before the end: the file is read twice, so that it need not lie in memory.
      let length = try longest(of: path, tokenizer, options)
      options.padding?.length = .fixed(length)
    }
    let lines = TokenLines(tokenizer, options: options, fields: fields)
    let answers = try LineAnswers(path: output, console)
    try LineFile.answer(path, to: answers) { (block) throws(CheckpointError) in
      var writer = JSONWriter()
      try lines.write(try block.inputs(file: path), to: &writer)
      return writer.bytes
    }
    try answers.commit()
  }

  /// The greatest number of tokens in a line of a file.
  private func longest(
    of path: String, _ tokenizer: Tokenizer, _ options: EncodingOptions
  ) throws(CheckpointError) -> Int {
    var options = options
    options.padding = nil
    let reader = try LineReader(path: path)
    var longest = 0
    while let block = try reader.next() {
      let rows = try tokenizer.encodeRows(try block.inputs(file: path), options: options)
      for row in 0..<rows.count { longest = max(longest, rows.range(ofRow: row).count) }
    }
    return longest
  }

  /// What is printed for people.
  private func text(of encoding: Encoding, _ tokenizer: Tokenizer) -> String {
    var lines = [
      "ids: " + encoding.ids.map(String.init).joined(separator: " "),
      "tokens: " + encoding.tokens.map { singleLine($0) }.joined(separator: " "),
    ]
    if decode {
      lines.append("decoded: " + singleLine(tokenizer.decode(encoding.ids), limit: .max))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// How encodings are cut and filled up, in the words of Transformers.
struct EncodingArguments: ParsableArguments {
  /// What is done to texts that are too long.
  enum TruncationChoice: String, ExpressibleByArgument, CaseIterable {
    case longestFirst = "longest_first"
    case onlyFirst = "only_first"
    case onlySecond = "only_second"
    case none = "do_not_truncate"
  }

  /// What encodings are filled up to.
  enum PaddingChoice: String, ExpressibleByArgument, CaseIterable {
    case longest
    case maximum = "max_length"
    case none = "do_not_pad"
  }

  /// An end of a text.
  enum SideChoice: String, ExpressibleByArgument, CaseIterable {
    case left
    case right

    var side: TextSide { self == .left ? .left : .right }
  }

  @Flag(help: "Leave out the special tokens that the model wants around a text.")
  var noSpecialTokens = false

  @Option(help: "The greatest number of tokens; without --padding and --truncation, cut to it.")
  var maxLength: Int?

  @Option(help: "Which text is cut.")
  var truncation: TruncationChoice?

  @Option(help: "The side where texts are cut; by default the tokenizer's own.")
  var truncationSide: SideChoice?

  @Option(help: "What is filled up to; by default nothing.")
  var padding: PaddingChoice?

  @Option(help: "The side where padding is put; by default the tokenizer's own.")
  var paddingSide: SideChoice?

  @Option(help: "Fill up to a multiple of this.")
  var padToMultipleOf: Int?

  @Option(help: "The padding token's id; by default the tokenizer's own.")
  var padTokenID: Int?

  @Option(help: "How many tokens parts that are cut off have in common.")
  var stride: Int?

  func validate() throws {
    for (name, value) in [
      ("max-length", maxLength), ("pad-to-multiple-of", padToMultipleOf), ("stride", stride),
      ("pad-token-id", padTokenID),
    ] where value.map({ $0 < 0 }) ?? false {
      throw ValidationError("--\(name) cannot be negative.")
    }
  }

  /// The options for a tokenizer: its usual ones, and what is asked for. Without a length its model's own counts, and
  /// without that nothing is cut or filled up to a maximum, as in Transformers.
  func options(for tokenizer: Tokenizer) -> EncodingOptions {
    var options = tokenizer.usualOptions
    options.addsSpecialTokens = !noSpecialTokens
    let length = maxLength ?? options.truncation?.maximumLength ?? tokenizer.maximumLength
    let isPadded = padding.map { $0 != .none } ?? false
    if let choice = truncation ?? (maxLength != nil && !isPadded ? .longestFirst : nil) {
      let strategy = Truncation.Strategy(rawValue: choice.rawValue)
      let overlap = options.truncation?.stride ?? 0
      options.truncation = length.flatMap { length in
        strategy.map {
          Truncation(
            maximumLength: length, strategy: $0, side: tokenizer.truncationSide, stride: overlap)
        }
      }
    }
    if let truncationSide { options.truncation?.side = truncationSide.side }
    if let stride { options.truncation?.stride = stride }

    let filling = options.padding ?? Padding(side: tokenizer.paddingSide)
    switch padding {
    case nil: break
    case .some(.none): options.padding = nil
    case .longest: options.padding = filling.filling(up: .longest)
    case .maximum: options.padding = length.map { filling.filling(up: .fixed($0)) }
    }
    if let paddingSide { options.padding?.side = paddingSide.side }
    if let padToMultipleOf { options.padding?.multiple = padToMultipleOf }
    if let padTokenID {
      options.padding?.id = padTokenID
      options.padding?.token = nil
    }
    return options
  }
}

extension Padding {
  /// The same padding to another length.
  fileprivate func filling(up length: Length) -> Padding {
    var padding = self
    padding.length = length
    return padding
  }
}
