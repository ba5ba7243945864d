internal import CheckpointBytes

extension PickleScan {
  /// A value of a pickle that is a pickle itself: bytes, or text that spells bytes in base64 or hexadecimal digits. Whoever
  /// made it meant to unpickle it.
  package struct Embedded: Sendable {
    /// The inner pickle.
    package let bytes: [UInt8]
    /// The offset of the operation whose value it is.
    package let offset: Int
    /// How it is spelled: `bytes`, `base64`, `hexadecimal`.
    package let spelling: String

    /// The shortest text that is tried: `cos\nsystem\n(S'a'\ntR.` has 22 bytes, and words of vocabularies are shorter.
    private static let shortestText = 20
    /// The longest text that is decoded to see.
    private static let longestText = 16 << 20

    /// Sees whether a value is a pickle that would call something, or one that says what it is and ends where the value does.
    init?(in value: ArraySlice<UInt8>, at offset: Int, operations: inout Int) {
      guard value.count >= 4 else { return nil }
      if Embedded.announces(value) {
        guard Embedded.isPickle(value, &operations) else { return nil }
        (bytes, spelling) = (Array(value), "bytes")
      } else {
        guard (Embedded.shortestText...Embedded.longestText).contains(value.count),
          value.count.isMultiple(of: 2)
        else { return nil }
        if let decoded = Embedded.hexadecimal(value), Embedded.isPickle(decoded[...], &operations) {
          (bytes, spelling) = (decoded, "hexadecimal")
        } else if let decoded = Embedded.base64(value), Embedded.isPickle(decoded[...], &operations)
        {
          (bytes, spelling) = (decoded, "base64")
        } else {
          return nil
        }
      }
      self.offset = offset
    }

    private static func announces(_ bytes: ArraySlice<UInt8>) -> Bool {
      bytes.count >= 2 && bytes[bytes.startIndex] == 0x80
        && (2...5).contains(bytes[bytes.startIndex + 1])
    }

    private static func isPickle(_ bytes: ArraySlice<UInt8>, _ operations: inout Int) -> Bool {
      let array = Array(bytes)
      switch PickleScan.guess(ByteCursor(array), operations: &operations) {
      case .calls: return true
      case .whole(let end): return announces(bytes) && end == array.count
      case .broken, .cut, .unfinished: return false
      }
    }

    private static func hexadecimal(_ text: ArraySlice<UInt8>) -> [UInt8]? {
      var bytes: [UInt8] = []
      var high: UInt8?
      for character in text {
        let digit: UInt8
        switch character {
        case 0x30...0x39: digit = character - 0x30
        case 0x41...0x46: digit = character - 0x41 + 10
        case 0x61...0x66: digit = character - 0x61 + 10
        default: return nil
        }
        if let first = high {
          bytes.append(first << 4 | digit)
          high = nil
        } else {
          high = digit
        }
      }
      return bytes
    }
  }
}

extension PickleScan.Embedded {
  /// The bytes that base64 spells, in either alphabet (RFC 4648); nil for anything else. Lines may be broken.
  package static func base64(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (buffer, count, padding): (UInt32, Int, Int) = (0, 0, 0)
    for character in text {
      let value: UInt32
      switch character {
      case 0x41...0x5A: value = UInt32(character) - 0x41
      case 0x61...0x7A: value = UInt32(character) - 0x61 + 26
      case 0x30...0x39: value = UInt32(character) - 0x30 + 52
      case 0x2B, 0x2D: value = 62
      case 0x2F, 0x5F: value = 63
      case 0x3D:
        padding += 1
        continue
      case 0x0A, 0x0D: continue
      default: return nil
      }
      guard padding == 0 else { return nil }
      buffer = buffer << 6 | value
      count += 1
      if count.isMultiple(of: 4) {
        bytes += [UInt8(truncatingIfNeeded: buffer >> 16), UInt8(truncatingIfNeeded: buffer >> 8)]
        bytes.append(UInt8(truncatingIfNeeded: buffer))
      }
    }
    switch count % 4 {
    case 1: return nil
    case 2: bytes.append(UInt8(truncatingIfNeeded: buffer >> 4))
    case 3:
      bytes += [UInt8(truncatingIfNeeded: buffer >> 10), UInt8(truncatingIfNeeded: buffer >> 2)]
    default: break
    }
    return padding <= 2 ? bytes : nil
  }
  /// The bytes that base64 spells to Python's `b64decode`, which passes over what is none of its characters and ends where the
  /// padding is complete (`binascii.a2b_base64`, not strict).
  package static func looseBase64(_ text: some Collection<UInt8>) -> [UInt8] {
    var characters: [UInt8] = []
    var padding = 0
    for character in text {
      switch character {
      case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2B, 0x2F:
        characters.append(character)
        padding = 0
      case 0x3D where characters.count % 4 >= 2:
        padding += 1
        if characters.count % 4 + padding >= 4 { return base64(characters) ?? [] }
      default: break
      }
    }
    // Python refuses a text without its padding.
    return base64(characters.dropLast(characters.count % 4 == 1 ? 1 : 0)) ?? []
  }
}
