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
    let padding = try options.padding.map { (padding) throws(CheckpointError) in
      try fillingIn(padding)
    }
    var workspace = workspaces.take()
    let encoding = try encode(
      TokenizerInput(text, pair: pair), options: options, workspace: &workspace)
    workspaces.giveBack(workspace)
    guard let padding else { return encoding }
    var batch = [encoding]
    padding.apply(to: &batch)
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
    let size = 32
    let count = (inputs.count + size - 1) / size
    let results = Mutex<[Int: Result<[Encoding], CheckpointError>]>([:])
    DispatchQueue.concurrentPerform(iterations: count) { index in
      var workspace = workspaces.take()
      var encodings: [Encoding] = []
      var failure: CheckpointError?
      for input in inputs[index * size..<min(inputs.count, (index + 1) * size)] {
        do throws(CheckpointError) {
          encodings.append(try encode(input, options: options, workspace: &workspace))
        } catch {
          failure = error
          break
        }
      }
      let result =
        failure.map { Result<[Encoding], CheckpointError>.failure($0) }
        ?? .success(encodings)
      results.withLock { $0[index] = result }
      workspaces.giveBack(workspace)
    }
    var encodings: [Encoding] = []
    encodings.reserveCapacity(inputs.count)
    let finished = results.withLock { $0 }
    for index in 0..<count {
      if let result = finished[index] { encodings += try result.get() }
    }
    padding?.apply(to: &encodings)
    return encodings
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

  private func encode(
    _ input: TokenizerInput, options: EncodingOptions, workspace: inout Workspace
  ) throws(CheckpointError) -> Encoding {
    let splits = options.splitsSpecialTokens ?? splitsSpecialTokens
    var first = try tokens(of: input.text, 0, splitsSpecial: splits, workspace: &workspace)
    var second: Encoding?
    if let pair = input.pair {
      second = try tokens(of: pair, 1, splitsSpecial: splits, workspace: &workspace)
    }
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
    var result = surrounded(
      second.map { [first, $0] } ?? [first], addsSpecialTokens: options.addsSpecialTokens)
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
  private func tokens(
    of text: String, _ typeID: Int, splitsSpecial: Bool, workspace: inout Workspace
  ) throws(CheckpointError) -> Encoding {
    guard text.utf8.count <= Self.greatestTextByteCount else {
      throw CheckpointError(
        .limitExceeded, file: file, field: "text",
        "has \(text.utf8.count) bytes, the limit is \(Self.greatestTextByteCount)")
    }
    var pieces = PieceText(text)
    added.extract(from: &pieces, normalized: false, splitsSpecial: splitsSpecial)
    if let normalizer = parts.normalizer {
      pieces.rewrite { normalizer.append($0, to: &$1.scalars) }
    }
    added.extract(from: &pieces, normalized: true, splitsSpecial: splitsSpecial)
    parts.preTokenizer?.apply(to: &pieces)

    do throws(ModelFailure) {
      var encoding: Encoding
      switch parts.model {
      case .wordPiece(let model):
        encoding = try tokens(of: pieces, model, model.vocabulary, workspace: &workspace)
      case .bytePair(let model):
        encoding = try tokens(of: pieces, model, model.vocabulary, workspace: &workspace)
      case .unigram(let model):
        encoding = try tokens(of: pieces, model, model.vocabulary, workspace: &workspace)
      }
      encoding.fillUp(typeID: typeID)
      return encoding
    } catch {
      throw error.located(file: file)
    }
  }

  private func tokens<Model: WordTokenizing>(
    of text: PieceText, _ model: Model, _ vocabulary: Vocabulary, workspace: inout Workspace
  ) throws(ModelFailure) -> Encoding {
    let ids = vocabulary.ids
    let texts = vocabulary.texts
    let writtenAsText = model.indexWrittenAsText
    var encoding = Encoding()
    encoding.reserveCapacity(text.pieces.count * 5 / 4 + 2)
    for (word, piece) in text.pieces.enumerated() {
      let scalars = text.scalars[piece.range]
      if let id = piece.addedToken {
        encoding.append(Int(id), scalars.text, Self.offsets(of: scalars), word: word)
        continue
      }
      try model.tokenize(scalars, in: &workspace)
      for token in workspace.found {
        let covered = scalars[token.range]
        let text = token.index == writtenAsText ? covered.text : texts[Int(token.index)]
        encoding.append(
          Int(ids[Int(token.index)]), text, Self.offsets(of: covered), word: word)
      }
    }
    return encoding
  }

  /// The part of the original text that scalars stand for.
  private static func offsets(of scalars: ArraySlice<AlignedScalar>) -> Range<Int> {
    guard let first = scalars.first, let last = scalars.last else { return 0..<0 }
    return Int(first.start)..<Int(max(first.start, last.end))
  }
}

extension Encoding {
  fileprivate mutating func reserveCapacity(_ count: Int) {
    ids.reserveCapacity(count)
    tokens.reserveCapacity(count)
    offsets.reserveCapacity(count)
    wordIDs.reserveCapacity(count)
  }

  fileprivate mutating func append(_ id: Int, _ text: String, _ range: Range<Int>, word: Int) {
    ids.append(id)
    tokens.append(text)
    offsets.append(range)
    wordIDs.append(word)
  }

  /// Sets what is the same for all tokens of a text.
  fileprivate mutating func fillUp(typeID: Int) {
    typeIDs = Array(repeating: typeID, count: count)
    attentionMask = Array(repeating: 1, count: count)
    specialTokensMask = Array(repeating: 0, count: count)
  }
}

extension ModelFailure {
  fileprivate func located(file: String) -> CheckpointError {
    switch self {
    case .unknownTokenMissing(let token):
      CheckpointError(
        .notFound, file: file, field: "model.unk_token",
        "a word is not in the vocabulary, and the unknown token \(quoted(token)) is not either")
    case .unknownTokenNotStated:
      CheckpointError(
        .notFound, file: file, field: "model.unk_id",
        "a word is not in the vocabulary, and no token stands for what is unknown")
    }
  }
}

extension TruncationFailure {
  fileprivate func located(file: String, _ truncation: Truncation) -> CheckpointError {
    var kind = FailureKind.inconsistent
    let problem: String
    switch self {
    case .noRoom(let count):
      problem = "the length \(truncation.maximumLength) leaves no room for \(count) special tokens"
    case .strideTooLong(let room):
      problem = "the stride \(truncation.stride) is not smaller than the room for text, \(room)"
    case .noSecondText: problem = "there is no second text that could be cut"
    case .textTooShort:
      problem =
        "the text to be cut is too short to make the others fit \(truncation.maximumLength)"
    case .tooMuchOverflow:
      kind = .limitExceeded
      problem = "the parts cut off have more than \(Tokenizer.greatestOverflow) tokens"
    }
    return CheckpointError(kind, file: file, field: "truncation", problem)
  }
}
