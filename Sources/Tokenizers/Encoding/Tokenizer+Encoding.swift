public import CheckpointBytes
internal import Dispatch
internal import Synchronization

/// What to do to texts beside finding their tokens.
public struct EncodingOptions: Sendable, Hashable {
  /// Whether the special tokens of the model are put around the text.
  public var addsSpecialTokens = true
  /// How long encodings are cut; nil leaves them whole.
  public var truncation: Truncation?
  /// How encodings are filled up; nil leaves them as long as they are.
  public var padding: Padding?
  /// Whether special tokens that are written in the text are taken for text; nil does what the tokenizer's files say.
  public var splitsSpecialTokens: Bool?

  /// Options; by default special tokens are put in, and nothing is cut or filled up.
  public init(
    addsSpecialTokens: Bool = true, truncation: Truncation? = nil, padding: Padding? = nil,
    splitsSpecialTokens: Bool? = nil
  ) {
    self.addsSpecialTokens = addsSpecialTokens
    self.truncation = truncation
    self.padding = padding
    self.splitsSpecialTokens = splitsSpecialTokens
  }
}

/// A text, or a pair of texts, to be encoded.
public struct TokenizerInput: Sendable, Hashable {
  /// The text.
  public var text: String
  /// The text that belongs to it, such as the passage for a question.
  public var pair: String?

  /// One text, or two.
  public init(_ text: String, pair: String? = nil) {
    self.text = text
    self.pair = pair
  }
}

extension Tokenizer {
  /// What is done to texts where no options are given: what a bare `tokenizer.json` states of truncation and padding, as
  /// `Tokenizer.from_file` does it, and nothing for the tokenizer of a directory, as in Transformers.
  public var usualOptions: EncodingOptions {
    appliesStated
      ? EncodingOptions(truncation: statedTruncation, padding: statedPadding) : EncodingOptions()
  }

  /// Encodes a text, or a pair. Without options ``usualOptions`` count.
  ///
  /// Takes time in proportion to the text, unless an added token that is white space takes more of it along: such tokens
  /// overlap, as in the reference, and their texts together grow with the square. Padding to the longest has no effect on a single text.
  /// - Throws: `notFound` if a word needs the unknown token, or padding a padding token, and there is none; `inconsistent`
  ///   if the text cannot be cut as asked; `limitExceeded` if a text is longer than ``greatestTextByteCount``.
  public func encode(
    _ text: String, pair: String? = nil, options: EncodingOptions? = nil
  ) throws(CheckpointError) -> Encoding {
    let options = options ?? usualOptions
    var workspace = workspaces.take()
    let encoding = try encode(
      TokenizerInput(text, pair: pair), options: options, workspace: &workspace)
    workspaces.giveBack(workspace)
    return try filled(encoding, options)
  }

  /// An encoding that is filled up as options say.
  func filled(
    _ encoding: Encoding, _ options: EncodingOptions
  ) throws(CheckpointError) -> Encoding {
    guard let padding = options.padding else { return encoding }
    var batch = [encoding]
    try fillingIn(padding).apply(to: &batch)
    return batch.first ?? encoding
  }

  /// Encodes texts that stand alone, several at a time, as the batch of ``TokenizerInput`` does.
  public func encodeBatch(
    _ texts: [String], options: EncodingOptions? = nil
  ) throws(CheckpointError) -> [Encoding] {
    try encodeBatch(texts.map { TokenizerInput($0) }, options: options)
  }

  /// Encodes many texts or pairs, several at a time. The answers come in the order of the inputs and do not depend on
  /// the number of threads.
  ///
  /// - Throws: what ``encode(_:pair:options:)`` throws, for the first input that it throws for.
  public func encodeBatch(
    _ inputs: [TokenizerInput], options: EncodingOptions? = nil
  ) throws(CheckpointError) -> [Encoding] {
    let options = options ?? usualOptions
    let padding = try options.padding.map { (padding) throws(CheckpointError) in
      try fillingIn(padding)
    }
    let parts = try inParallel(inputs) { (inputs, workspace) throws(CheckpointError) in
      try inputs.map { (input) throws(CheckpointError) in
        try self.encode(input, options: options, workspace: &workspace)
      }
    }
    var encodings = Array(parts.joined())
    padding?.apply(to: &encodings)
    return encodings
  }

  /// Does parts of the inputs at the same time, each of them some tens of kilobytes. The answers come in order.
  ///
  /// - Throws: the error of the first part that has one.
  func inParallel<Part: Sendable>(
    _ inputs: [TokenizerInput],
    _ work: @Sendable (ArraySlice<TokenizerInput>, inout Workspace) throws(CheckpointError) -> Part
  ) throws(CheckpointError) -> [Part] {
    let ranges = Self.ranges(of: inputs)
    let results = Mutex<[Int: Result<Part, CheckpointError>]>([:])
    DispatchQueue.concurrentPerform(iterations: ranges.count) { index in
      var workspace = workspaces.take()
      let result = Result { () throws(CheckpointError) in
        try work(inputs[ranges[index]], &workspace)
      }
      workspaces.giveBack(workspace)
      results.withLock { $0[index] = result }
    }
    let finished = results.withLock { $0 }
    var parts: [Part] = []
    for index in ranges.indices {
      if let result = finished[index] { parts.append(try result.get()) }
    }
    return parts
  }

