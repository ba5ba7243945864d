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
    unsafe withBytes { bytes in
      var start = 0
      while true {
        let end = unsafe bytes[start...].firstIndex(of: UInt8(ascii: ".")) ?? bytes.count
        let component = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        let isFound = names.contains { name in
          guard name.byteCount == end - start else { return false }
          return unsafe name.withBytes { unsafe $0.isEqual(to: component) }
        }
        if isFound || end == bytes.count { return isFound }
        start = end + 1
      }
    }
  }

  private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var text = string
    return text.withUTF8 { unsafe body(UnsafeRawBufferPointer($0)) }
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
  public func hasPrefix(_ prefix: String) -> Bool { string.utf8.starts(with: prefix.utf8) }

  /// True if the name's last bytes are these.
  public func hasSuffix(_ suffix: String) -> Bool {
    string.utf8.reversed().starts(with: suffix.utf8.reversed())
  }
}
