public import CheckpointBytes
public import Checkpoints
public import LanguageModels
internal import LayoutRules
internal import TensorEngine
public import Tokenizers

/// A model that makes one vector of a text, as sentence-transformers (6) does: of the states of its tokens, or over its vocabulary
/// (`SparseEncoder`).
///
///     let embedder = try SentenceEmbedder.load(from: "models/all-MiniLM-L6-v2")
///     let vectors = try embedder.embed(["How heavy is it?", "What does it weigh?"]).vectors
public struct SentenceEmbedder: Sendable {
  /// Vectors of texts.
  public struct Embeddings: Sendable, Hashable {
    /// A vector for each text, in their order.
    public var vectors: [[Float]] = []
    /// The places of the texts that were too long and have been cut.
    public var cut: [Int] = []
  }

  /// The body, `BertModel`, `RobertaModel` or `GPT2Model`; for vectors over the vocabulary a masked language model.
  public let model: any LanguageModel
  /// The tokenizer, which makes texts lower case if the settings say so.
  public let tokenizer: Tokenizer
  /// How vectors are made.
  public private(set) var settings: EmbeddingSettings
  /// The most tokens of a text.
  public private(set) var maximumLength: Int
  /// About how many tokens are computed at once. More take more memory, fewer more time; vectors are the same. The default is less
  /// for vectors over the vocabulary; a text is never divided.
  public var batchTokens: Int
  /// The numbers of a vector.
  package let width: Int
  private let layers: [PackedSentenceLayer]
  /// The first token that counts for a vector, if the text has so many.
  private var firstCounted: Int

