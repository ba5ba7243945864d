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
      case .wordLevel(let model):
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
    var end = 0
    for part in workspace.textParts {
      // The white space that a token takes along can be another one, which stands where it is all the same.
      if Sink.placesTokens, part.range.lowerBound < end {
        scalar &-= workspace.text.scalarCount(in: part.range.lowerBound..<end)
      }
      end = part.range.upperBound
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
    var walk = ChunkWalk(
      cutter, through: range, scalarStart: Sink.placesTokens ? Int(scalar) : nil,
      joinsFirst: isPrefixed, &workspace.chunks)
    while walk.next(in: workspace.text, &workspace.chunks) {
      var place = 0
      while place < workspace.chunks.count {
        let chunk = workspace.chunks.range(place)
        let isSpecial = isPrefixed && chunk.lowerBound == range.lowerBound
        if !isSpecial {
          place = workspace.known.append(
            workspace.chunks, from: place, of: workspace.text, to: &sink)
          guard place < workspace.chunks.count else { break }
        }
        try appendChunk(
          workspace.chunks.range(place), isPrefixed: isSpecial,
          at: Sink.placesTokens ? workspace.chunks.scalarStart(place) : 0, model, &workspace,
          &sink)
        place += 1
      }
    }
  }

  /// Finds the tokens of one chunk, of any length, and learns them.
  private func appendChunk<Sink: TokenSink>(
    _ range: Range<Int>, isPrefixed: Bool, at scalar: UInt32, _ model: some WordTokenizing,
    _ workspace: inout Workspace, _ sink: inout Sink
  ) throws(ModelFailure) {
    let (key, known, wordCount) = workspace.known.tokens(
      of: range, of: workspace.text, isPrefixed ? .prefixed : .plain)
    if let known { return sink.append(known, wordCount: wordCount, at: scalar) }
    try tokenize(range, isPrefixed: isPrefixed, model, &workspace)
    sink.append(workspace.chunk[...], wordCount: workspace.chunkWordCount, at: scalar)
    if let key {
      workspace.known.keep(
        workspace.chunk, wordCount: workspace.chunkWordCount, of: range, of: workspace.text, key)
    }
  }

  /// Rewrites what is no added token, to so many scalars at most.
  private func normalize(_ pieces: inout PieceText, most: Int) throws(ModelFailure) {
    guard let normalizer = parts.normalizer else { return }
    pieces.rewrite { source, result in
      if result.scalars.count <= most {
        normalizer.append(source, to: &result.scalars, most: most)
      }
    }
    guard pieces.scalars.count <= most else { throw .rewrittenTooLong }
  }

  /// Puts the tokens of a chunk into `workspace.chunk`, places and words counted from its beginning.
  private func tokenize(
    _ range: Range<Int>, isPrefixed: Bool, _ model: some WordTokenizing,
    _ workspace: inout Workspace
  ) throws(ModelFailure) {
    workspace.pieces.replace(by: range, of: workspace.text)
    let most = Normalizer.room(for: workspace.pieces.scalars.count)
    try normalize(&workspace.pieces, most: most)
    (isPrefixed ? parts.preTokenizer : cutter?.preTokenizer)?
      .apply(to: &workspace.pieces, most: most)
    guard workspace.pieces.scalars.count <= most else { throw .rewrittenTooLong }
    workspace.chunk.removeAll(keepingCapacity: true)
    let pieces = workspace.pieces
    for (word, piece) in pieces.pieces.enumerated() {
      let scalars = pieces.scalars[piece.range]
      // A chunk that is one word is remembered as a chunk.
      try tokenize(scalars, isRemembered: pieces.pieces.count > 1, model, &workspace)
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
    let most = Normalizer.room(for: pieces.scalars.count)
    try normalize(&pieces, most: most)
    added.extractNormalized(from: &pieces, splitsSpecial: splitsSpecial)
    parts.preTokenizer?.apply(to: &pieces, most: most)
    guard pieces.scalars.count <= most else { throw .rewrittenTooLong }
    for piece in pieces.pieces {
      let scalars = pieces.scalars[piece.range]
      if let id = piece.addedToken {
        sink.append(special: id, scalars.text, Self.offsets(of: scalars))
        sink.endWords(1)
        continue
      }
      try tokenize(scalars, isRemembered: true, model, &workspace)
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

  /// Puts the tokens of a word into `workspace.found`, from memory if that is quicker than finding them anew.
  private func tokenize(
    _ word: ArraySlice<AlignedScalar>, isRemembered: Bool, _ model: some WordTokenizing,
    _ workspace: inout Workspace
  ) throws(ModelFailure) {
    guard isRemembered, model.isWorthRemembering, word.count <= ChunkCache.longest else {
      return try model.tokenize(word, in: &workspace)
    }
    workspace.word.replace(by: word.lazy.map(\.value))
    let bytes = 0..<workspace.word.count
    let (key, known, _) = workspace.known.tokens(of: bytes, of: workspace.word, .word)
    if let known {
      workspace.found.removeAll(keepingCapacity: true)
      for token in known {
        let range = Int(token.start)..<Int(token.end)
        workspace.found.append(
          FoundToken(
            index: token.index,
            range: word.startIndex + range.lowerBound..<word.startIndex + range.upperBound))
      }
      return
    }
    try model.tokenize(word, in: &workspace)
    guard let key else { return }
    let tokens = workspace.found.map {
      ChunkToken(
        index: $0.index, start: UInt32(truncatingIfNeeded: $0.range.lowerBound - word.startIndex),
        end: UInt32(truncatingIfNeeded: $0.range.upperBound - word.startIndex), word: 0)
    }
    workspace.known.keep(
      tokens, wordCount: tokens.isEmpty ? 0 : 1, of: bytes, of: workspace.word, key)
  }

  /// The part of the original text that scalars stand for.
  private static func offsets(of scalars: ArraySlice<AlignedScalar>) -> Range<UInt32> {
    guard let first = scalars.first, let last = scalars.last else { return 0..<0 }
    return first.start..<max(first.start, last.end)
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
    case .rewrittenTooLong:
      CheckpointError(
        .limitExceeded, file: file, field: "normalizer",
        "makes more than 64 times as much of a text, with the pre-tokenizer")
    }
  }
}
