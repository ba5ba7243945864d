internal import CheckpointBytes

/// The header of a `.npy` file (`numpy/lib/_format_impl.py`, numpy 2.4): which types its elements have, and where they begin.
///
/// ```
/// 93 'NUMPY' │ major, minor │ length: u16, from version 2 on u32 │ {'descr': …, 'fortran_order': …, 'shape': (…), }
/// ```
struct NumpyHeader {
  /// Where the elements begin.
  let dataOffset: Int
  /// The number of bytes of the elements; nil if one of them may be a Python object, and a pickle follows.
  let byteCount: Int?

  /// numpy itself refuses headers of more than 10,000 bytes unless it is told to trust the file.
  private static let lengthLimit = 1 << 20

  static func begins(_ prefix: [UInt8]) -> Bool {
    prefix.count >= 10 && prefix[0] == 0x93 && prefix[1...].starts(with: "NUMPY".utf8)
  }

  /// Reads the header of bytes that begin as one.
  init(_ source: any ByteSource) throws(ParseFailure) {
    let field = "npy header"
    func bytes(_ offset: Int, _ count: Int) throws(ParseFailure) -> [UInt8] {
      guard let bytes = try? source.bytes(at: offset, count: count) else {
        throw ParseFailure(.truncated, at: offset, field, "expected \(count) bytes")
      }
      return bytes
    }
    let version = try bytes(6, 1)[0]
    guard (1...3).contains(version) else {
      throw ParseFailure(.unsupported, at: 6, field, "version \(version), 1 to 3 are known")
    }
    let width = version == 1 ? 2 : 4
    let length = try bytes(8, width).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= NumpyHeader.lengthLimit else {
      throw ParseFailure(.limitExceeded, at: 8, field, "has \(length) bytes")
    }
    dataOffset = 8 + width + length
    var reader = PythonLiteral.Reader(try bytes(8 + width, length))
    guard case .dictionary(let entries)? = reader.read(), reader.isAtEnd,
      let descr = entries.last(where: { $0.key == .text("descr") })?.value,
      case .sequence(let extents)? = entries.last(where: { $0.key == .text("shape") })?.value
    else {
      throw ParseFailure(.malformed, at: 8 + width, field, "is no dictionary of descr and shape")
    }
    guard let size = NumpyHeader.size(of: descr, depth: 0) else {
      byteCount = nil
      return
    }
    var total = size
    for extent in extents {
      guard case .number(let count) = extent, count >= 0 else {
        throw ParseFailure(.malformed, at: 8 + width, field, "the shape is no shape")
      }
      let (product, overflow) = total.multipliedReportingOverflow(by: count)
      guard !overflow else {
        throw ParseFailure(.malformed, at: 8 + width, field, "the shape overflows")
      }
      total = product
    }
    byteCount = total
  }

  /// The size of an element in bytes; nil if it is not surely made of numbers and text.
  private static func size(of descr: PythonLiteral, depth: Int) -> Int? {
    switch descr {
    case .text(let text): return size(of: text)
    case .sequence(let fields):
      var total = 0
      for field in fields {
        guard case .sequence(let parts) = field, parts.count == 2 || parts.count == 3,
          var size = size(of: parts[1], depth: depth + 1)
        else { return nil }
        if parts.count == 3 {
          let extents: [PythonLiteral]
          if case .sequence(let list) = parts[2] { extents = list } else { extents = [parts[2]] }
          for extent in extents {
            guard case .number(let count) = extent, count >= 0,
              case let (product, overflow) = size.multipliedReportingOverflow(by: count), !overflow
            else { return nil }
            size = product
          }
        }
        let (sum, overflow) = total.addingReportingOverflow(size)
        guard !overflow else { return nil }
        total = sum
      }
      return total
    default: return nil
    }
  }