  /// Puts an embedder together.
  ///
  /// - Throws: `unsupported` for a model that does not give `last_hidden_state`, or scores of its vocabulary where the settings want
  ///   those; `mismatch` for a layer that does not take the vectors which come in; what encoding the prompt throws.
  public init(
    _ model: any LanguageModel, tokenizer: Tokenizer,
    settings: EmbeddingSettings = EmbeddingSettings()
  ) throws(CheckpointError) {
    guard type(of: model).head == settings.head else {
      let isSparse = settings.splade != nil
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "class"),
        "\(type(of: model).className) gives no "
          + (isSparse ? "scores of masks" : "hidden state as its result"),
        remedy:
          "load "
          + (isSparse ? "BertForMaskedLM or its like" : "BertModel, RobertaModel or GPT2Model"))
    }
    self.model = model
    self.tokenizer = settings.lowercases ? try tokenizer.lowercasing() : tokenizer
    self.settings = settings
    batchTokens = model.usualBatchTokens
    (maximumLength, firstCounted) = try Self.limits(settings, model, self.tokenizer)
    let sizes = model.architecture.sizes
    var width =
      settings.splade == nil ? sizes.hidden * settings.pooling.count : sizes.vocabulary
    layers = try settings.layers.map { (layer) throws(CheckpointError) in
      try PackedSentenceLayer(layer, width: &width, in: model.context)
    }
    self.width = min(width, settings.dimensions ?? width)
  }

  /// The most tokens of a text, and the first that counts.
  private static func limits(
    _ settings: EmbeddingSettings, _ model: any LanguageModel, _ tokenizer: Tokenizer
  ) throws(CheckpointError) -> (maximumLength: Int, firstCounted: Int) {
    let stated = settings.maximumLength ?? tokenizer.maximumLength
    let length = min(stated ?? model.longestInput, model.longestInput)
    guard !settings.includesPrompt, !settings.prompt.isEmpty else { return (length, 0) }
    return (length, try tokenizer.promptLength(settings.prompt, atMost: length))
  }

  /// The same model for the texts of a search, as `encode_query` and `encode_document` of sentence-transformers (6.2) have it:
  /// with the prompt and the length of such texts.
  ///
  /// - Throws: What encoding the prompt throws.
  public func applied(
    to role: EmbeddingSettings.Role
  ) throws(CheckpointError) -> SentenceEmbedder {
    var other = self
    other.settings = settings.applied(to: role)
    (other.maximumLength, other.firstCounted) = try Self.limits(other.settings, model, tokenizer)
    return other
  }

  /// Loads model, tokenizer and settings of a directory; without sentence-transformers' files the mean over tokens is taken.
  ///
  /// The model may lie in a directory of its own, which `modules.json` names.
  /// - Throws: What ``ModelSource``, ``EmbeddingSettings/init(_:)`` and `Tokenizer/load(from:as:)` throw.
  public static func load(
    from path: String, options: LoadOptions = LoadOptions(),
    opening openOptions: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> SentenceEmbedder {
    let path = try HubCache.located(path)
    let directory = try SentenceDirectory(path, openOptions.limits)
    let source = try ModelSource(
      directory?.modelPath ?? path, options: openOptions, fill: options.fill)
    let settings =
      try directory?.settings(isPinned: openOptions.manifest != nil) ?? EmbeddingSettings()
    return try SentenceEmbedder(
      try source.load(try source.modelClass(of: settings.head).type, options: options),
      tokenizer: try source.tokenizer(), settings: settings)
  }

  /// The vectors of texts.
  ///
  /// - Throws: `inconsistent`, naming the text, for one without any token; what encoding and running throw.
  public func embed(_ texts: [String]) throws(CheckpointError) -> Embeddings {
    var embeddings = Embeddings()
    embeddings.cut = try embed(texts) { embeddings.vectors.append($1) }
    return embeddings
  }

  /// The vectors of texts, handed out in their order as they are computed: nothing is kept of a text that is done.
  ///
  /// - Parameters:
  ///   - texts: The texts.
  ///   - received: Is given the place of each text and its vector.
  /// - Returns: The places of the texts that were too long and have been cut.
  /// - Throws: `inconsistent`, naming the text, for one without any token; what encoding, running and `received` throw.
  public func embed(
    _ texts: [String],
    received: (_ place: Int, _ vector: [Float]) throws(CheckpointError) -> Void
  ) throws(CheckpointError) -> [Int] {
    let options = EncodingOptions(
      truncation: Truncation(
        maximumLength: maximumLength, side: tokenizer.truncationSide, keepsOverflow: false))
    var cut: [Int] = []
    for first in stride(from: 0, to: texts.count, by: Self.encodedCount) {
      let encodings = try tokenizer.encodeBatch(
        texts[first..<min(first + Self.encodedCount, texts.count)].map {
          TokenizerInput(settings.prompt + $0)
        }, options: options)
      if let place = encodings.firstIndex(where: { $0.count <= firstCounted }) {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(field: "text \(first + place)"),
          firstCounted == 0 ? "it has no token" : "it has no token behind the prompt",
          remedy: "give a text that is not empty")
      }
      cut += encodings.indices.filter { encodings[$0].isTruncated }.map { first + $0 }
      for batch in encodings.map(\.count).batches(ofSum: batchTokens) {
        try CheckpointError.throwIfCancelled()
        for (place, vector) in zip(batch, try vectors(of: Array(encodings[batch]))) {
          try received(first + place, vector)
        }
      }
    }
    return cut
  }

  /// Texts that are encoded at once: enough for all threads. An encoding takes several times the memory of its text.
  private static let encodedCount = 1024

  private func vectors(of encodings: [Encoding]) throws(CheckpointError) -> [[Float]] {
    let longest = encodings.map(\.count).max() ?? 0
    func padded(
      _ rows: [[Int]], with filling: Int
    ) throws(CheckpointError) -> TokenArray {
      try TokenArray(
        rows.map { $0 + Array(repeating: filling, count: longest - $0.count) })
    }
    // Padding is not computed, so that its token does not matter.
    var inputs = ModelInputs(
      inputIDs: try padded(encodings.map(\.ids), with: tokenizer.paddingTokenID ?? 0))
    inputs.attentionMask = try padded(
      encodings.map { Array(repeating: 1, count: $0.count) }, with: 0)
    if model.takesTokenTypes(given: tokenizer.givesTokenTypes) {
      inputs.tokenTypeIDs = try padded(encodings.map(\.typeIDs), with: 0)
    }
    var options = RunOptions(padding: .skipped)
    let places = encodings.enumerated().flatMap { row, encoding in
      self.places(of: encoding).map { row * longest + $0 }
    }
    // Where single tokens are all that is looked at, no others are computed. Padding has no scores.
    let takesPlaces =
      settings.splade != nil || places.count == encodings.count * settings.pooling.count
    if takesPlaces { options.scoredTokens = .places(places) }
    let outputs = try model.context.alone { () throws(CheckpointError) in
      try model(inputs, options: options)
    }
    if let splade = settings.splade {
      guard let scores = outputs.logits?.tensor else { return [] }
      var first = 0
      var vectors: [[Float]] = []
      for encoding in encodings {
        let tokens = first..<(first + encoding.count - firstCounted)
        vectors += try finished(splade.vector(scores, tokens: tokens), rows: 1)
        first = tokens.upperBound
      }
      return vectors
    }
    guard let states = outputs.lastHiddenState, let width = states.dimensions.last else {
      return []
    }
    let values = states.values
    if takesPlaces { return try finished(values, rows: encodings.count) }
    let pooled = encodings.indices.flatMap { row in
      let start = row * longest * width
      let count = encodings[row].count
      return settings.pooling.flatMap {
        $0.vector(
          values[start..<(start + count * width)], width: width, counted: firstCounted..<count)
      }
    }
    return try finished(pooled, rows: encodings.count)
  }

  /// The tokens of a text that are looked at one by one.
  private func places(of encoding: Encoding) -> [Int] {
    let counted = firstCounted..<encoding.count
    return settings.splade == nil
      ? settings.pooling.compactMap { $0.place(in: counted) } : Array(counted)
  }

  /// What the layers make of the vectors.
  private func finished(_ pooled: [Float], rows: Int) throws(CheckpointError) -> [[Float]] {
    let context = model.context
    var vectors = try Tensor(rows: rows, columns: rows == 0 ? 0 : pooled.count / rows, pooled)
    for layer in layers { vectors = try layer(vectors, in: context) }
    if let dimensions = settings.dimensions, dimensions < vectors.columns {
      guard dimensions >= 0 else {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(field: "dimensions"),
          "expected no less than 0, found \(dimensions)")
      }
      let values = vectors.values
      vectors = try Tensor(
        rows: rows, columns: dimensions,
        (0..<rows).flatMap { values[$0 * vectors.columns..<$0 * vectors.columns + dimensions] })
    }
    if let count = settings.maximumActive {
      guard count > 0 else {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(field: "max_active_dims"),
          "expected more than 0, found \(count)")
      }
      vectors = try PackedSentenceLayer.strongest(count, of: vectors)
    }
    if settings.normalizes { vectors = try PackedSentenceLayer.normalize(vectors, in: context) }
    let values = vectors.values
    return (0..<rows).map { Array(values[($0 * vectors.columns)..<(($0 + 1) * vectors.columns)]) }
  }
}

