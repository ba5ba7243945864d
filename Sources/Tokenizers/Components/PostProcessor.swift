/// A post-processor of `tokenizer.json`: puts special tokens around one text or a pair.
///
/// Named and defined by tokenizers 0.23.3, `src/processors/`.
indirect enum PostProcessor: Sendable {
  /// `[CLS] A [SEP]`, `[CLS] A [SEP] B [SEP]`, types 0 and 1.
  case bert(SpecialPair)
  /// `<s> A </s>`, `<s> A </s></s> B </s>`, all of type 0.
  case roberta(SpecialPair, trimming: OffsetTrimming?)
  /// Takes white space out of the offsets.
  case byteLevel(trimming: OffsetTrimming?)
  case template(Template)
  case sequence([PostProcessor])

  /// A special token.
  struct Special: Sendable {
    var text: String
    var id: UInt32

    fileprivate func encoding(typeID: Int) -> Encoding {
      Encoding(special: [(Int(id), text)], typeID: typeID)
    }
  }

  /// The special tokens at the beginning, and after each text.
  struct SpecialPair: Sendable {
    var begin: Special
    var end: Special
  }

  /// How many tokens are put in.
  func addedCount(isPair: Bool) -> Int {
    switch self {
    case .bert: isPair ? 3 : 2
    case .roberta: isPair ? 4 : 2
    case .byteLevel: 0
    case .template(let template): template.addedCount(isPair: isPair)
    case .sequence(let processors):
      processors.reduce(0) { $0 + $1.addedCount(isPair: isPair) }
    }
  }

  /// Makes one encoding of one or two.
  func process(_ encodings: [Encoding], addsSpecialTokens: Bool) -> Encoding {
    var encodings = encodings
    for sequence in encodings.indices {
      encodings[sequence].setSequence(sequence)
      for part in encodings[sequence].overflowing.indices {
        encodings[sequence].overflowing[part].setSequence(sequence)
      }
      encodings[sequence].setTypeID(sequence)
    }
    return Self.joined(apply(to: encodings, addsSpecialTokens: addsSpecialTokens))
  }

  /// Several encodings as one.
  static func joined(_ encodings: [Encoding]) -> Encoding {
    guard var result = encodings.first else { return Encoding() }
    result.reserveCapacity(encodings.reduce(0) { $0 + $1.count })
    for encoding in encodings.dropFirst() { result.append(encoding) }
    return result
  }

  private func apply(to encodings: [Encoding], addsSpecialTokens: Bool) -> [Encoding] {
    switch self {
    case .bert(let special):
      return addsSpecialTokens ? Self.surround(encodings, special, isRoberta: false) : encodings
    case .roberta(let special, let trimming):
      var encodings = encodings
      for index in encodings.indices {
        trimming?.apply(to: &encodings[index])
        encodings[index].setTypeID(0)
      }
      return addsSpecialTokens ? Self.surround(encodings, special, isRoberta: true) : encodings
    case .byteLevel(let trimming):
      var encodings = encodings
      for index in encodings.indices {
        trimming?.apply(to: &encodings[index])
        encodings[index].setSequence(index)
      }
      return encodings
    case .template(let template):
      return template.apply(to: encodings, addsSpecialTokens: addsSpecialTokens)
    case .sequence(let processors):
      return processors.reduce(encodings) {
        $1.apply(to: $0, addsSpecialTokens: addsSpecialTokens)
      }
    }
  }

  /// Puts the special tokens around each text, and around each part that overflowed from it.
  private static func surround(
    _ encodings: [Encoding], _ special: SpecialPair, isRoberta: Bool
  ) -> [Encoding] {
    func surrounded(_ text: Encoding, _ sequence: Int) -> Encoding {
      let typeID = isRoberta ? 0 : min(sequence, 1)
      var result = Encoding()
      if sequence == 0 {
        result = special.begin.encoding(typeID: typeID)
      } else if isRoberta {
        result = special.end.encoding(typeID: typeID)
      }
      let start = result.count
      var middle = text
      middle.overflowing = []
      middle.attentionMask = Array(repeating: 1, count: text.count)
      middle.specialTokensMask = Array(repeating: 0, count: text.count)
      if isRoberta { middle.setTypeID(0) }
      result.append(middle)
      result.append(special.end.encoding(typeID: typeID))
      result.sequenceRanges = [min(sequence, 1): start..<start + text.count]
      return result
    }
    return encodings.enumerated().map { sequence, encoding in
      var result = surrounded(encoding, sequence)
      result.overflowing = encoding.overflowing.map { surrounded($0, sequence) }
      return result
    }
  }
}

