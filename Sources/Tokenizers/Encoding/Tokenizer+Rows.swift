public import CheckpointBytes

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
  /// - Parameter placesTokens: Whether ``TokenRows/offsets`` are wanted.
  /// - Throws: what ``encode(_:pair:options:)`` throws, for the first input that it throws for.
  public func encodeRows(
    _ inputs: [TokenizerInput], placesTokens: Bool = false, options: EncodingOptions? = nil
  ) throws(CheckpointError) -> TokenRows {
    let options = options ?? usualOptions
    var rows = TokenRows(placesTokens: placesTokens)
    guard options.padding == nil, let frame = rowFrame(placesTokens, options) else {
      for encoding in try encodeBatch(inputs, options: options) { rows.append(encoding) }
      return rows
    }
    let parts = try inParallel(inputs) { (inputs, workspace) throws(CheckpointError) in
      placesTokens
        ? try self.placedRows(inputs, frame, options, &workspace)
        : try self.rows(inputs, frame, options, &workspace)
    }
    if parts.count == 1, let only = parts.first { return only }
    rows.ids.reserveCapacity(parts.reduce(0) { $0 + $1.ids.count })
    for part in parts { rows.append(part) }
    return rows
  }

  /// What stands around each text that stands alone.
  private struct RowFrame {
    var before: [UInt32] = []
    var after: [UInt32] = []
    var trimming: OffsetTrimming?
  }

  /// What is put around each text; nil if more is done to it.
  private func rowFrame(_ placesTokens: Bool, _ options: EncodingOptions) -> RowFrame? {
    guard let processor = parts.postProcessor else { return RowFrame() }
    var frame = RowFrame()
    if placesTokens {
      switch processor {
      case .roberta(_, let trimming), .byteLevel(let trimming): frame.trimming = trimming
      case .bert, .template: break
      case .sequence: return nil
      }
    }
    guard options.addsSpecialTokens else { return frame }
    // A text of one token shows where texts stand.
    var text = Encoding(special: [(id: 0, text: "")], typeID: 0)
    text.wordIDs = [0]
    let framed = processor.process([text], addsSpecialTokens: true)
    guard let place = framed.wordIDs.firstIndex(of: 0),
      place == framed.wordIDs.lastIndex(of: 0)
    else { return nil }
    let ids = framed.ids.map { UInt32(truncatingIfNeeded: $0) }
    frame.before = Array(ids[..<place])
    frame.after = Array(ids[(place + 1)...])
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

  private func rows(
    _ inputs: ArraySlice<TokenizerInput>, _ frame: RowFrame, _ options: EncodingOptions,
    _ workspace: inout Workspace
  ) throws(CheckpointError) -> TokenRows {
    let splits = options.splitsSpecialTokens ?? splitsSpecialTokens
    var sink = IDSink(parts.model.vocabulary)
    // Tokens are rarely shorter than two bytes.
    sink.makeRoom(for: inputs.reduce(0) { $0 + $1.text.utf8.count / 2 + 8 })
    var rowEnds: [Int] = []
    rowEnds.reserveCapacity(inputs.count)
    for input in inputs {
      if input.pair != nil {
        let encoding = try encode(input, options: options, workspace: &workspace)
        for id in encoding.ids { sink.append(UInt32(truncatingIfNeeded: id)) }
      } else {
        for id in frame.before { sink.append(id) }
        let start = sink.count
        try findTokens(
          of: input.text, splitsSpecial: splits, workspace: &workspace, into: &sink)
        sink.keep(try kept(of: sink.count - start, options), from: start)
        for id in frame.after { sink.append(id) }
      }
      rowEnds.append(sink.count)
    }
    var rows = TokenRows()
    rows.ids = sink.takeIDs()
    rows.rowEnds = rowEnds
    return rows
  }

  private func placedRows(
    _ inputs: ArraySlice<TokenizerInput>, _ frame: RowFrame, _ options: EncodingOptions,
    _ workspace: inout Workspace
  ) throws(CheckpointError) -> TokenRows {
    let splits = options.splitsSpecialTokens ?? splitsSpecialTokens
    let vocabulary = parts.model.vocabulary
    var rows = TokenRows()
    var offsets: [Range<UInt32>] = []
    var sink = PlacedSink()
    for input in inputs {
      if input.pair != nil {
        let encoding = try encode(input, options: options, workspace: &workspace)
        var row = TokenRows(placesTokens: true)
        row.append(encoding)
        rows.ids += row.ids
        offsets += row.offsets ?? []
      } else {
        sink.removeAll()
        try findTokens(
          of: input.text, splitsSpecial: splits, workspace: &workspace, into: &sink)
        let kept = try kept(of: sink.count, options)
        rows.ids += frame.before
        offsets += repeatElement(0..<0, count: frame.before.count)
        let tokens = sink.tokens[kept]
        rows.ids += tokens.lazy.map { sink.id(of: $0, vocabulary) }
        let ranges = tokens.lazy.map { $0.start..<max($0.start, $0.end) }
        if let trimming = frame.trimming {
          offsets += zip(tokens, ranges).enumerated().lazy.map { place, token in
            trimming.trimmed(token.1, sink.text(of: token.0, vocabulary), isFirst: place == 0)
          }
        } else {
          offsets += ranges
        }
        rows.ids += frame.after
        offsets += repeatElement(0..<0, count: frame.after.count)
      }
      rows.rowEnds.append(rows.ids.count)
    }
    rows.offsets = offsets
    return rows
  }
}
