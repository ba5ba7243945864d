extension String {
  /// Bytes as text; nil if they are no UTF-8.
  ///
  /// `String(validating:as:)` takes a thousand instructions for a name. Decoding mends what is no UTF-8, and what was mended differs.
  package init?(utf8 bytes: ArraySlice<UInt8>) {
    self.init(decoding: bytes, as: UTF8.self)
    guard !bytes.allSatisfy({ $0 < 0x80 }) else { return }
    let isEqual = withUTF8 { text in
      unsafe bytes.withUnsafeBytes { unsafe UnsafeRawBufferPointer(text).isEqual(to: $0) }
    }
    guard isEqual else { return nil }
  }

  /// The text with other words for some of its ASCII characters, wherever they are.
  ///
  /// `replacing(_:with:)` looks at whole characters, and one that a mark follows (`<` and U+0301) or a sign precedes (U+0D4E and `<`) is
  /// another one to it, while a browser and a shell read scalar by scalar: what is made safe for them is made so here.
  package func replacingASCII(_ words: [Unicode.Scalar: String]) -> String {
    var text = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      if let word = words[scalar] {
        text.append(contentsOf: word.unicodeScalars)
      } else {
        text.append(scalar)
      }
    }
    return String(text)
  }

  /// The text as it stands in an element of a page or a picture.
  package var markup: String { replacingASCII(["&": "&amp;", "<": "&lt;", ">": "&gt;"]) }
}
