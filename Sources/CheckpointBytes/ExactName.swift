/// A name from a file, compared and ordered by its UTF-8 bytes.
///
/// Swift's `String` takes canonically equivalent strings for equal, so that "café" composed and decomposed would be one
/// key in a dictionary; in a checkpoint they are two tensors.
public struct ExactName: Sendable {
  /// The name as text.
  public let string: String

  /// Takes text as it is.
  public init(_ string: String) {
    self.string = string
  }

  /// The length in UTF-8 bytes.
  public var byteCount: Int { string.utf8.count }
}

extension ExactName: Hashable, Comparable {
  /// Equal if the UTF-8 bytes are.
  public static func == (left: ExactName, right: ExactName) -> Bool {
    left.string.utf8.count == right.string.utf8.count
      && left.string.utf8.elementsEqual(right.string.utf8)
  }

  /// In the order of the UTF-8 bytes, as Rust and Python's `bytes` order them.
  public static func < (left: ExactName, right: ExactName) -> Bool {
    left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
  }

  /// Hashes the UTF-8 bytes.
  public func hash(into hasher: inout Hasher) {
    for byte in string.utf8 { hasher.combine(byte) }
    hasher.combine(0xFF as UInt8)
  }
}

extension ExactName: ExpressibleByStringLiteral, CustomStringConvertible {
  /// Takes a literal as it is.
  public init(stringLiteral value: String) { self.init(value) }

  /// The name as text.
  public var description: String { string }
}
