public import CheckpointBytes
public import Checkpoints
public import LanguageModels
public import LayoutRules
internal import ModelFamilies
public import Tokenizers

/// A model with its tokenizer, as tasks run it: texts are encoded, cut or refused where they are too long, and computed in
/// batches without padding.
public struct TextModel: Sendable {
  /// The model.
  public let model: any LanguageModel
  /// Its tokenizer.
  public internal(set) var tokenizer: Tokenizer
  /// The most tokens of a text that is cut: what the tokenizer says and the model takes. Where the reference cuts texts unasked
  /// (``TokenClassification``, ``ZeroShotClassification``, ``Reranking``) longer ones are an error, unless ``cutsTexts`` is true.
  public var maximumLength: Int
  /// True if texts that are too long are cut; otherwise they are an error.
  public var cutsTexts = false
  /// About how many tokens are computed at once. More take more memory, fewer more time. The default is less for models that
  /// give a score for each token of the vocabulary.
  public var batchTokens: Int
  /// False for a task whose reference gives the model ids and a mask alone, whatever the tokenizer gives.
  var givesTokenTypes = true

  /// Puts both together.
  public init(_ model: any LanguageModel, tokenizer: Tokenizer) {
    self.model = model
    self.tokenizer = tokenizer
    let longest = model.longestInput
    maximumLength = min(tokenizer.maximumLength ?? longest, longest)
    batchTokens = model.usualBatchTokens
  }

  /// Loads the family's class with a head, and the tokenizer beside it.
  ///
  /// - Throws: What ``ModelSource`` and its `modelClass(of:)`, `load(_:options:)` and `tokenizer()` throw.
  public static func load(
    from path: String, head: ModelHead, options: LoadOptions = LoadOptions(),
    opening openOptions: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> TextModel {
    let source = try ModelSource(path, options: openOptions, fill: options.fill)
    return TextModel(
      try source.load(try source.modelClass(of: head).type, options: options),
      tokenizer: try source.tokenizer())
  }

  /// Throws `unsupported` unless the model has a head.
  func require(_ head: ModelHead, _ problem: String) throws(CheckpointError) {
    guard type(of: model).head == head else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "class"),
        "\(type(of: model).className) \(problem)")
    }
  }
}

extension TextModel {
  /// Encodes texts, several at a time.
  ///
  /// - Parameters:
  ///   - inputs: The texts.
  ///   - strategy: Which text of a pair is cut, where texts are cut.
  ///   - most: The most tokens that are taken; nil for as many as the model has positions for.
  /// - Returns: For each input its tokens, or why it has none that the model takes.
  func encodings(
    of inputs: [TokenizerInput], cutting strategy: Truncation.Strategy = .longestFirst,
    upTo most: Int? = nil
  ) -> [Result<Encoding, CheckpointError>] {
    var options = EncodingOptions()
    if cutsTexts {
      options.truncation = Truncation(
        maximumLength: maximumLength, strategy: strategy, side: tokenizer.truncationSide,
        keepsOverflow: false)
    }
    func checked(_ encoding: Encoding) -> Result<Encoding, CheckpointError> {
      Result { () throws(CheckpointError) in
        try check(encoding, upTo: most)
        return encoding
      }
    }
    if let all = try? tokenizer.encodeBatch(inputs, options: options) { return all.map(checked) }
    // One of them cannot be encoded; the others can.
    return inputs.map { input in
      Result { () throws(CheckpointError) in
        try tokenizer.encode(input.text, pair: input.pair, options: options)
      }.flatMap(checked)
    }
  }

  /// Refuses what the model does not take, or what has more tokens than `most`.
  func check(_ encoding: Encoding, upTo most: Int? = nil) throws(CheckpointError) {
    guard encoding.count > 0 else {
      throw CheckpointError(
        .inconsistent, field: "text", "it has no token", remedy: "give a text that is not empty")
    }
    let longest = model.longestInput
    let most = min(most ?? longest, longest)
    guard encoding.count <= most else {
      throw CheckpointError(
        .limitExceeded, field: "text",
        "it has \(encoding.count) tokens, "
          + (most == longest ? "the model takes \(most)" : "model and tokenizer take \(most)"),
        remedy: "shorten the text, or cut it (\(remedy: .cutTexts))")
    }
  }

  /// Runs the encodings of rows, and reads a value for each out of the results.
  ///
  /// - Parameters:
  ///   - rows: The encodings of each row, or why there are none.
  ///   - places: The tokens of an encoding that a result for each token is needed of; nil for all of them.
  ///   - read: Makes the values of some encodings, in their order, of what the model computes for them: outputs
  ///     `[batch, sequence, …]`, in which each text begins at place 0 and padding is zeros; of some places `[places, …]`, one encoding's
  ///     after the other's.
  /// - Returns: For each row the values of its encodings, or what is wrong with the first that cannot be computed.
  func run<Value>(
    _ rows: [Result<[Encoding], CheckpointError>], scoring places: ((Encoding) -> [Int])? = nil,
    _ read: (ModelOutputs, [Encoding]) throws(CheckpointError) -> [Value]
  ) -> [Result<[Value], CheckpointError>] {
    var values = rows.map { _ in [Value]() }
    var failures: [Int: CheckpointError] = [:]
    var waiting: [(row: Int, encoding: Encoding)] = []
    for (row, result) in rows.enumerated() {
      switch result {
      case .success(let encodings): waiting += encodings.map { (row, $0) }
      case .failure(let error): failures[row] = error
      }
    }
    func compute(_ part: ArraySlice<(row: Int, encoding: Encoding)>) {
      do throws(CheckpointError) {
        let encodings = part.map(\.encoding)
        let outputs = try outputs(of: encodings, scoring: places)
        for (place, value) in zip(part, try read(outputs, encodings)) {
          values[place.row].append(value)
        }
      } catch {
        guard part.count > 1 else {
          for place in part where failures[place.row] == nil { failures[place.row] = error }
          return
        }
        // Something is wrong with one of them, or the model takes one text at a time.
        for place in part.indices { compute(part[place...place]) }
      }
    }
    for batch in waiting.map(\.encoding.count).batches(ofSum: batchTokens) {
      compute(waiting[batch])
    }
    return values.enumerated().map { row, values in
      failures[row].map { .failure($0) } ?? .success(values)
    }
  }