  /// Neighbouring inputs that are worth a thread's while.
  private static func ranges(of inputs: [TokenizerInput]) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = 0
    var byteCount = 0
    for (place, input) in inputs.enumerated() {
      byteCount += input.text.utf8.count + (input.pair?.utf8.count ?? 0)
      guard byteCount > 1 << 16 || place - start >= 1 << 10 else { continue }
      ranges.append(start..<place + 1)
      start = place + 1
      byteCount = 0
    }
    if start < inputs.count { ranges.append(start..<inputs.count) }
    return ranges
  }

  /// Padding with its token known.
  private struct FilledPadding {
    var padding: Padding
    var id: Int
    var token: String

    func apply(to encodings: inout [Encoding]) {
      padding.apply(to: &encodings, id: id, token: token)
    }
  }

  private func fillingIn(_ padding: Padding) throws(CheckpointError) -> FilledPadding {
    guard let id = padding.id ?? paddingTokenID else {
      throw CheckpointError(
        .notFound, file: file, field: "pad_token", "there is no padding token",
        remedy: "state the id of one")
    }
    var greatest = padding.multiple ?? 0
    if case .fixed(let length) = padding.length { greatest = max(greatest, length) }
    guard greatest <= Self.greatestPaddedLength else {
      throw CheckpointError(
        .limitExceeded, file: file, field: "padding",
        "to \(greatest) tokens, the limit is \(Self.greatestPaddedLength)")
    }
    let token = padding.token ?? token(withID: id) ?? specialTokens[.padding] ?? ""
    return FilledPadding(padding: padding, id: id, token: token)
  }

  func encode(
    _ input: TokenizerInput, options: EncodingOptions, workspace: inout Workspace
  ) throws(CheckpointError) -> Encoding {
    let splits = options.splitsSpecialTokens ?? splitsSpecialTokens
    let first = try tokens(of: input.text, 0, splitsSpecial: splits, workspace: &workspace)
    var second: Encoding?
    if let pair = input.pair {
      second = try tokens(of: pair, 1, splitsSpecial: splits, workspace: &workspace)
    }
    return try completed(first, second, options: options)
  }

  /// Texts cut to length, with what is put around them.
  func completed(
    _ first: Encoding, _ second: Encoding?, options: EncodingOptions
  ) throws(CheckpointError) -> Encoding {
    var (first, second) = (first, second)
    let wholeCount = first.count + (second?.count ?? 0)
    if let truncation = options.truncation {
      let added = parts.postProcessor?.addedCount(isPair: second != nil) ?? 0
      do throws(TruncationFailure) {
        try truncation.apply(
          to: &first, &second, added: options.addsSpecialTokens ? added : 0,
          addedToSingle: parts.postProcessor?.addedCount(isPair: false) ?? 0)
      } catch {
        throw error.located(file: file, truncation)
      }
    }
    let keptCount = first.count + (second?.count ?? 0)
    var result = surrounded(
      second.map { [first, $0] } ?? [first], addsSpecialTokens: options.addsSpecialTokens)
    result.isTruncated = keptCount < wholeCount
    result.givesTokenTypes = givesTokenTypes
    for part in result.overflowing.indices {
      result.overflowing[part].givesTokenTypes = givesTokenTypes
    }
    return result
  }

  /// One encoding of one or two, with what is put around them.
  private func surrounded(_ encodings: [Encoding], addsSpecialTokens: Bool) -> Encoding {
    if let processor = parts.postProcessor {
      return processor.process(encodings, addsSpecialTokens: addsSpecialTokens)
    }
    guard encodings.count > 1 else { return encodings.first ?? Encoding() }
    return PostProcessor.joined(
      encodings.enumerated().map { sequence, encoding in
        var encoding = encoding
        encoding.setSequence(sequence)
        return encoding
      })
  }

  /// The tokens of one text, without anything put in.
  func tokens(
    of text: String, _ typeID: Int, splitsSpecial: Bool, workspace: inout Workspace
  ) throws(CheckpointError) -> Encoding {
    var sink = PlacedSink()
    try findTokens(of: text, splitsSpecial: splitsSpecial, workspace: &workspace, into: &sink)
    return Encoding(sink, parts.model.vocabulary, typeID: typeID)
  }
}

extension Encoding {
  /// The tokens of one text.
  fileprivate init(_ found: PlacedSink, _ vocabulary: Vocabulary, typeID: Int) {
    let tokens = found.tokens
    ids = tokens.map { Int(found.id(of: $0, vocabulary)) }
    self.tokens = tokens.map { found.text(of: $0, vocabulary) }
    offsets = tokens.map { Int($0.start)..<Int(max($0.start, $0.end)) }
    wordIDs = tokens.map { Int($0.word) }
    typeIDs = Array(repeating: typeID, count: count)
    attentionMask = Array(repeating: 1, count: count)
    specialTokensMask = Array(repeating: 0, count: count)
  }
}

extension TruncationFailure {
  func located(file: String, _ truncation: Truncation) -> CheckpointError {
    var kind = FailureKind.inconsistent
    let problem: String
    switch self {
    case .noRoom(let count):
      problem = "the length \(truncation.maximumLength) leaves no room for \(count) special tokens"
    case .negativeStride: problem = "the stride \(truncation.stride) is negative"
    case .strideTooLong(let room):
      problem = "the stride \(truncation.stride) is not smaller than the room for text, \(room)"
    case .noSecondText: problem = "there is no second text that could be cut"
    case .textTooShort:
      problem =
        "the text to be cut is too short to make the others fit \(truncation.maximumLength)"
    case .tooMuchOverflow:
      kind = .limitExceeded
      problem =
        "the parts cut off have more than \(Tokenizer.greatestOverflow) tokens, a part counting for 64 at least"
    }
    return CheckpointError(kind, file: file, field: "truncation", problem)
  }
}
