public import CheckpointBytes
public import TensorValues

/// How the elements of an attribute are stored. Every attribute has one; most are what the value alone gives
/// (``HDF5Attribute/type``).
public enum HDF5AttributeType: Sendable, Hashable {
  /// Numbers, h5py's booleans and complex numbers included.
  case number(DType, ByteOrder)
  /// Integers with names.
  case enumeration(DType, ByteOrder, members: [Member])
  /// Text.
  case text(Text)

  /// A name of an enumeration and what it stands for.
  public struct Member: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The integer; one of unsigned 64 bits as its bit pattern.
    public let value: Int64

    /// Makes a member.
    public init(_ name: String, _ value: Int64) {
      self.name = name
      self.value = value
    }
  }

  /// Text of fixed or variable length (HDF5 specification IV.A.2.d, classes 3 and 9).
  public struct Text: Sendable, Hashable {
    /// What follows a text that is shorter than its place.
    public enum Padding: String, Sendable, Hashable, CaseIterable {
      case nullTerminated = "null-terminated"
      case nullPadded = "null-padded"
      case spacePadded = "space-padded"
    }

    /// True if the file says UTF-8, false for ASCII; writers do not always keep to that.
    public var isUTF8: Bool
    /// The bytes that each text takes; nil for variable length.
    public var byteCount: Int?
    /// The padding of fixed length; `nullTerminated` for variable length.
    public var padding: Padding

    /// Makes a type of text.
    public init(isUTF8: Bool, byteCount: Int? = nil, padding: Padding = .nullTerminated) {
      self.isUTF8 = isUTF8
      self.byteCount = byteCount
      self.padding = padding
    }

    /// UTF-8 of variable length, as h5py writes `str`.
    public static let variable = Text(isUTF8: true)
  }
}

// MARK: As inert values

extension HDF5AttributeType {
  /// The type as inert data: `"I8"`, `"big-endian F32"`, `"ASCII text"`, `"UTF-8 text, 12 bytes, null-padded"`; an
  /// enumeration is a dictionary of `enumeration`, its integers' type, and `members`.
  public var inert: InertValue {
    switch self {
    case .number(let dtype, let order): .string(Self.words(dtype, order))
    case .enumeration(let dtype, let order, let members):
      .dictionary([
        ("enumeration", .string(Self.words(dtype, order))),
        ("members", .dictionary(members.map { ($0.name, .integer($0.value)) })),
      ])
    case .text(let text):
      .string(
        ([text.isUTF8 ? "UTF-8 text" : "ASCII text"]
          + (text.byteCount.map { ["\($0) bytes", text.padding.rawValue] } ?? []))
          .joined(separator: ", "))
    }
  }

  /// Reads the inert form; nil if it is none.
  public init?(_ inert: InertValue) {
    switch inert {
    case .string(let words):
      if let text = Text(words: words) {
        self = .text(text)
      } else if let (dtype, order) = Self.number(words) {
        self = .number(dtype, order)
      } else {
        return nil
      }
    case .dictionary(let entries):
      guard entries.count == 2, entries[0].key == .string("enumeration"),
        case .string(let words) = entries[0].value, let (dtype, order) = Self.number(words),
        dtype.category == .integer, entries[1].key == .string("members"),
        case .dictionary(let pairs) = entries[1].value
      else { return nil }
      let members = pairs.compactMap { pair -> Member? in
        guard case (.string(let name), .integer(let value)) = (pair.key, pair.value) else {
          return nil
        }
        return Member(name, value)
      }
      guard members.count == pairs.count else { return nil }
      self = .enumeration(dtype, order, members: members)
    default: return nil
    }
  }

  private static let bigEndian = "big-endian "

  private static func words(_ dtype: DType, _ order: ByteOrder) -> String {
    (order == .big ? bigEndian : "") + dtype.rawValue
  }

  private static func number(_ words: String) -> (DType, ByteOrder)? {
    let isBig = words.utf8.starts(with: bigEndian.utf8)
    guard let dtype = DType(rawValue: isBig ? String(words.dropFirst(bigEndian.count)) : words)
    else { return nil }
    return (dtype, isBig ? .big : .little)
  }
}

extension HDF5AttributeType.Text {
  fileprivate init?(words: String) {
    let parts = words.split(separator: ", ", omittingEmptySubsequences: false)
    switch parts[0] {
    case "UTF-8 text": self.init(isUTF8: true)
    case "ASCII text": self.init(isUTF8: false)
    default: return nil
    }
    if parts.count == 1 { return }
    let size = parts[1].split(separator: " ")
    guard parts.count == 3, size.count == 2, size[1] == "bytes", let byteCount = Int(size[0]),
      byteCount > 0, let padding = Padding(rawValue: String(parts[2]))
    else { return nil }
    self.byteCount = byteCount
    self.padding = padding
  }
}
