internal import CheckpointBytes

/// How Python spells a value, shortened, and its text if it is text.
struct Spelling: Sendable {
  /// The longest rendering of a value, and of a finding.
  static let limit = 160

  let rendering: String
  /// The most bytes of a text that can name something: twice those of the longest path that a module can be read from.
  static let longestName = 1 << 13

  /// The whole text, unless it is longer than any name.
  var text: String?
  /// True if Python cannot hash the value.
  var isUnhashable = false

  init(_ rendering: String) { self.rendering = Spelling.shortened(rendering) }

  private init(text: String) {
    // As Python's `repr` chooses its quotes.
    func holds(_ mark: Unicode.Scalar) -> Bool { text.utf8.contains(UInt8(ascii: mark)) }
    let quote = holds("'") && !holds("\"") ? "\"" : "'"
    self.init(quote + singleLine(text, limit: Spelling.limit) + quote)
    self.text = text
  }

  private init(text bytes: some Collection<UInt8>) {
    // Of what is no name only the beginning is shown.
    let isLong = bytes.count > Spelling.longestName
    self.init(
      text: String(decoding: bytes.prefix(isLong ? Spelling.limit : bytes.count), as: UTF8.self))
    if isLong { text = nil }
  }

  /// What an operation spells that makes a number, text or constant.
  init(_ instruction: PickleInstruction) {
    switch instruction.argument {
    case .nothing: self.init(Spelling.constant(instruction.opcode))
    case .integer(let value): self.init(Spelling.words(before: instruction.opcode) + String(value))
    case .unsigned(let value): self.init(Spelling.words(before: instruction.opcode) + String(value))
    case .float(let value): self.init("\(value)")
    case .bytes(let bytes): self.init(bytes, of: instruction.opcode)
    case .line(let line): self.init(line: line, of: instruction.opcode)
    case .twoLines: self.init("?")
    }
  }

  private static func constant(_ opcode: Opcode) -> String {
    switch opcode {
    case .none: "None"
    case .newTrue: "True"
    case .newFalse: "False"
    case .emptyTuple: "()"
    case .nextBuffer: "an out-of-band buffer"
    default: "?"
    }
  }

  private static func words(before opcode: Opcode) -> String {
    switch opcode {
    case .ext1, .ext2, .ext4: "extension code "
    default: ""
    }
  }

  private init(_ bytes: ArraySlice<UInt8>, of opcode: Opcode) {
    switch opcode {
    case .long1, .long4:
      if case .integer(let value) = PickleText.integer(littleEndian: bytes) {
        self.init(String(value))
      } else {
        self.init("an integer of \(bytes.count) bytes")
      }
    case .binUnicode, .shortBinUnicode, .binUnicode8, .binString, .shortBinString:
      self.init(text: bytes)
    default:
      self.init("b" + quoted(String(decoding: bytes.prefix(Spelling.limit), as: UTF8.self)))
      isUnhashable = opcode == .byteArray8
    }
  }

  private init(line: ArraySlice<UInt8>, of opcode: Opcode) {
    guard line.count <= Spelling.longestName else {
      self.init(text: line)
      return
    }
    let text = String(decoding: line, as: UTF8.self)
    switch opcode {
    case .string:
      if let bytes = PickleText.takenBytes(line) {
        self.init(text: bytes)
      } else {
        self.init(text: text)
      }
    case .unicode: self.init(text: PickleText.rawUnicodeEscape(line) ?? text)
    case .persID: self.init("persistent id " + quoted(text))
    default: self.init(singleLine(text, limit: Spelling.limit))
    }
  }

  static func shortened(_ text: String) -> String {
    guard text.utf8.count > limit else { return text }
    return String(text.unicodeScalars.prefix(limit)) + "…"
  }
}
