package import CheckpointBytes

extension LineBlock {
  /// The texts of lines that are JSON objects, `{"text": …, "pair": …}` (or `"text_pair"`), with or without other members; empty
  /// lines are passed over.
  ///
  /// - Parameter file: What errors call the file.
  /// - Throws: `malformed` if a line is no such object, with its number and where in the file.
  package func inputs(file: String) throws(CheckpointError) -> [TokenizerInput] {
    var inputs: [TokenizerInput] = []
    try forEachLine { (range, number) throws(CheckpointError) in
      inputs.append(try input(range, number, file))
    }
    return inputs
  }

  private func input(
    _ range: Range<Int>, _ number: Int, _ file: String
  ) throws(CheckpointError) -> TokenizerInput {
    let context = "line \(number)"
    let line = Array(bytes[range])
    let (text, pair): (JSONValue?, JSONValue?)
    do throws(CheckpointError) {
      (text, pair) = try locating(file: file) { () throws(ParseFailure) in
        try Self.members(line, context, base: offset + range.lowerBound)
      }
    } catch {
      var explained = error
      explained.remedy = "each line is a JSON object, {\"text\": …}; plain texts are arguments"
      throw explained
    }
    guard let text = text?.string, pair == nil || pair?.string != nil else {
      throw CheckpointError(
        .malformed, file: file, offset: offset + range.lowerBound, field: context,
        "expected {\"text\": …, \"pair\": …} with strings")
    }
    return TokenizerInput(text, pair: pair?.string)
  }

  /// The two members that count; the others are read too, for a line must be JSON as a whole.
  private static func members(
    _ line: [UInt8], _ context: String, base: Int
  ) throws(ParseFailure) -> (text: JSONValue?, pair: JSONValue?) {
    var reader = JSONReader(line, context: context, base: base)
    guard try reader.peekKind() == .object else {
      _ = try JSONValue(&reader, context: context)
      try reader.readEnd()
      return (nil, nil)
    }
    var text: JSONValue?
    var pair: JSONValue?
    var otherPair: JSONValue?
    var others: Set<ExactName> = []
    try reader.readObject { (key, reader) throws(ParseFailure) in
      let isNew =
        switch key {
        case Self.textKey: text == nil
        case Self.pairKey: pair == nil
        case Self.otherPairKey: otherPair == nil
        default: others.insert(key).inserted
        }
      guard isNew else {
        throw ParseFailure(
          .malformed, at: reader.offset, context, "the key \(quoted(key.string)) occurs twice")
      }
      let value = try JSONValue(&reader, context: context)
      switch key {
      case Self.textKey: text = value
      case Self.pairKey: pair = value
      case Self.otherPairKey: otherPair = value
      default: break
      }
    }
    try reader.readEnd()
    if pair == .null { pair = nil }
    if otherPair == .null { otherPair = nil }
    return (text, pair ?? otherPair)
  }

  private static let textKey = ExactName("text")
  private static let pairKey = ExactName("pair")
  private static let otherPairKey = ExactName("text_pair")
}
