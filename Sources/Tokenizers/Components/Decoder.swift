/// A decoder of `tokenizer.json`: turns tokens back into text. Tokens are bytes here, mostly UTF-8.
///
/// Named and defined by tokenizers 0.23.3, `src/decoders/`.
indirect enum Decoder: Sendable {
  /// Words joined by spaces; tokens with the prefix continue the word before them.
  case wordPiece(prefix: [UInt8], cleansUp: Bool)
  case byteLevel
  /// Words end with the suffix.
  case bytePair(suffix: [UInt8])
  case metaspace(Metaspace)
  case replace([UInt8], by: [UInt8])
  case fuse
  /// A scalar taken off the ends of tokens, so many times at most.
  case strip(UInt32, start: Int, end: Int)
  /// Tokens such as `<0x0A>` are bytes.
  case byteFallback
  case sequence([Decoder])

  /// How many times longer a token becomes at most by what is put in place of other text.
  var growth: Double {
    switch self {
    case .replace(let pattern, let content): max(1, Double(content.count) / Double(pattern.count))
    case .sequence(let decoders): decoders.reduce(1) { $0 * $1.growth }
    default: 1
    }
  }

  /// True if tokens such as `<0x0A>` are joined to text.
  var joinsBytes: Bool {
    switch self {
    case .byteFallback: true
    case .sequence(let decoders): decoders.contains(where: \.joinsBytes)
    default: false
    }
  }

  /// The most of it, as of a normalizer: real ones put a space in place of a mark.
  static let mostGrowth = 64.0

  /// The tokens rewritten; joined they are the text.
  func apply(to tokens: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .wordPiece(let prefix, let cleansUp):
      return tokens.enumerated().map { index, token in
        var text = token
        if index > 0 {
          text = token.starts(with: prefix) ? Array(token.dropFirst(prefix.count)) : [0x20] + token
        }
        return cleansUp ? TextCleanUp.wordPiece.apply(to: text) : text
      }
    case .byteLevel:
      return [Self.repaired(tokens.flatMap(Self.bytes(ofByteLevel:)))]
    case .bytePair(let suffix):
      return tokens.enumerated().map { index, token in
        token.replacing(suffix, by: index == tokens.count - 1 ? [] : [0x20])
      }
    case .metaspace(let metaspace):
      return tokens.enumerated().map { index, token in
        let dropsSpace = index == 0 && metaspace.prepending != .never
        return token.replacing(
          metaspace.replacement.utf8Bytes, by: dropsSpace ? [] : [0x20])
      }
    case .replace(let pattern, let content):
      return tokens.map { $0.replacing(pattern, by: content) }
    case .fuse: return [Array(tokens.joined())]
    case .strip(let scalar, let start, let end):
      return tokens.map { Self.stripped($0, scalar.utf8Bytes, start: start, end: end) }
    case .byteFallback: return Self.joinBytes(tokens)
    case .sequence(let decoders):
      return decoders.reduce(tokens) { $1.apply(to: $0) }
    }
  }

  /// The bytes of a byte-level token; its own if it is written in another alphabet, as added tokens are.
  static func bytes(ofByteLevel token: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(token.count)
    for scalar in String(decoding: token, as: UTF8.self).unicodeScalars {
      guard let byte = ByteAlphabet.byte(scalar.value) else { return token }
      bytes.append(byte)
    }
    return bytes
  }

  /// UTF-8, with U+FFFD for what is none.
  private static func repaired(_ bytes: [UInt8]) -> [UInt8] {
    Array(String(decoding: bytes, as: UTF8.self).utf8)
  }

  private static func stripped(
    _ token: [UInt8], _ scalar: [UInt8], start: Int, end: Int
  ) -> [UInt8] {
    var rest = token[...]
    var left = start
    while left > 0, rest.starts(with: scalar) {
      rest = rest.dropFirst(scalar.count)
      left -= 1
    }
    left = end
    while left > 0, rest.count >= scalar.count, rest.suffix(scalar.count).elementsEqual(scalar) {
      rest = rest.dropLast(scalar.count)
      left -= 1
    }
    return Array(rest)
  }

  /// Runs of byte tokens become text if they are UTF-8, and otherwise a U+FFFD for each.
  private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var pending: [UInt8] = []
    func endRun() {
      guard !pending.isEmpty else { return }
      if String(validating: pending, as: UTF8.self) != nil {
        result.append(pending)
      } else {
        result += Array(repeating: [0xEF, 0xBF, 0xBD], count: pending.count)
      }
      pending = []
    }
    for token in tokens {
      if let byte = byte(ofFallback: token) {
        pending.append(byte)
      } else {
        endRun()
        result.append(token)
      }
    }
    endRun()
    return result
  }

  /// The byte that `<0x0A>` stands for.
  static func byte(ofFallback token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: [0x3C, 0x30, 0x78]), token[5] == 0x3E,
      token[3] != UInt8(ascii: "-")
    else { return nil }
    // As Rust reads it: a plus may stand before one digit.
    let digits = String(decoding: token[3..<5], as: UTF8.self)
    return UInt8(digits, radix: 16)
  }
}

/// Spaces taken out before punctuation and English contractions.
struct TextCleanUp: Sendable {
  private let replacements: [(from: [UInt8], to: [UInt8])]

  /// What the decoder WordPiece does to each token (decoders/wordpiece.rs).
  static let wordPiece = TextCleanUp(withDoNot: true)
  /// What Transformers 5.23 does to the whole text (`clean_up_tokenization`).
  static let transformers = TextCleanUp(withDoNot: false)

  private init(withDoNot: Bool) {
    var pairs = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
      (" 'm", "'m"),
    ]
    if withDoNot { pairs.append((" do not", " don't")) }
    pairs += [(" 's", "'s"), (" 've", "'ve"), (" 're", "'re")]
    replacements = pairs.map { (Array($0.utf8), Array($1.utf8)) }
  }

  func apply(to text: [UInt8]) -> [UInt8] {
    guard text.contains(0x20) else { return text }
    return replacements.reduce(text) { $0.replacing($1.from, by: $1.to) }
  }
}

extension UInt32 {
  /// The scalar in UTF-8; nothing for what is no scalar.
  fileprivate var utf8Bytes: [UInt8] {
    Unicode.Scalar(self).flatMap { UTF8.encode($0) }.map(Array.init) ?? []
  }
}

extension [UInt8] {
  /// Every occurrence replaced, leftmost first. An empty pattern occurs nowhere.
  func replacing(_ pattern: [UInt8], by content: [UInt8]) -> [UInt8] {
    guard let first = pattern.first, count >= pattern.count else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(count)
    var index = 0
    while index < count {
      if self[index] == first, self[index...].starts(with: pattern) {
        result += content
        index += pattern.count
      } else {
        result.append(self[index])
        index += 1
      }
    }
    return result
  }
}
