/// The order of a number's bytes in a file.
public enum ByteOrder: String, Sendable, Hashable {
  /// Least significant byte first.
  case little
  /// Most significant byte first.
  case big
}
