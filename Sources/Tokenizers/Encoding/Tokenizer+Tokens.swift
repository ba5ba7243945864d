internal import CheckpointBytes

/// From text to tokens, whoever takes them.
extension Tokenizer {
  /// Finds the tokens of one text, without anything put in.
  ///
  /// Where the rules are known by which text may be cut (``TextCutter``), it is cut while it is still in bytes, and each chunk
  /// is looked up before it is tokenized.
  func findTokens<Sink: TokenSink>(
    of text: String, splitsSpecial: Bool, workspace: inout Workspace, into sink: inout Sink
  ) throws(CheckpointError) {
    guard text.utf8.count <= Self.greatestTextByteCount else {
      throw CheckpointError(
        .limitExceeded, file: file, field: "text",
        "has \(text.utf8.count) bytes, the limit is \(Self.greatestTextByteCount)")
    }
    do throws(ModelFailure) {
      switch parts.model {
      case .wordPiece(let model):
        try findTokens(of: text, model, splitsSpecial, &workspace, &sink)
      case .bytePair(let model):
        try findTokens(of: text, model, splitsSpecial, &workspace, &sink)
      case .unigram(let model):
        try findTokens(of: text, model, splitsSpecial, &workspace, &sink)
      }
    } catch {
      throw error.located(file: file)
    }
  }

  private func findTokens<Sink: TokenSink>(
    of text: String, _ model: some WordTokenizing, _ splitsSpecial: Bool,
    _ workspace: inout Workspace, _ sink: inout Sink
  ) throws(ModelFailure) {
    workspace.text.replace(by: text)
    defer { workspace.releaseLarge() }
    added.parts(
      of: workspace.text, isNormalized: cutter != nil && parts.normalizer == nil,
      splitsSpecial: splitsSpecial, into: &workspace.textParts)
    guard let cutter else {
      return try tokenizeWhole(model, splitsSpecial, &workspace, &sink)
    }
    var scalar: UInt32 = 0
    for part in workspace.textParts {
      let count =
        Sink.placesTokens ? workspace.text.scalarCount(in: part.range) : 0
      if let id = part.addedToken {
        sink.append(
          special: id, workspace.text.string(part.range), scalar..<scalar &+ count)
        sink.endWords(1)
      } else {
        try tokenizeChunks(of: part.range, from: scalar, cutter, model, &workspace, &sink)
      }
      scalar &+= count
    }
  }

  /// Tokenizes a part of the text chunk by chunk.
  private func tokenizeChunks<Sink: TokenSink>(
    of range: Range<Int>, from scalar: UInt32, _ cutter: TextCutter, _ model: some WordTokenizing,
    _ workspace: inout Workspace, _ sink: inout Sink
  ) throws(ModelFailure) {
    let isPrefixed = cutter.prefixesSpace && workspace.text[range.lowerBound] != 0x20
    // What the loop reads is taken out of the workspace, so that it need not be read anew after each token.
    let text = workspace.text
    var chunks = workspace.takeChunks()
    defer { workspace.chunks = chunks }
    var walk = ChunkWalk(
      cutter, through: range, scalarStart: Sink.placesTokens ? Int(scalar) : nil,
      joinsFirst: isPrefixed, &chunks)
    while walk.next(in: text, &chunks) {
      var place = 0
      while place < chunks.count {
        let isSpecial = isPrefixed && chunks.starts[place] == range.lowerBound
        if !isSpecial {
          place = workspace.known.append(chunks, from: place, of: text, to: &sink)
          guard place < chunks.count else { break }
        }
        try appendChunk(
          chunks.starts[place]..<chunks.ends[place], isPrefixed: isSpecial,
          at: Sink.placesTokens ? chunks.scalarStart(place) : 0, model, &workspace, &sink)
        place += 1
      }
    }
  }

