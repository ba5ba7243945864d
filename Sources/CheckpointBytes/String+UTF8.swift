extension String {
  /// Bytes as text; nil if they are no UTF-8.
  ///
  /// `String(validating:as:)` looks at one character after the other, for hundreds of instructions a name; of ASCII, which names are made
  /// of, it is known beforehand what comes out.
  package init?(utf8 bytes: ArraySlice<UInt8>) {
    if bytes.allSatisfy({ $0 < 0x80 }) {
      self.init(decoding: bytes, as: UTF8.self)
    } else {
      self.init(validating: bytes, as: UTF8.self)
    }
  }
}
