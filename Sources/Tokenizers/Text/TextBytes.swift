internal import CTextMasks

/// The UTF-8 of a text, with room after its end, so that a block of 64 bytes can be read from any place in it.
struct TextBytes: Sendable {
  /// Bytes beyond the end, all zero: a block, and as many as are looked at from its last byte.
  static let padding = 64 + 16

  private var storage: [UInt8] = []
  /// How many bytes the text has.
  private(set) var count = 0

  init() {}

  init(_ text: String) {
    replace(by: text)
  }

  /// Takes another text in, in the memory that is there.
  mutating func replace(by text: String) {
    storage.removeAll(keepingCapacity: true)
    storage.append(contentsOf: text.utf8)
    count = storage.count
    storage.append(contentsOf: repeatElement(0, count: Self.padding))
  }

  /// A byte; 0 beyond the end.
  @inline(__always)
  subscript(position: Int) -> UInt8 {
    storage.indices.contains(position) ? storage[position] : 0
  }

  /// Lends the text. From every place in it, and from its end, 80 bytes may be read; those beyond the end are zero.
  @inline(__always)
  func withBytes<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result? {
    // A text that was never set has not even the room after its end.
    unsafe storage.withUnsafeBufferPointer { unsafe $0.baseAddress.map { unsafe body($0) } }
  }

  /// Takes scalars in instead, in the memory that is there.
  mutating func replace(by scalars: some Sequence<UInt32>) {
    storage.removeAll(keepingCapacity: true)
    for scalar in scalars {
      guard let bytes = Unicode.Scalar(scalar).flatMap({ UTF8.encode($0) }) else { continue }
      storage.append(contentsOf: bytes)
    }
    count = storage.count
    storage.append(contentsOf: repeatElement(0, count: Self.padding))
  }

  /// The bytes in a range of the text.
  func bytes(_ range: Range<Int>) -> ArraySlice<UInt8> {
    storage[range.clamped(to: 0..<count)]
  }
}

extension TextBytes {
  /// How many scalars begin in a range.
  func scalarCount(in range: Range<Int>) -> UInt32 {
    var count = 0
    for byte in bytes(range) { count += byte & 0xC0 == 0x80 ? 0 : 1 }
    return UInt32(truncatingIfNeeded: count)
  }

  /// A part of the text, cut between scalars.
  func string(_ range: Range<Int>) -> String {
    String(decoding: bytes(range), as: UTF8.self)
  }
}

/// Text that is walked by scalars, from either end; positions lie between them.
protocol ScalarText {
  /// The scalar that begins at a position, which is not the end.
  func scalar(at position: Int) -> UInt32
  /// Where the scalar ends that begins at a position.
  func position(after position: Int) -> Int
  /// Where the scalar begins that ends at a position.
  func position(before position: Int) -> Int
  /// The first position from here on, or one before it, where a scalar begins whose UTF-8 begins with one of these bytes;
  /// the end, or one beyond it, if there is none.
  func position(ofAny firstBytes: [UInt8], from position: Int) -> Int
}

extension TextBytes: ScalarText {
  @inline(__always)
  func scalar(at position: Int) -> UInt32 {
    utf8Scalar { self[position &+ $0] }
  }

  @inline(__always)
  func position(after position: Int) -> Int {
    switch self[position] {
    case 0..<0x80: position + 1
    case 0x80..<0xE0: position + 2
    case 0xE0..<0xF0: position + 3
    default: position + 4
    }
  }

  @inline(__always)
  func position(before position: Int) -> Int {
    var position = position - 1
    while self[position] & 0xC0 == 0x80 { position -= 1 }
    return position
  }

  func position(ofAny firstBytes: [UInt8], from position: Int) -> Int {
    unsafe withBytes { bytes in
      var position = position
      while position < count {
        var found: UInt64 = 0
        for byte in firstBytes { found |= unsafe text_places_of(byte, bytes + position) }
        if found != 0 { return position &+ found.trailingZeroBitCount }
        position &+= 64
      }
      return count
    } ?? count
  }
}

/// The scalar whose UTF-8 these bytes are. Texts are valid UTF-8, as all strings are: the first byte tells the length.
@inline(__always)
func utf8Scalar(_ byte: (Int) -> UInt8) -> UInt32 {
  let first = UInt32(byte(0))
  func next(_ offset: Int) -> UInt32 { UInt32(byte(offset) & 0x3F) }
  switch first {
  case 0..<0x80: return first
  case 0x80..<0xE0: return (first & 0x1F) << 6 | next(1)
  case 0xE0..<0xF0: return (first & 0x0F) << 12 | next(1) << 6 | next(2)
  default: return (first & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3)
  }
}

extension ArraySlice<AlignedScalar>: ScalarText {
  @inline(__always)
  func scalar(at position: Int) -> UInt32 { self[position].value }
  @inline(__always)
  func position(after position: Int) -> Int { position + 1 }
  @inline(__always)
  func position(before position: Int) -> Int { position - 1 }
  @inline(__always)
  func position(ofAny firstBytes: [UInt8], from position: Int) -> Int { position }
}
