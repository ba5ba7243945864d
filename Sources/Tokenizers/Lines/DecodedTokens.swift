/// What tokens are decoded to, for decoders that write each token by itself: the same as
/// ``Tokenizer/decode(_:skipSpecialTokens:cleanUp:)``, without a string a token.
struct DecodedTokens: Sendable {
  /// A token's text in `bytes`, as it stands after another token.
  private struct Entry: Sendable {
    var start: UInt32
    var count: UInt32
    /// False for ids without a token.
    var isToken: Bool
    /// True for what `skipSpecialTokens` leaves out.
    var isSpecial: Bool
  }

  /// The texts of all tokens, and room after them.
  private var bytes: [UInt8] = []
  /// By id.
  private var entries: [Entry] = []
  private let tokenizer: Tokenizer
  private let cleansUp: Bool

  /// Nil if a token's text depends on more than whether it is the first, or ids are too far apart for a table.
  init?(_ tokenizer: Tokenizer) {
    guard let decoder = tokenizer.parts.decoder, decoder.writesTokensAlone else { return nil }
    let vocabulary = tokenizer.parts.model.vocabulary
    let greatest = max(vocabulary.ids.max() ?? 0, tokenizer.added.tokens.last?.id ?? 0)
    guard Int(greatest) < 2 * tokenizer.vocabularyCount + 1024 else { return nil }
    self.tokenizer = tokenizer
    cleansUp =
      tokenizer.cleansUp && (tokenizer.cleansBytePairs || !tokenizer.parts.model.isBytePair)
    for id in 0...Int(greatest) {
      let token = tokenizer.token(withID: id)
      let text = token.map { decoder.text(of: Array($0.utf8), isFirst: false) } ?? []
      guard bytes.count + text.count <= Int(UInt32.max) else { return nil }
      entries.append(
        Entry(
          start: UInt32(bytes.count), count: UInt32(text.count), isToken: token != nil,
          isSpecial: token.map { tokenizer.added.isSpecial($0) } ?? false))
      bytes += text
    }
    bytes += repeatElement(0, count: DecodedText.step)
  }

  /// Puts the text of tokens in the place of what is in `text`.
  func write(_ ids: ArraySlice<UInt32>, skipSpecialTokens: Bool, to text: inout DecodedText) {
    text.count = 0
    var rest = ids
    // The first token is written otherwise than those after it.
    while let id = rest.first, entry(of: id, skipSpecialTokens) == nil { rest.removeFirst() }
    if let id = rest.popFirst(), let token = tokenizer.token(withID: Int(id)) {
      text.append(tokenizer.parts.decoder?.text(of: Array(token.utf8), isFirst: true) ?? [])
    }
    let more = rest.reduce(0) { $0 + Int(entry(of: $1, skipSpecialTokens)?.count ?? 0) }
    text.makeRoom(for: more + DecodedText.step)
    for id in rest {
      guard let entry = entry(of: id, skipSpecialTokens) else { continue }
      text.append(bytes, Int(entry.start), Int(entry.count))
    }
    // Byte-level tokens need not be whole scalars.
    if case .byteLevel = tokenizer.parts.decoder { text.repair() }
    guard cleansUp else { return }
    text.replace(by: TextCleanUp.transformers.apply(to: Array(text.bytes[..<text.count])))
  }

  @inline(__always)
  private func entry(of id: UInt32, _ skipSpecialTokens: Bool) -> Entry? {
    guard id < entries.count else { return nil }
    let entry = entries[Int(id)]
    return entry.isToken && !(skipSpecialTokens && entry.isSpecial) ? entry : nil
  }
}

/// Text that is being decoded, in UTF-8, in memory that is kept.
struct DecodedText {
  /// So many bytes are copied at a time, whatever a token has.
  static let step = 16

  /// The text, and room after it.
  private(set) var bytes: [UInt8] = []
  var count = 0

  mutating func makeRoom(for more: Int) {
    guard count + more > bytes.count else { return }
    bytes += repeatElement(0, count: max(more, bytes.count, 256))
  }

  /// Appends other bytes.
  mutating func append(_ source: [UInt8]) {
    bytes.replaceSubrange(count..., with: source)
    count = bytes.count
  }

  /// Appends a part of other bytes. Behind the part there must be a step's length of them, and here room for the part and a
  /// step.
  @inline(__always)
  mutating func append(_ source: [UInt8], _ start: Int, _ length: Int) {
    guard length >= 0, start >= 0, start + length + Self.step <= source.count,
      count + length + Self.step <= bytes.count
    else { return }
    // The guard has seen that the last step ends in both.
    unsafe source.withUnsafeBytes { source in
      unsafe bytes.withUnsafeMutableBytes { bytes in
        var done = 0
        repeat {
          unsafe bytes.storeBytes(
            of: source.loadUnaligned(fromByteOffset: start + done, as: SIMD16<UInt8>.self),
            toByteOffset: count + done, as: SIMD16<UInt8>.self)
          done += Self.step
        } while done < length
      }
    }
    count += length
  }

  /// Takes other text in instead.
  mutating func replace(by text: [UInt8]) {
    bytes = text
    count = text.count
  }

  /// Puts U+FFFD where the bytes are no UTF-8, as decoding does everywhere.
  mutating func repair() {
    var bits: UInt8 = 0
    for byte in bytes[..<count] { bits |= byte }
    guard bits >= 0x80, String(validating: bytes[..<count], as: UTF8.self) == nil else { return }
    replace(by: Array(String(decoding: bytes[..<count], as: UTF8.self).utf8))
  }
}

extension Decoder {
  /// True if a token's text depends on nothing but the token and whether it is the first.
  fileprivate var writesTokensAlone: Bool {
    switch self {
    case .wordPiece, .byteLevel: true
    default: false
    }
  }

  /// The text of a token, for decoders that write tokens alone.
  fileprivate func text(of token: [UInt8], isFirst: Bool) -> [UInt8] {
    // Bytes are repaired where all are together.
    if case .byteLevel = self { return Self.bytes(ofByteLevel: token) }
    return Array(apply(to: isFirst ? [token] : [[], token]).joined())
  }
}
