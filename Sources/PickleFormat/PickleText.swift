internal import CheckpointBytes

/// How protocols 0 and 1 spell values as lines of text (`pickletools`: `stringnl`, `unicodestringnl`, `decimalnl_short`,
/// `decimalnl_long`, `floatnl`). All functions return nil for what Python's `pickle` would not write.
enum PickleText {
  /// The longest decimal integer: what Python always reads (`sys.int_info.str_digits_check_threshold`). The time to read
  /// one grows with the square of its length; the longest in checkpoints has 24.
  static let maximumDigits = 640

  /// Text of ASCII characters only.
  static func ascii(_ line: ArraySlice<UInt8>) -> String? {
    line.allSatisfy { $0 < 0x80 } ? String(decoding: line, as: UTF8.self) : nil
  }

  /// A decimal integer, with a sign perhaps.
  static func integer(_ line: ArraySlice<UInt8>) -> PickleValue? {
    var digits = line
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
    guard !digits.isEmpty, digits.count <= maximumDigits,
      digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    if digits.count <= 18, let value = Int64(String(decoding: digits, as: UTF8.self)) {
      return .integer(isNegative ? -value : value)
    }
    var magnitude: [UInt8] = [0]
    for digit in digits {
      var carry = UInt(digit - UInt8(ascii: "0"))
      for index in magnitude.indices {
        let sum = UInt(magnitude[index]) * 10 + carry
        magnitude[index] = UInt8(truncatingIfNeeded: sum)
        carry = sum >> 8
      }
      if carry > 0 { magnitude.append(UInt8(truncatingIfNeeded: carry)) }
    }
    magnitude.append(0)
    if isNegative {
      var carry: UInt8 = 1
      for index in magnitude.indices {
        let (sum, overflow) = (~magnitude[index]).addingReportingOverflow(carry)
        magnitude[index] = sum
        carry = overflow ? 1 : 0
      }
    }
    return PickleText.integer(littleEndian: magnitude[...])
  }

  /// An integer of little-endian two's complement, as `LONG1` and `LONG4` hold it; no bytes are 0.
  static func integer(littleEndian bytes: ArraySlice<UInt8>) -> PickleValue {
    guard let last = bytes.last else { return .integer(0) }
    let isNegative = last >= 0x80
    let filler: UInt8 = isNegative ? 0xFF : 0
    var end = bytes.endIndex
    while end - bytes.startIndex > 1, bytes[end - 1] == filler,
      (bytes[end - 2] >= 0x80) == isNegative
    {
      end -= 1
    }
    let significant = bytes[bytes.startIndex..<end]
    guard significant.count <= 8 else { return .bigInteger([UInt8](significant)) }
    var value: UInt64 = isNegative ? .max : 0
    for byte in significant.reversed() { value = value << 8 | UInt64(byte) }
    return .integer(Int64(bitPattern: value))
  }

  /// A float as Python's `repr` writes it.
  static func float(_ line: ArraySlice<UInt8>) -> Double? {
    let permitted: Set<UInt8> = Set("0123456789+-.eEinfa".utf8)
    guard !line.isEmpty, line.allSatisfy(permitted.contains) else { return nil }
    return Double(String(decoding: line, as: UTF8.self))
  }

  /// A quoted byte string with Python's escapes (`codecs.escape_decode`).
  static func quotedBytes(_ line: ArraySlice<UInt8>) -> [UInt8]? {
    guard line.count >= 2, let quote = line.first, quote == line.last,
      quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
    else { return nil }
    let body = [UInt8](line.dropFirst().dropLast())
    var bytes: [UInt8] = []
    var index = 0
    while index < body.count {
      guard body[index] == UInt8(ascii: "\\") else {
        // A bare quote would end the string before the line does.
        guard body[index] != quote else { return nil }
        bytes.append(body[index])
        index += 1
        continue
      }
      guard index + 1 < body.count, let (byte, length) = escape(body[(index + 1)...]) else {
        return nil
      }
      bytes.append(byte)
      index += 1 + length
    }
    return bytes
  }

  /// The byte that an escape stands for, and how many bytes it takes after the backslash.
  static func escape(_ text: ArraySlice<UInt8>) -> (byte: UInt8, length: Int)? {
    guard let first = text.first else { return nil }
    switch first {
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): return (first, 1)
    case UInt8(ascii: "a"): return (0x07, 1)
    case UInt8(ascii: "b"): return (0x08, 1)
    case UInt8(ascii: "t"): return (0x09, 1)
    case UInt8(ascii: "n"): return (0x0A, 1)
    case UInt8(ascii: "v"): return (0x0B, 1)
    case UInt8(ascii: "f"): return (0x0C, 1)
    case UInt8(ascii: "r"): return (0x0D, 1)
    case UInt8(ascii: "x"):
      let digits = text.dropFirst().prefix(2)
      return hexadecimal(digits, count: 2).map { (UInt8(truncatingIfNeeded: $0), 3) }
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      let digits = text.prefix(3).prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
      return UInt8(String(decoding: digits, as: UTF8.self), radix: 8).map { ($0, digits.count) }
    default: return nil
    }
  }

  static func hexadecimal(_ digits: ArraySlice<UInt8>, count: Int) -> UInt32? {
    digits.count == count ? Hexadecimal.number(digits) : nil
  }

  /// Text in Python's raw-unicode-escape: Latin-1, with `\uXXXX` and `\UXXXXXXXX`. Surrogates are no text.
  static func rawUnicodeEscape(_ line: ArraySlice<UInt8>) -> String? {
    var scalars = String.UnicodeScalarView()
    var index = line.startIndex
    while index < line.endIndex {
      let byte = line[index]
      let next = index + 1 < line.endIndex ? line[index + 1] : 0
      guard byte == UInt8(ascii: "\\"), next == UInt8(ascii: "u") || next == UInt8(ascii: "U")
      else {
        // A backslash takes the next character with it: two of them are no beginning of an escape.
        let count = byte == UInt8(ascii: "\\") && index + 1 < line.endIndex ? 2 : 1
        for byte in line[index..<(index + count)] { scalars.append(Unicode.Scalar(byte)) }
        index += count
        continue
      }
      let count = next == UInt8(ascii: "u") ? 4 : 8
      guard let value = hexadecimal(line[(index + 2)...].prefix(count), count: count),
        let scalar = Unicode.Scalar(value)
      else { return nil }
      scalars.append(scalar)
      index += 2 + count
    }
    return String(scalars)
  }
}
