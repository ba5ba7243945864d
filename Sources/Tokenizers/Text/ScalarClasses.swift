/// What kind of scalar something is, as the components of the reference library see it (tokenizers 0.23.3).
///
/// The library asks several sources, each of its own Unicode version: Rust's standard library for white space and
/// numbers, the crate `unicode_categories` for punctuation, marks and control, `regex` for words, and Oniguruma for the
/// letters and numbers of the GPT-2 pattern. Hence two properties for what looks like one.
struct ScalarClasses: OptionSet, Sendable {
  let rawValue: UInt16

  init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// White space, for all of them.
  static let whitespace = ScalarClasses(rawValue: 1 << 0)
  /// What `clean_text` of BertNormalizer removes: control, format, private use, NUL, U+FFFD.
  static let cleaned = ScalarClasses(rawValue: 1 << 1)
  /// What `strip_accents` of BertNormalizer removes after decomposition: nonspacing marks.
  static let accent = ScalarClasses(rawValue: 1 << 2)
  /// What the normalizer StripAccents removes: all marks.
  static let mark = ScalarClasses(rawValue: 1 << 3)
  /// Punctuation of BertPreTokenizer and Punctuation.
  static let punctuation = ScalarClasses(rawValue: 1 << 4)
  /// What Digits splits at.
  static let numeric = ScalarClasses(rawValue: 1 << 5)
  /// `\w`: the words of Whitespace and of added tokens that are single words.
  static let word = ScalarClasses(rawValue: 1 << 6)
  /// `\p{L}` of the GPT-2 pattern.
  static let letter = ScalarClasses(rawValue: 1 << 7)
  /// `\p{N}` of the GPT-2 pattern.
  static let number = ScalarClasses(rawValue: 1 << 8)

  /// A CJK ideograph in the ranges that BERT names (`is_chinese_char`, normalizers/bert.rs): not all of Unicode's, and
  /// no Hangul or kana.
  static func isIdeograph(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }

  /// The classes of a scalar; none for what is no scalar.
  static func of(_ scalar: UInt32) -> ScalarClasses {
    ScalarClasses(rawValue: table[scalar])
  }

  private static let table = BlockTable(UnicodeTables.classes)
}

/// A small number for each scalar, in blocks of 256, equal ones of one number kept once.
struct BlockTable: Sendable {
  private var blockStarts: [UInt32] = []
  private var numbers: [UInt16] = []

  /// Reads runs of scalars from 0 on: count, number.
  init(_ text: String) {
    var uniform: [UInt16: UInt32] = [:]
    var block: [UInt16] = []
    block.reserveCapacity(256)
    var runs = HexadecimalNumbers(text)
    while let count = runs.next(), let value = runs.next() {
      let value = UInt16(truncatingIfNeeded: value)
      var left = Int(count)
      while left > 0 {
        let taken = min(left, 256 - block.count)
        block.append(contentsOf: repeatElement(value, count: taken))
        left -= taken
        guard block.count == 256 else { continue }
        let isUniform = taken == 256
        if isUniform, let start = uniform[value] {
          blockStarts.append(start)
        } else {
          if isUniform { uniform[value] = UInt32(numbers.count) }
          blockStarts.append(UInt32(numbers.count))
          numbers += block
        }
        block.removeAll(keepingCapacity: true)
      }
    }
  }

  /// The number of a scalar; 0 for what is no scalar.
  subscript(scalar: UInt32) -> UInt16 {
    let block = Int(scalar >> 8)
    guard block < blockStarts.count else { return 0 }
    return numbers[Int(blockStarts[block]) + Int(scalar & 0xFF)]
  }
}

/// The numbers of a generated table: hexadecimal, between white space.
struct HexadecimalNumbers: IteratorProtocol {
  private var bytes: String.UTF8View.Iterator

  init(_ text: String) {
    bytes = text.utf8.makeIterator()
  }

  mutating func next() -> UInt32? {
    var number: UInt32?
    while let byte = bytes.next() {
      guard byte > 0x20 else {
        if number != nil { break }
        continue
      }
      let digit = byte < UInt8(ascii: "a") ? byte &- UInt8(ascii: "0") : byte &- 87
      number = (number ?? 0) << 4 | UInt32(digit)
    }
    return number
  }
}