  /// Finds the tokens of one chunk, of any length, and learns them.
  private func appendChunk<Sink: TokenSink>(
    _ range: Range<Int>, isPrefixed: Bool, at scalar: UInt32, _ model: some WordTokenizing,
    _ workspace: inout Workspace, _ sink: inout Sink
  ) throws(ModelFailure) {
    let variant: UInt64 = isPrefixed ? 1 : 0
    let isLong = range.count > ChunkCache.longestInSlot
    let bytes = isLong ? workspace.text.bytes(range) : []
    let key =
      isLong
      ? ChunkCache.key(ofLong: bytes, variant: variant)
      : ChunkCache.key(workspace.text, range.lowerBound, range.count, variant: variant)
    if let key, let entry = workspace.known.entry(of: key),
      !isLong || workspace.known.holds(bytes, entry)
    {
      if !entry.isListed { return sink.append(entry, at: scalar) }
      return sink.append(workspace.known.tokens(of: entry), at: scalar)
    }
    try tokenize(range, isPrefixed: isPrefixed, model, &workspace)
    sink.append((workspace.chunk[...], workspace.chunkWordCount), at: scalar)
    if let key {
      workspace.known.keep(
        workspace.chunk, wordCount: workspace.chunkWordCount, of: isLong ? bytes : nil, key)
    }
  }

  /// Puts the tokens of a chunk into `workspace.chunk`, places and words counted from its beginning.
  private func tokenize(
    _ range: Range<Int>, isPrefixed: Bool, _ model: some WordTokenizing,
    _ workspace: inout Workspace
  ) throws(ModelFailure) {
    workspace.pieces.replace(by: range, of: workspace.text)
    if let normalizer = parts.normalizer {
      workspace.pieces.rewrite { normalizer.append($0, to: &$1.scalars) }
    }
    (isPrefixed ? parts.preTokenizer : cutter?.preTokenizer)?.apply(to: &workspace.pieces)
    workspace.chunk.removeAll(keepingCapacity: true)
    let pieces = workspace.pieces
    for (word, piece) in pieces.pieces.enumerated() {
      let scalars = pieces.scalars[piece.range]
      try model.tokenize(scalars, in: &workspace)
      for token in workspace.found {
        let range = Self.offsets(of: scalars[token.range])
        workspace.chunk.append(
          ChunkToken(
            index: token.index, start: range.lowerBound, end: range.upperBound,
            word: UInt32(truncatingIfNeeded: word)))
      }
    }
    workspace.chunkWordCount = UInt32(truncatingIfNeeded: pieces.pieces.count)
  }

  /// Tokenizes a text of which nothing is known but the steps that it takes.
  private func tokenizeWhole<Sink: TokenSink>(
    _ model: some WordTokenizing, _ splitsSpecial: Bool, _ workspace: inout Workspace,
    _ sink: inout Sink
  ) throws(ModelFailure) {
    let vocabulary = model.vocabulary
    var pieces = PieceText(workspace.text, workspace.textParts)
    if let normalizer = parts.normalizer {
      pieces.rewrite { normalizer.append($0, to: &$1.scalars) }
    }
    added.extractNormalized(from: &pieces, splitsSpecial: splitsSpecial)
    parts.preTokenizer?.apply(to: &pieces)
    for piece in pieces.pieces {
      let scalars = pieces.scalars[piece.range]
      if let id = piece.addedToken {
        sink.append(special: id, scalars.text, Self.offsets(of: scalars))
        sink.endWords(1)
        continue
      }
      try model.tokenize(scalars, in: &workspace)
      for token in workspace.found {
        let covered = scalars[token.range]
        let range = Self.offsets(of: covered)
        if token.index == model.indexWrittenAsText {
          sink.append(special: vocabulary.ids[Int(token.index)], covered.text, range)
        } else {
          sink.append(
            ChunkToken(
              index: token.index, start: range.lowerBound, end: range.upperBound, word: 0),
            at: 0)
        }
      }
      sink.endWords(1)
    }
  }

  /// The part of the original text that scalars stand for.
  private static func offsets(of scalars: ArraySlice<AlignedScalar>) -> Range<UInt32> {
    guard let first = scalars.first, let last = scalars.last else { return 0..<0 }
    return first.start..<max(first.start, last.end)
  }
}

extension TokenSink {
  /// Takes the tokens of a chunk, and counts its words.
  @inline(__always)
  fileprivate mutating func append(
    _ chunk: (tokens: ArraySlice<ChunkToken>, wordCount: UInt32), at scalar: UInt32
  ) {
    for token in chunk.tokens { append(token, at: scalar) }
    endWords(chunk.wordCount)
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