extension SentenceEmbedder {
  /// The tokens of a vector over the vocabulary with its numbers, the highest first, of equal ones that with the lower id, as
  /// `SparseEncoder.decode` has them.
  ///
  /// - Parameters:
  ///   - vector: One that this model has made.
  ///   - top: The most tokens; nil for all.
  /// - Returns: Tokens as the vocabulary has them (`##ing`), nil for an id that the tokenizer has none for.
  public func decode(
    _ vector: SparseVector, top: Int? = nil
  ) -> [(token: String?, weight: Float)] {
    largestPlaces(max(0, top ?? .max), of: vector.values).map {
      (tokenizer.token(withID: vector.indices[$0]), vector.values[$0])
    }
  }
}

extension Tokenizer {
  /// The tokens of a prompt by itself, without the special token behind it (`Transformer._get_prompt_length`).
  fileprivate func promptLength(
    _ prompt: String, atMost length: Int
  ) throws(CheckpointError) -> Int {
    let options = EncodingOptions(
      truncation: Truncation(maximumLength: length, side: truncationSide, keepsOverflow: false))
    let ids = try encode(prompt, options: options).ids
    let texts =
      SpecialTokens.Role.allCases.compactMap { specialTokens[$0] }
      + specialTokens.additional.map(\.content)
    guard let last = ids.last, texts.contains(where: { id(of: $0) == last }) else {
      return ids.count
    }
    return ids.count - 1
  }
}

extension LanguageModel {
  fileprivate var context: ExecutionContext { info.context }
}
