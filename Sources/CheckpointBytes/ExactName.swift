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
    // Whole buffers at once: graphs of thousands of names compare and hash them all the time.
    guard left.byteCount == right.byteCount else { return false }
    return unsafe left.withBytes { first in
      unsafe right.withBytes { second in unsafe first.isEqual(to: second) }
    }
  }

  /// In the order of the UTF-8 bytes, as Rust and Python's `bytes` order them.
  public static func < (left: ExactName, right: ExactName) -> Bool {
    unsafe left.withBytes { first in
      unsafe right.withBytes { second in unsafe first.precedes(second) }
    }
  }

  /// Hashes the UTF-8 bytes.
  public func hash(into hasher: inout Hasher) {
    unsafe withBytes { unsafe hasher.combine(bytes: $0) }
    hasher.combine(0xFF as UInt8)
  }

  /// True if one of the components between dots is one of these names.
  ///
  /// Asked of every name of a checkpoint, and almost always false: nothing is copied to find that out.
  package func hasComponent(among names: [ExactName]) -> Bool {
    let bytes = string.utf8Span.span
    var start = 0
    for end in 0...bytes.count where end == bytes.count || bytes[end] == UInt8(ascii: ".") {
      let component = bytes.extracting(start..<end)
      for name in names where name.byteCount == component.count {
        if component.hasEnd(name.string.utf8Span.span) { return true }
      }
      start = end + 1
    }
    return false
  }

  @inline(__always)
  private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe string.utf8Span.span.withUnsafeBytes { unsafe body($0) }
  }
}

extension Span<UInt8> {
  /// True if the last bytes are these. They are compared from behind, where names differ first.
  @inline(__always)
  fileprivate func hasEnd(_ end: Span<UInt8>) -> Bool {
    var place = count
    guard place >= end.count else { return false }
    for index in end.indices.reversed() {
      place -= 1
      if self[place] != end[index] { return false }
    }
    return true
  }
}

extension ExactName: ExpressibleByStringInterpolation, LosslessStringConvertible {
  /// Takes a literal as it is.
  public init(stringLiteral value: String) { self.init(value) }

  /// The name as text.
  public var description: String { string }
}

extension ExactName {
  /// True if the name's first bytes are these.
  public func hasPrefix(_ prefix: String) -> Bool {
    let (own, other) = (string.utf8Span.span, prefix.utf8Span.span)
    return own.count >= other.count && own.extracting(0..<other.count).hasEnd(other)
  }

  /// True if the name's last bytes are these.
  public func hasSuffix(_ suffix: String) -> Bool {
    string.utf8Span.span.hasEnd(suffix.utf8Span.span)
  }
}
