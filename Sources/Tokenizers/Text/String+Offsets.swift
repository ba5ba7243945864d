extension String {
  /// The part of a text that ``Encoding/offsets`` name, counted in Unicode scalars; what lies outside of the text is left out.
  ///
  ///     text[scalars: encoding.offsets[3]]
  public subscript(scalars range: Range<Int>) -> String {
    var part = UnicodeScalarView()
    let bounds = Swift.max(0, range.lowerBound)..<Swift.max(0, range.upperBound)
    part.append(contentsOf: unicodeScalars.prefix(bounds.upperBound).dropFirst(bounds.lowerBound))
    return String(part)
  }
}
