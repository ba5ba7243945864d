package import CheckpointBytes

/// Writes what texts become as lines of JSON, an object a text.
package struct TokenLines: Sendable {
  /// What may be said of a text, by the names that stand in the lines.
  package enum Field: String, Sendable, CaseIterable {
    /// The tokens' ids.
    case ids
    /// Which part of its text each token stands for, `[start, end]` in Unicode scalars.
    case offsets
    /// Which text each token is of, as models want it.
    case typeIDs = "type_ids"
    /// 1 for tokens, 0 for padding.
    case attentionMask = "attention_mask"
    /// What the ids are decoded to.
    case decoded
    /// The same without special tokens.
    case decodedSkip = "decoded_skip"
  }

  private let tokenizer: Tokenizer
  private let options: EncodingOptions
  private let fields: [Field]
  /// What stands before each field's value.
  private let heads: [[UInt8]]
  /// What stands around texts that stand alone and are not filled up.
  private let frame: Tokenizer.RowFrame?
  /// What tokens are decoded to; nil if they must be decoded together, or are not wanted.
  private let decoded: DecodedTokens?

  /// - Parameters:
  ///   - options: Padding to the longest fills up to the longest of the inputs that are written at once.
  ///   - fields: What is written of each text, in this order.
  package init(_ tokenizer: Tokenizer, options: EncodingOptions, fields: [Field]) {
    self.tokenizer = tokenizer
    self.options = options
    self.fields = fields
    heads = fields.enumerated().map { place, field in
      Array("\(place == 0 ? "{" : ",")\"\(field.rawValue)\":".utf8)
    }
    frame = tokenizer.rowFrame(fields.contains(.offsets), options)
    let decodes = fields.contains(.decoded) || fields.contains(.decodedSkip)
    decoded = decodes ? DecodedTokens(tokenizer) : nil
  }

  /// Appends a line for each input, on the thread that calls.
  ///
  /// - Throws: what ``Tokenizer/encode(_:pair:options:)`` throws, for the first input that it throws for.
  package func write(
    _ inputs: [TokenizerInput], to writer: inout JSONWriter
  ) throws(CheckpointError) {
    var text = DecodedText()
    guard let frame else {
      for encoding in try tokenizer.encodeBatch(inputs, options: options) {
        write(Row(encoding), &text, to: &writer)
      }
      return
    }
    var workspace = tokenizer.workspaces.take()
    defer { tokenizer.workspaces.giveBack(workspace) }
    var start = 0
    while start < inputs.count {
      // Pairs are told apart by their types, which rows do not have.
      if inputs[start].pair != nil {
        let encoding = try tokenizer.encode(
          inputs[start], options: options, workspace: &workspace)
        write(Row(encoding), &text, to: &writer)
        start += 1
        continue
      }
      let end = inputs[start...].firstIndex { $0.pair != nil } ?? inputs.count
      let rows = try tokenizer.rows(inputs[start..<end], frame, options, &workspace)
      for row in 0..<rows.count {
        let range = rows.range(ofRow: row)
        write(
          Row(ids: rows.ids[range], offsets: rows.offsets?[range] ?? [], frame), &text,
          to: &writer)
      }
      start = end
    }
  }

  /// A text's tokens.
  private struct Row {
    let ids: ArraySlice<UInt32>
    let offsets: ArraySlice<Range<UInt32>>
    /// The types, unless the frame tells them.
    let types: [UInt32]
    /// Nil if nothing is filled up.
    let mask: [UInt32]?
    let frame: Tokenizer.RowFrame?

    init(
      ids: ArraySlice<UInt32>, offsets: ArraySlice<Range<UInt32>>, _ frame: Tokenizer.RowFrame
    ) {
      self.ids = ids
      self.offsets = offsets
      self.frame = frame
      types = []
      mask = nil
    }

    init(_ encoding: Encoding) {
      func narrow(_ number: Int) -> UInt32 { UInt32(truncatingIfNeeded: number) }
      ids = encoding.ids.map(narrow)[...]
      offsets = encoding.offsets.map { narrow($0.lowerBound)..<narrow($0.upperBound) }[...]
      types = encoding.typeIDs.map(narrow)
      mask = encoding.attentionMask.map(narrow)
      frame = nil
    }
  }

  private func write(_ row: Row, _ text: inout DecodedText, to writer: inout JSONWriter) {
    for (place, field) in fields.enumerated() {
      writer.writeRaw(utf8: heads[place])
      switch field {
      case .ids: writer.write(integers: row.ids.span)
      case .offsets: writer.write(ranges: row.offsets.span)
      case .typeIDs: writeTypes(of: row, to: &writer)
      case .attentionMask:
        if let mask = row.mask {
          writer.write(integers: mask.span)
        } else {
          writer.write(repeating: 1, count: row.ids.count)
        }
      case .decoded: write(decoded: row.ids, skipSpecialTokens: false, &text, to: &writer)
      case .decodedSkip: write(decoded: row.ids, skipSpecialTokens: true, &text, to: &writer)
      }
    }
    writer.writeRaw(fields.isEmpty ? "{}\n" : "}\n")
  }

  private func writeTypes(of row: Row, to writer: inout JSONWriter) {
    guard let frame = row.frame else { return writer.write(integers: row.types.span) }
    if frame.typesAreAlike {
      return writer.write(repeating: frame.typeOfText, count: row.ids.count)
    }
    let inText = row.ids.count - frame.typesBefore.count - frame.typesAfter.count
    let types =
      frame.typesBefore + repeatElement(frame.typeOfText, count: max(0, inText))
      + frame.typesAfter
    writer.write(integers: types.span)
  }

  private func write(
    decoded ids: ArraySlice<UInt32>, skipSpecialTokens: Bool, _ text: inout DecodedText,
    to writer: inout JSONWriter
  ) {
    if let decoded {
      decoded.write(ids, skipSpecialTokens: skipSpecialTokens, to: &text)
      writer.write(utf8: text.bytes.span.extracting(..<text.count))
    } else {
      writer.write(
        string: tokenizer.decode(ids.map { Int($0) }, skipSpecialTokens: skipSpecialTokens))
    }
  }
}
