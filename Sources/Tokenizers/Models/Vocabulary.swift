internal import CheckpointBytes

/// The tokens of a model: text to id and back.
///
/// Inside, a token is known by its index, which is dense; ids are what the file says, up to 2³² − 1 and with any gaps. Text
/// is compared by scalars.
struct Vocabulary: Sendable {
  /// The text of each token, by index.
  private(set) var texts: [String] = []
  /// The id of each token, by index.
  private(set) var ids: [UInt32] = []

  /// True if every token's id is its index.
  private(set) var idsAreIndices = true

  /// Empty as long as ids are indices.
  private var indexOfID: [UInt32: UInt32] = [:]
  private var table: TextTable

  /// A vocabulary without tokens, of which about so many are to come.
  init(expecting count: Int = 0) {
    table = TextTable(expecting: count)
    texts.reserveCapacity(count)
    ids.reserveCapacity(count)
  }

  /// How many tokens there are.
  var count: Int { texts.count }

  /// Why a token cannot be added.
  enum Conflict: Error, Equatable {
    /// The text is there already.
    case repeatedText
    /// Another token has the id.
    case repeatedID(by: String)
    /// More tokens than indices are kept for.
    case tooMany
    /// The token is longer than any may be.
    case tooLong
  }

  /// Adds a token.
  mutating func add(_ text: String, id: UInt32) throws(Conflict) {
    try requireRoom(for: text)
    let index = UInt32(texts.count)
    if let other = self.index(ofID: id) { throw .repeatedID(by: texts[Int(other)]) }
    let other = table.insert(text.utf8Span.span, index) { texts[Int($0)] }
    guard other == nil else { throw .repeatedText }
    if idsAreIndices, id != index {
      idsAreIndices = false
      for known in 0..<index { indexOfID[known] = known }
    }
    if !idsAreIndices { indexOfID[id] = index }
    texts.append(text)
    ids.append(id)
  }

  /// Adds a token whose id is its index. Of tokens with one text the last one is found by it, and the others only by their
  /// ids (`Unigram::from`, models/unigram/model.rs).
  mutating func append(_ text: String) throws(Conflict) {
    try requireRoom(for: text)
    let index = UInt32(texts.count)
    _ = table.insert(text.utf8Span.span, index, replacing: true) { texts[Int($0)] }
    texts.append(text)
    ids.append(index)
  }

  /// The most bytes of a token: what a text is compared with from each of its letters on may be as long.
  static let longestToken = 4_000

  private func requireRoom(for text: String) throws(Conflict) {
    guard texts.count < Int(Int32.max) else { throw .tooMany }
    guard text.utf8.count <= Vocabulary.longestToken else { throw .tooLong }
  }

  /// The index of the token with this text.
  func index(of text: String) -> UInt32? {
    index(ofUTF8: text.utf8Span.span)
  }

  /// The index of the token whose text is this UTF-8.
  func index(ofUTF8 text: Span<UInt8>) -> UInt32? {
    table.number(of: text) { texts[Int($0)] }
  }

  /// The index of the token with these scalars.
  func index(of scalars: some Sequence<UInt32>) -> UInt32? {
    var text: [UInt8] = []
    for value in scalars {
      guard let utf8 = Unicode.Scalar(value).flatMap(UTF8.encode) else { return nil }
      text += utf8
    }
    return index(ofUTF8: text.span)
  }

  /// The index of the token with this id.
  func index(ofID id: UInt32) -> UInt32? {
    idsAreIndices ? (id < ids.count ? id : nil) : indexOfID[id]
  }

  /// The tokens that stand for bytes, `<0x00>` to `<0xFF>`.
  var byteIndices: [UInt32?] {
    (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return index(of: "<0x" + (byte < 16 ? "0" : "") + digits + ">")
    }
  }
}