  /// The same for rows of one encoding each.
  func run<Value>(
    _ rows: [Result<Encoding, CheckpointError>], scoring places: ((Encoding) -> [Int])? = nil,
    _ read: (ModelOutputs, [Encoding]) throws(CheckpointError) -> [Value]
  ) -> [Result<Value, CheckpointError>] {
    run(rows.map { $0.map { [$0] } }, scoring: places, read).map { result in
      result.tryMap { (values) throws(CheckpointError) in
        guard let value = values.first else {
          throw CheckpointError(.inconsistent, "the model gives no result")
        }
        return value
      }
    }
  }

  /// What the model computes for texts of any lengths; padding is left out of the computation, and what gives a result for each token
  /// gives those of `places` alone, if they are stated.
  func outputs(
    of encodings: [Encoding], scoring places: ((Encoding) -> [Int])? = nil
  ) throws(CheckpointError) -> ModelOutputs {
    let longest = encodings.map(\.count).max() ?? 0
    func padded(_ row: (Encoding) -> [Int], _ filling: Int) throws(CheckpointError) -> TokenArray {
      try TokenArray(
        encodings.map { row($0) + Array(repeating: filling, count: longest - $0.count) })
    }
    // Heads find the end of a text by the configuration's own padding token.
    let padding = model.configuration.padTokenID ?? tokenizer.paddingTokenID ?? 0
    var inputs = ModelInputs(inputIDs: try padded(\.ids, padding))
    if encodings.contains(where: { $0.count < longest || $0.attentionMask.contains(0) }) {
      inputs.attentionMask = try padded(\.attentionMask, 0)
    }
    if givesTokenTypes, model.takesTokenTypes(given: tokenizer.givesTokenTypes) {
      inputs.tokenTypeIDs = try padded(\.typeIDs, 0)
    }
    var options = RunOptions(padding: .skipped)
    if let places {
      options.scoredTokens = .places(
        encodings.enumerated().flatMap { text, encoding in
          places(encoding).map { text * longest + $0 }
        })
    }
    return try model.context.alone { () throws(CheckpointError) in
      try model(inputs, options: options)
    }
  }
}

extension [Int] {
  /// The ranges of what is computed at once, where these are numbers of tokens: no range has more than `most`, unless it has one number.
  func batches(ofSum most: Int) -> [Range<Int>] {
    let most = Swift.max(0, most)
    var batches: [Range<Int>] = []
    var (start, sum) = (0, 0)
    for (place, count) in enumerated() {
      if place > start, count > most - sum {
        batches.append(start..<place)
        (start, sum) = (place, 0)
      }
      sum += count
    }
    if start < count { batches.append(start..<count) }
    return batches
  }
}

/// About how many scores of a vocabulary are in memory at once: 64 MB, more than which makes products no faster.
private let usualScoreCount = 1 << 24

extension LanguageModel {
  /// About how many tokens are computed at once where nobody says it: less where each has a score for each token of the vocabulary.
  var usualBatchTokens: Int {
    guard [.maskedLM, .causalLM].contains(Self.head) else { return 2048 }
    return max(1, usualScoreCount / max(1, configuration.vocabularySize))
  }

  /// The most tokens that a sequence may have.
  var longestInput: Int {
    let positions = info.architecture.sizes.positions
    guard Configuration.family.definition.body.positionRule == .afterPadding,
      let padding = configuration.padTokenID
    else { return positions }
    return positions - padding - 1
  }
}

extension ModelOutputs {
  /// The rows of an output that has one for each text.
  func rows(_ name: String) throws(CheckpointError) -> [[Float]] {
    guard let output = self[name] else {
      throw CheckpointError(.notFound, field: name, "the model gives no such result")
    }
    return output.rows
  }

  /// The rows of each text's tokens, of an output `[batch, sequence, width]`.
  func tokenRows(_ name: String, of encodings: [Encoding]) throws(CheckpointError) -> [[[Float]]] {
    let rows = try rows(name)
    let length = encodings.map(\.count).max() ?? 0
    guard rows.count == encodings.count * length else {
      throw CheckpointError(.inconsistent, field: name, "the model gives no numbers for tokens")
    }
    return encodings.enumerated().map { text, encoding in
      Array(rows[text * length..<text * length + encoding.count])
    }
  }
}
