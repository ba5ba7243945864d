/// What Split and Replace look for: a literal, or one of the regular expressions that this package knows by hand.
///
/// The reference takes any Oniguruma expression. Any other than these is refused when the file is read.
package enum TextPattern: Sendable {
  /// These scalars; never empty.
  case literal([UInt32])
  /// The pattern of GPT-2, see ``GPT2Words``.
  case gpt2Words
  /// `\s`: one white space.
  case whitespace
  /// `\s+`: white space as far as it goes.
  case whitespaceRun
  /// ` {2,}`: two spaces, and more as far as they go.
  case severalSpaces

  /// The pattern that a regular expression means, if it is a known one.
  init?(regularExpression: String) {
    switch ExactScalars(regularExpression) {
    case ExactScalars(GPT2Words.pattern): self = .gpt2Words
    case ExactScalars("\\s"): self = .whitespace
    case ExactScalars("\\s+"): self = .whitespaceRun
    case ExactScalars(" {2,}"): self = .severalSpaces
    default: return nil
    }
  }

  private struct ExactScalars: Equatable {
    let values: [UInt32]
    init(_ text: String) { values = text.scalarValues }
  }

  /// Covers `text` with its matches, leftmost first, and with what lies between them.
  func forEachPart(
    of text: ArraySlice<AlignedScalar>, _ body: (_ part: Range<Int>, _ isMatch: Bool) -> Void
  ) {
    var done = text.startIndex
    var position = text.startIndex
    while position < text.endIndex {
      let end = endOfMatch(in: text, at: position)
      guard end > position else {
        position += 1
        continue
      }
      if done < position { body(done..<position, false) }
      body(position..<end, true)
      position = end
      done = end
    }
    if done < text.endIndex { body(done..<text.endIndex, false) }
  }

  /// Where the match that begins at `position` ends; `position` if none does.
  private func endOfMatch(in text: ArraySlice<AlignedScalar>, at position: Int) -> Int {
    switch self {
    case .literal(let scalars):
      let end = position + scalars.count
      guard end <= text.endIndex else { return position }
      return zip(text[position..<end], scalars).allSatisfy { $0.value == $1 } ? end : position
    case .gpt2Words: return GPT2Words.end(of: text, from: position)
    case .whitespace:
      return ScalarClasses.of(text[position].value).contains(.whitespace) ? position + 1 : position
    case .whitespaceRun:
      let rest = text[position...]
      return rest.firstIndex { !ScalarClasses.of($0.value).contains(.whitespace) } ?? rest.endIndex
    case .severalSpaces:
      let rest = text[position...]
      let end = rest.firstIndex { $0.value != AlignedScalar.space } ?? rest.endIndex
      return end - position < 2 ? position : end
    }
  }
}

/// The words of GPT-2, as a scanner.
enum GPT2Words {
  /// The expression that the scanner follows (`src/encoder.py` of OpenAI's GPT-2; pre_tokenizers/byte_level.rs).
  static let pattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  private static let kinds: ScalarClasses = [.letter, .number, .whitespace]

  @inline(__always)
  private static func kind(_ scalar: AlignedScalar) -> ScalarClasses {
    ScalarClasses.of(scalar.value).intersection(kinds)
  }

  /// Where the word that begins at `start` ends. Every scalar belongs to one.
  static func end(of text: ArraySlice<AlignedScalar>, from start: Int) -> Int {
    let limit = text.endIndex
    if text[start].value == UInt32(UInt8(ascii: "'")) {
      let end = endOfContraction(in: text, from: start)
      if end > start { return end }
    }
    var position = start
    if text[start].value == AlignedScalar.space, start + 1 < limit { position += 1 }
    let kind = kind(text[position])
    if kind != .whitespace {
      repeat { position += 1 } while position < limit && Self.kind(text[position]) == kind
      return position
    }
    position = start + 1
    while position < limit, Self.kind(text[position]) == .whitespace { position += 1 }
    // `\s+(?!\S)`: the last white space before a word belongs to the word, unless it is the only one.
    return position < limit && position - start > 1 ? position - 1 : position
  }

  private static func endOfContraction(in text: ArraySlice<AlignedScalar>, from start: Int) -> Int {
    start
      + contractionLength { offset in
        start + offset < text.endIndex ? text[start + offset].value : 0
      }
  }

  /// How long the contraction is that begins with an apostrophe; 0 if none does.
  @inline(__always)
  static func contractionLength(_ letter: (Int) -> UInt32) -> Int {
    switch letter(1) {
    case 0x73, 0x74, 0x6D, 0x64: 2  // 's 't 'm 'd
    case 0x72 where letter(2) == 0x65: 3  // 're
    case 0x76 where letter(2) == 0x65: 3  // 've
    case 0x6C where letter(2) == 0x6C: 3  // 'll
    default: 0
    }
  }
}
