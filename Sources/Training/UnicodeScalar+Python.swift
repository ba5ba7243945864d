/// What Python calls characters, as the scripts of the reference cut texts by it.
extension Unicode.Scalar {
  /// `str.isspace`.
  var isSpaceOfPython: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }

  /// `str.isalnum`.
  var isAlphanumericOfPython: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: properties.numericType != nil
    }
  }

  /// `string.punctuation`.
  var isPunctuationOfASCII: Bool {
    isASCII && (0x21...0x7E).contains(value) && !isAlphanumericOfPython
  }
}
