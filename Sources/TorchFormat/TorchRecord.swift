/// A record of the archive: a small one whose bytes are known, or a storage of which only the size is.
struct TorchRecord {
  /// The record's name in the archive.
  let name: String
  /// The number of bytes.
  let byteCount: Int
  /// The bytes, nil for a storage.
  let bytes: [UInt8]?

  /// The index of `data/0`.
  static let firstStorage = 4

  private init(_ name: String, _ bytes: [UInt8]) {
    self.name = "archive/" + name
    self.byteCount = bytes.count
    self.bytes = bytes
  }

  private init(storage key: Int, byteCount: Int) {
    self.name = "archive/data/\(key)"
    self.byteCount = byteCount
    self.bytes = nil
  }

  /// The records in torch's order.
  static func records(pickle: [UInt8], storageByteCounts: [Int]) -> [TorchRecord] {
    [
      TorchRecord("data.pkl", pickle),
      TorchRecord(".format_version", Array("0".utf8)),
      TorchRecord(".storage_alignment", Array("64".utf8)),
      TorchRecord("byteorder", Array("little".utf8)),
    ]
      + storageByteCounts.enumerated().map {
        TorchRecord(storage: $0.offset, byteCount: $0.element)
      }
      + [
        TorchRecord("version", Array("3\n".utf8)),
        TorchRecord(
          ".data/serialization_id",
          serializationIdentifier(pickle: pickle, storageByteCounts: storageByteCounts)),
      ]
  }

  /// Forty digits, as torch writes them: twenty from the sizes of the storages, twenty from the pickle.
  ///
  /// torch hashes the records' names and checksums; the checksums are not known yet here, and nothing compares the
  /// number with anything.
  private static func serializationIdentifier(
    pickle: [UInt8], storageByteCounts: [Int]
  ) -> [UInt8] {
    var sizes = FowlerNollVoHash()
    for count in storageByteCounts {
      for shift in stride(from: 0, to: 64, by: 8) {
        sizes.combine(UInt8(truncatingIfNeeded: count >> shift))
      }
    }
    var structure = FowlerNollVoHash()
    for byte in pickle { structure.combine(byte) }
    return [sizes, structure].flatMap { hash in
      let digits = Array(String(hash.value).utf8)
      return [UInt8](repeating: UInt8(ascii: "0"), count: 20 - digits.count) + digits
    }
  }
}

/// The 64-bit FNV-1a hash: it tells files apart and protects nothing.
private struct FowlerNollVoHash {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func combine(_ byte: UInt8) {
    value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
  }
}