  /// The size of a type as numpy spells it: `<f4`, `|V2`, `<U10`, `<M8[ns]`.
  private static func size(of text: String) -> Int? {
    var rest = text.utf8[...]
    guard let order = rest.popFirst(), "<>|=".utf8.contains(order), let kind = rest.popFirst(),
      "biufcmMSUV".utf8.contains(kind)
    else { return nil }
    let digits = rest.prefix { (0x30...0x39).contains($0) }
    rest = rest.dropFirst(digits.count)
    guard let count = Int(Substring(digits)), count < 1 << 40 else { return nil }
    let isTime = kind == UInt8(ascii: "m") || kind == UInt8(ascii: "M")
    guard
      rest.isEmpty || (isTime && rest.first == UInt8(ascii: "[") && rest.last == UInt8(ascii: "]"))
    else { return nil }
    return kind == UInt8(ascii: "U") ? count * 4 : count
  }
}

/// A value in Python's spelling, of the kinds that a `.npy` header has.
enum PythonLiteral: Hashable {
  case text(String)
  case number(Int)
  case constant(String)
  /// A tuple or a list.
  case sequence([PythonLiteral])
  case dictionary([Entry])

  struct Entry: Hashable {
    let key: PythonLiteral
    let value: PythonLiteral
  }

  /// Reads values from bytes.
  struct Reader {
    private var rest: ArraySlice<UInt8>
    private var depth = 0

    /// Structured types lie in one another about as deep as a program's classes.
    private static let maximumDepth = 32

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// True if nothing but white space is left.
    var isAtEnd: Bool { rest.allSatisfy { $0 == 0x20 || $0 == 0x0A } }

    private mutating func skipSpace() { rest = rest.drop { $0 == 0x20 || $0 == 0x0A } }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
      skipSpace()
      guard rest.first == UInt8(ascii: character) else { return false }
      rest.removeFirst()
      return true
    }

    /// The next value; nil if it is none of the known kinds.
    mutating func read() -> PythonLiteral? {
      skipSpace()
      guard let first = rest.first, depth < Reader.maximumDepth else { return nil }
      switch first {
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        rest.removeFirst()
        let text = rest.prefix { $0 != first }
        // Names with escapes are not taken apart.
        guard !text.contains(UInt8(ascii: "\\")), text.endIndex < rest.endIndex else { return nil }
        rest = rest[(text.endIndex + 1)...]
        return .text(String(decoding: text, as: UTF8.self))
      case UInt8(ascii: "("): return sequence("(", ")")
      case UInt8(ascii: "["): return sequence("[", "]")
      case UInt8(ascii: "{"): return dictionary()
      case 0x30...0x39:
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest = rest.dropFirst(digits.count)
        // Python 2 wrote long extents as `3L`.
        if rest.first == UInt8(ascii: "L") { rest.removeFirst() }
        return Int(String(decoding: digits, as: UTF8.self)).map { .number($0) }
      default:
        let word = rest.prefix { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
        guard !word.isEmpty else { return nil }
        rest = rest.dropFirst(word.count)
        return .constant(String(decoding: word, as: UTF8.self))
      }
    }

    private mutating func sequence(
      _ open: Unicode.Scalar, _ close: Unicode.Scalar
    ) -> PythonLiteral? {
      guard take(open) else { return nil }
      depth += 1
      defer { depth -= 1 }
      var elements: [PythonLiteral] = []
      while !take(close) {
        guard elements.isEmpty || take(",") else { return nil }
        if take(close) { break }
        guard let element = read() else { return nil }
        elements.append(element)
      }
      return .sequence(elements)
    }

    private mutating func dictionary() -> PythonLiteral? {
      guard take("{") else { return nil }
      depth += 1
      defer { depth -= 1 }
      var entries: [Entry] = []
      while !take("}") {
        guard entries.isEmpty || take(",") else { return nil }
        if take("}") { break }
        guard let key = read(), take(":"), let value = read() else { return nil }
        entries.append(Entry(key: key, value: value))
      }
      return .dictionary(entries)
    }
  }
}
