/// A scalar of text under way, and the range of the original text that it stands for.
///
/// The reference keeps a range for each byte of the normalized text (`NormalizedString`, tokenizer/normalizer.rs). All
/// bytes of one of its characters have the same range, and every range ends between characters, so one range a scalar,
/// counted in scalars, says the same.
struct AlignedScalar: Sendable, Equatable {
  /// The scalar's value.
  var value: UInt32
  /// Where the original begins, in scalars.
  var start: UInt32
  /// Where the original ends.
  var end: UInt32

  /// The same place of the original under another scalar.
  @inline(__always)
  func replaced(by value: UInt32) -> AlignedScalar {
    AlignedScalar(value: value, start: start, end: end)
  }

  static let space: UInt32 = 0x20
}

extension Array where Element == AlignedScalar {
  /// The scalars of a text, each standing for itself.
  init(_ text: String) {
    self = []
    reserveCapacity(text.utf8.count)
    var position: UInt32 = 0
    for scalar in text.unicodeScalars {
      append(AlignedScalar(value: scalar.value, start: position, end: position &+ 1))
      position &+= 1
    }
  }
}

extension Sequence where Element == AlignedScalar {
  /// The scalars as text.
  var text: String {
    var text = String.UnicodeScalarView()
    for scalar in self {
      if let scalar = Unicode.Scalar(scalar.value) { text.append(scalar) }
    }
    return String(text)
  }
}

extension UInt32 {
  /// How many bytes the scalar takes in UTF-8.
  @inline(__always)
  var byteCount: Int {
    self < 0x80 ? 1 : self < 0x800 ? 2 : self < 0x10000 ? 3 : 4
  }
}

extension String {
  /// The scalars' values.
  var scalarValues: [UInt32] { unicodeScalars.map(\.value) }
}