/// Takes the white space at their ends out of tokens' offsets (pre_tokenizers/byte_level.rs, `process_offsets`).
struct OffsetTrimming: Sendable {
  /// A single space at the start of a text may be one that was put there, and then it has no offset to take out.
  var addsPrefixSpace: Bool

  /// Trims an encoding and what overflowed from it.
  func apply(to encoding: inout Encoding) {
    trim(&encoding)
    for index in encoding.overflowing.indices { trim(&encoding.overflowing[index]) }
  }

  private func trim(_ encoding: inout Encoding) {
    for index in encoding.offsets.indices {
      let range = encoding.offsets[index]
      encoding.offsets[index] = trimmed(
        range, TokenSpaces(encoding.tokens[index]), isFirst: index == 0)
    }
  }

  /// How much white space a token begins and ends with, in scalars.
  struct TokenSpaces: Sendable {
    var leading: UInt32
    var trailing: UInt32

    init(_ token: String) {
      let text = token.unicodeScalars
      leading = UInt32(truncatingIfNeeded: text.prefix(while: isSpace).count)
      trailing = UInt32(truncatingIfNeeded: text.reversed().prefix(while: isSpace).count)
    }
  }

  /// The offsets of a token without its white space.
  @inline(__always)
  func trimmed<Position: FixedWidthInteger>(
    _ range: Range<Position>, _ spaces: TokenSpaces, isFirst: Bool
  ) -> Range<Position> {
    var leading = Int(spaces.leading)
    let trailing = Int(spaces.trailing)
    guard leading > 0 || trailing > 0 else { return range }
    var start = Int(range.lowerBound)
    var end = Int(range.upperBound)
    if leading > 0 {
      if addsPrefixSpace, leading == 1, isFirst || start == 0 { leading = 0 }
      start = min(start + leading, end)
    }
    if trailing > 0, end >= trailing { end = max(end - trailing, start) }
    return Position(truncatingIfNeeded: start)..<Position(truncatingIfNeeded: end)
  }

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value == ByteAlphabet.space || ScalarClasses.of(scalar.value).contains(.whitespace)
  }
}

/// Texts and special tokens in the order that a file states (processors/template.rs).
struct Template: Sendable {
  /// A part of a template.
  enum Piece: Sendable {
    case text(Int, typeID: Int)
    case special([PostProcessor.Special], typeID: Int)
  }

  /// The template for one text.
  var single: [Piece]
  /// The template for a pair.
  var pair: [Piece]

  func addedCount(isPair: Bool) -> Int {
    (isPair ? pair : single).reduce(0) { count, piece in
      if case .special(let tokens, _) = piece { count + tokens.count } else { count }
    }
  }

  func apply(to encodings: [Encoding], addsSpecialTokens: Bool) -> [Encoding] {
    (encodings.count == 2 ? pair : single).compactMap { piece in
      switch piece {
      case .text(let sequence, let typeID):
        guard encodings.indices.contains(sequence) else { return nil }
        var encoding = encodings[sequence]
        encoding.setTypeID(typeID)
        encoding.setSequence(sequence)
        return encoding
      case .special(let tokens, let typeID):
        guard addsSpecialTokens else { return nil }
        return Encoding(special: tokens.map { (Int($0.id), $0.text) }, typeID: typeID)
      }
    }
  }
}
