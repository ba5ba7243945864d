public import CheckpointBytes
internal import Synchronization

extension Tokenizer {
  /// Encodes texts that stand alone, as the rows of ``TokenizerInput`` do.
  public func encodeRows(
    _ texts: [String], placesTokens: Bool = false, options: EncodingOptions? = nil
  ) throws(CheckpointError) -> TokenRows {
    try encodeRows(
      texts.map { TokenizerInput($0) }, placesTokens: placesTokens, options: options)
  }

  /// Encodes many texts or pairs, several at a time, where only ids are wanted, or ids and offsets: the same as
  /// ``encodeBatch(_:options:)-([TokenizerInput],_)`` gives, in a fraction of its time and memory. What truncation cuts off
  /// is left out.
  ///
  /// - Parameters:
  ///   - inputs: The texts, or pairs of texts.
  ///   - placesTokens: Whether ``TokenRows/offsets`` are wanted.
  ///   - options: Truncation and special tokens.
  /// - Throws: what ``encode(_:pair:options:)`` throws, for the first input that it throws for.
  public func encodeRows(
    _ inputs: [TokenizerInput], placesTokens: Bool = false, options: EncodingOptions? = nil
  ) throws(CheckpointError) -> TokenRows {
    let options = options ?? usualOptions
    var rows = TokenRows(placesTokens: placesTokens)
    guard let frame = rowFrame(placesTokens, options) else {
      for encoding in try encodeBatch(inputs, options: options) { rows.append(encoding) }
      return rows
    }
    let parts = try inParallel(inputs) { (inputs, workspace) throws(CheckpointError) in
      try self.rows(inputs, frame, options, &workspace)
    }
    if parts.count == 1, let only = parts.first { return only }
    rows.ids.reserveCapacity(parts.reduce(0) { $0 + $1.ids.count })
    for part in parts { rows.append(part) }
    return rows
  }

  /// What stands around each text that stands alone, and what else is the same for all of them.
  struct RowFrame {
    var before: [UInt32] = []
    var after: [UInt32] = []
    /// The types of the tokens in `before`, of a text's, and of those in `after`.
    var typesBefore: [UInt32] = []
    var typeOfText: UInt32 = 0
    var typesAfter: [UInt32] = []
    /// True if all tokens have one type.
    var typesAreAlike: Bool {
      typesBefore.allSatisfy { $0 == typeOfText } && typesAfter.allSatisfy { $0 == typeOfText }
    }
    let splitsSpecial: Bool
    let placesTokens: Bool
    var trimming: OffsetTrimming?
    /// The white space of each of the vocabulary's tokens, if offsets are trimmed.
    var spaces: [OffsetTrimming.TokenSpaces] = []
  }

  /// What is put around each text; nil if more is done to it.
  func rowFrame(_ placesTokens: Bool, _ options: EncodingOptions) -> RowFrame? {
    var frame = RowFrame(
      splitsSpecial: options.splitsSpecialTokens ?? splitsSpecialTokens,
      placesTokens: placesTokens)
    guard options.padding == nil else { return nil }
    guard let processor = parts.postProcessor else { return frame }
    if placesTokens {
      switch processor {
      case .roberta(_, let trimming), .byteLevel(let trimming): frame.trimming = trimming
      case .bert, .template: break
      case .sequence: return nil
      }
      if frame.trimming != nil { frame.spaces = tokenSpaces.of(parts.model.vocabulary) }
    }
    // A text of one token shows where texts stand.
    var text = Encoding(special: [(id: 0, text: "")], typeID: 0)
    text.wordIDs = [0]
    let framed = processor.process([text], addsSpecialTokens: options.addsSpecialTokens)
    guard let place = framed.wordIDs.firstIndex(of: 0),
      place == framed.wordIDs.lastIndex(of: 0)
    else { return nil }
    let ids = framed.ids.map { UInt32(truncatingIfNeeded: $0) }
    let types = framed.typeIDs.map { UInt32(truncatingIfNeeded: $0) }
    frame.before = Array(ids[..<place])
    frame.after = Array(ids[(place + 1)...])
    frame.typesBefore = Array(types[..<place])
    frame.typeOfText = types[place]
    frame.typesAfter = Array(types[(place + 1)...])
    return frame
  }

