internal import CheckpointBytes

/// A SentencePiece model (`sentencepiece_model.proto`, a protocol buffer), as far as tokenizers are made of it.
///
/// ```
///  ModelProto   1 pieces (many)   2 trainer_spec   3 normalizer_spec
///  a piece      1 piece: text     2 score: float   3 type
///  trainer      3 model_type                       normalizer   2 precompiled_charsmap
/// ```
struct SentencePieceModel: Sendable {
  /// A token of the vocabulary.
  struct Piece: Sendable {
    var text = ""
    var score: Float = 0
    var type: UInt64 = Piece.normal

    private static let normal: UInt64 = 1
    private static let control: UInt64 = 3
    private static let userDefined: UInt64 = 4

    /// The piece as an added token, if Transformers makes it one.
    var addedToken: AddedToken? {
      guard type == Self.control || type == Self.userDefined else { return nil }
      return AddedToken(text, isNormalized: false, isSpecial: type == Self.control)
    }
  }

  private(set) var pieces: [Piece] = []
  /// What the model was trained as: 1 is Unigram, which is meant where nothing is said.
  private(set) var kind: UInt64 = SentencePieceModel.unigram
  /// What the text is rewritten by; empty if it is not.
  private(set) var characterMap: [UInt8] = []

  static let unigram: UInt64 = 1

  /// Its control symbols and its user's own, which become added tokens.
  var addedTokens: [AddedToken] { pieces.compactMap(\.addedToken) }

  /// Reads a file's content. Fields that are not known are passed over.
  init(_ bytes: [UInt8]) throws(ParseFailure) {
    var message = ProtocolBuffer(bytes)
    while let field = try message.next() {
      switch field.number {
      case 1: pieces.append(try Self.piece(try message.message(field, "pieces")))
      case 2:
        var trainer = try message.message(field, "trainer_spec")
        while let field = try trainer.next() {
          if field.number == 3 { kind = try trainer.number(field, "model_type") }
        }
      case 3:
        var normalizer = try message.message(field, "normalizer_spec")
        while let field = try normalizer.next() {
          guard field.number == 2 else { continue }
          characterMap = Array(try normalizer.bytes(field, "precompiled_charsmap"))
        }
      default: break
      }
    }
  }

  private static func piece(_ message: ProtocolBuffer) throws(ParseFailure) -> Piece {
    var message = message
    var piece = Piece()
    while let field = try message.next() {
      switch field.number {
      case 1: piece.text = try message.text(field, "piece")
      case 2: piece.score = try message.float(field, "score")
      case 3: piece.type = try message.number(field, "type")
      default: break
      }
    }
    return piece
  }
}

/// A message of a protocol buffer, field by field, its bytes bounded by those of the message around it.
struct ProtocolBuffer {
  /// A field: its number, and its value as it is stored.
  struct Field {
    enum Value {
      case varint(UInt64)
      case fixed64
      case fixed32(UInt32)
      case bytes(Range<Int>)
    }

    var number: UInt64
    var value: Value
    /// Where it begins.
    var offset: Int
  }

  private let content: [UInt8]
  private var position: Int
  private let end: Int

  init(_ bytes: [UInt8]) {
    self.init(bytes, 0..<bytes.count)
  }

  private init(_ bytes: [UInt8], _ range: Range<Int>) {
    content = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next field; nil at the end.
  mutating func next() throws(ParseFailure) -> Field? {
    guard position < end else { return nil }
    let offset = position
    let key = try varint()
    let value: Field.Value
    switch key & 7 {
    case 0: value = .varint(try varint())
    case 1:
      _ = try take(8)
      value = .fixed64
    case 2: value = .bytes(try take(Int(clamping: try varint())))
    case 5:
      value = .fixed32(try take(4).reversed().reduce(0) { $0 << 8 | UInt32(content[$1]) })
    default:
      throw ParseFailure(
        .malformed, at: offset, "field", "has the wire type \(key & 7), expected 0, 1, 2 or 5")
    }
    guard key >> 3 > 0 else { throw ParseFailure(.malformed, at: offset, "field", "is number 0") }
    return Field(number: key >> 3, value: value, offset: offset)
  }

  func number(_ field: Field, _ name: String) throws(ParseFailure) -> UInt64 {
    guard case .varint(let number) = field.value else { throw Self.wrongType(field, name) }
    return number
  }

  func float(_ field: Field, _ name: String) throws(ParseFailure) -> Float {
    guard case .fixed32(let bits) = field.value else { throw Self.wrongType(field, name) }
    return Float(bitPattern: bits)
  }

  func bytes(_ field: Field, _ name: String) throws(ParseFailure) -> ArraySlice<UInt8> {
    guard case .bytes(let range) = field.value else { throw Self.wrongType(field, name) }
    return content[range]
  }

  func text(_ field: Field, _ name: String) throws(ParseFailure) -> String {
    guard let text = String(validating: try bytes(field, name), as: UTF8.self) else {
      throw ParseFailure(.malformed, at: field.offset, name, "is not UTF-8")
    }
    return text
  }

  func message(_ field: Field, _ name: String) throws(ParseFailure) -> ProtocolBuffer {
    guard case .bytes(let range) = field.value else { throw Self.wrongType(field, name) }
    return ProtocolBuffer(content, range)
  }

  private static func wrongType(_ field: Field, _ name: String) -> ParseFailure {
    ParseFailure(.malformed, at: field.offset, name, "is stored as another type")
  }

  private mutating func take(_ count: Int) throws(ParseFailure) -> Range<Int> {
    guard count <= end - position else {
      throw ParseFailure(
        .truncated, at: position, "field", "expected \(count) bytes, found \(end - position)")
    }
    defer { position += count }
    return position..<position + count
  }

  private mutating func varint() throws(ParseFailure) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      let byte = content[try take(1).lowerBound]
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw ParseFailure(.malformed, at: start, "number", "has more than ten bytes")
  }
}
