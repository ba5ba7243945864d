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
      tokens.
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

  mutating func run(on console: Console) throws -> ToolExit {
    let tokenizer =
      try PathKind(path: model) == .file
      ? try Tokenizer(contentsOf: model) : try Tokenizer.load(from: model)
    let options = encoding.options(for: tokenizer)
    let inputs = try input.map(LineFile.inputs) ?? texts.map { TokenizerInput($0, pair: pair) }
    guard input != nil || output != nil || json else {
      for encoding in try tokenizer.encodeBatch(inputs, options: options) {
        console.write(text(of: encoding, tokenizer))
      }
      return .done
    }
    let file = try output.map { path throws(CheckpointError) in try OutputFile(path: path) }
    var written = 0
    // Texts that are padded to the longest need all of them at once; the others go in parts.
    let size = options.padding?.length == .longest ? max(1, inputs.count) : 4096
    for start in stride(from: 0, to: inputs.count, by: size) {
      let part = Array(inputs[start..<min(start + size, inputs.count)])
      var writer = JSONWriter()
      for encoding in try tokenizer.encodeBatch(part, options: options) {
        writer.write(line(of: encoding, tokenizer))
        writer.writeRaw("\n")
      }
      if let file {
        try file.write(writer.bytes, at: written)
        written += writer.bytes.count
      } else {
        console.write(String(decoding: writer.bytes, as: UTF8.self))
      }
    }
    try file?.commit()
    return .done
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

  /// What is written for programs.
  private func line(of encoding: Encoding, _ tokenizer: Tokenizer) -> JSONValue {
    func list(_ numbers: [Int]) -> JSONValue { .array(numbers.map { .integer($0) }) }
    return .object([
      JSONValue.Member("ids", list(encoding.ids)),
      JSONValue.Member(
        "offsets", .array(encoding.offsets.map { list([$0.lowerBound, $0.upperBound]) })),
      JSONValue.Member("type_ids", list(encoding.typeIDs)),
      JSONValue.Member("attention_mask", list(encoding.attentionMask)),
      JSONValue.Member("decoded", .string(tokenizer.decode(encoding.ids))),
      JSONValue.Member(
        "decoded_skip", .string(tokenizer.decode(encoding.ids, skipSpecialTokens: true))),
    ])
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

/// Files of JSON lines that hold texts.
enum LineFile {
  /// The texts of a file, one object a line; empty lines are passed over.
  static func inputs(_ path: String) throws(CheckpointError) -> [TokenizerInput] {
    let file = try SourceFile(path: path)
    let bytes = try file.bytes(at: 0, count: file.size)
    var inputs: [TokenizerInput] = []
    var start = 0
    var line = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
      line += 1
      if bytes[start..<end].contains(where: { $0 > 0x20 }) {
        inputs.append(try input(Array(bytes[start..<end]), path, line: line, offset: start))
      }
      start = end + 1
    }
    return inputs
  }

  private static func input(
    _ bytes: [UInt8], _ path: String, line: Int, offset: Int
  ) throws(CheckpointError) -> TokenizerInput {
    let value: JSONValue
    do throws(CheckpointError) {
      value = try locating(file: path) { () throws(ParseFailure) in
        try JSONValue(parsing: bytes, context: "line \(line)", base: offset)
      }
    } catch {
      var explained = error
      explained.remedy = "each line is a JSON object, {\"text\": …}; plain texts are arguments"
      throw explained
    }
    let pair = value["pair"].flatMap { $0 == .null ? nil : $0 }
    guard let text = value["text"]?.string, pair == nil || pair?.string != nil else {
      throw CheckpointError(
        .malformed, file: path, offset: offset, field: "line \(line)",
        "expected {\"text\": …, \"pair\": …} with strings")
    }
    return TokenizerInput(text, pair: pair?.string)
  }
}