  /// Which of a text's tokens truncation keeps.
  private func kept(
    of count: Int, _ options: EncodingOptions
  ) throws(CheckpointError) -> Range<Int> {
    guard let truncation = options.truncation else { return 0..<count }
    let added = parts.postProcessor?.addedCount(isPair: false) ?? 0
    do throws(TruncationFailure) {
      return try truncation.kept(
        of: count, added: options.addsSpecialTokens ? added : 0, addedToSingle: added)
    } catch {
      throw error.located(file: file, truncation)
    }
  }

  /// The rows of some inputs.
  func rows(
    _ inputs: ArraySlice<TokenizerInput>, _ frame: RowFrame, _ options: EncodingOptions,
    _ workspace: inout Workspace
  ) throws(CheckpointError) -> TokenRows {
    var rows = TokenRows(placesTokens: frame.placesTokens)
    rows.rowEnds.reserveCapacity(inputs.count)
    if frame.placesTokens {
      try appendPlaced(inputs, frame, options, &workspace, to: &rows)
    } else {
      try appendIDs(inputs, frame, options, &workspace, to: &rows)
    }
    return rows
  }

  private func appendIDs(
    _ inputs: ArraySlice<TokenizerInput>, _ frame: RowFrame, _ options: EncodingOptions,
    _ workspace: inout Workspace, to rows: inout TokenRows
  ) throws(CheckpointError) {
    var sink = IDSink(parts.model.vocabulary)
    // Tokens are rarely shorter than two bytes.
    sink.makeRoom(for: inputs.reduce(0) { $0 + $1.text.utf8.count / 2 + 8 })
    for place in inputs.indices {
      if inputs[place].pair != nil {
        let encoding = try encode(inputs[place], options: options, workspace: &workspace)
        for id in encoding.ids { sink.append(UInt32(truncatingIfNeeded: id)) }
      } else {
        for id in frame.before { sink.append(id) }
        let start = sink.count
        try findTokens(
          of: inputs[place].text, splitsSpecial: frame.splitsSpecial, workspace: &workspace,
          into: &sink)
        sink.keep(try kept(of: sink.count - start, options), from: start)
        for id in frame.after { sink.append(id) }
      }
      rows.rowEnds.append(sink.count)
    }
    rows.ids = sink.takeIDs()
  }

  private func appendPlaced(
    _ inputs: ArraySlice<TokenizerInput>, _ frame: RowFrame, _ options: EncodingOptions,
    _ workspace: inout Workspace, to rows: inout TokenRows
  ) throws(CheckpointError) {
    let vocabulary = parts.model.vocabulary
    var offsets: [Range<UInt32>] = []
    var sink = PlacedSink()
    for place in inputs.indices {
      if inputs[place].pair != nil {
        var row = TokenRows(placesTokens: true)
        row.append(try encode(inputs[place], options: options, workspace: &workspace))
        rows.ids += row.ids
        offsets += row.offsets ?? []
      } else {
        sink.removeAll()
        try findTokens(
          of: inputs[place].text, splitsSpecial: frame.splitsSpecial, workspace: &workspace,
          into: &sink)
        let tokens = sink.tokens[try kept(of: sink.count, options)]
        rows.ids += frame.before
        rows.ids += tokens.lazy.map { sink.id(of: $0, vocabulary) }
        rows.ids += frame.after
        offsets += repeatElement(0..<0, count: frame.before.count)
        var isFirst = true
        for token in tokens {
          var range = token.start..<max(token.start, token.end)
          if let trimming = frame.trimming {
            let spaces =
              token.index < frame.spaces.count
              ? frame.spaces[Int(token.index)]
              : OffsetTrimming.TokenSpaces(sink.text(of: token, vocabulary))
            range = trimming.trimmed(range, spaces, isFirst: isFirst)
            isFirst = false
          }
          offsets.append(range)
        }
        offsets += repeatElement(0..<0, count: frame.after.count)
      }
      rows.rowEnds.append(rows.ids.count)
    }
    rows.offsets = offsets
  }
}

/// The white space of a vocabulary's tokens, found out when it is first needed.
final class TokenSpacesTable: Sendable {
  private let known = Mutex<[OffsetTrimming.TokenSpaces]>([])

  func of(_ vocabulary: Vocabulary) -> [OffsetTrimming.TokenSpaces] {
    known.withLock { known in
      if known.isEmpty { known = vocabulary.texts.map { OffsetTrimming.TokenSpaces($0) } }
      return known
    }
  }
}
