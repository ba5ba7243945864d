/// Bytes of Thrift's compact protocol (thrift/doc/specs/thrift-compact-protocol.md): what Parquet's headers are written in.
struct ThriftWriter {
  /// A value, as far as Parquet's headers need them.
  indirect enum Value {
    case int32(Int)
    case int64(Int)
    case string(String)
    /// Of values of one type, at least one.
    case list([Value])
    /// Fields by their numbers, in ascending order.
    case structure([(Int, Value)])

    fileprivate var type: UInt8 {
      switch self {
      case .int32: 5
      case .int64: 6
      case .string: 8
      case .list: 9
      case .structure: 12
      }
    }
  }

  private(set) var bytes: [UInt8] = []

  /// The bytes of a structure.
  static func bytes(of fields: [(Int, Value)]) -> [UInt8] {
    var writer = ThriftWriter()
    writer.write(.structure(fields))
    return writer.bytes
  }

  /// A number in groups of seven bits, the lowest first.
  static func variable(_ value: Int) -> [UInt8] {
    var rest = UInt64(bitPattern: Int64(value))
    var bytes: [UInt8] = []
    while rest > 0x7F {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  private mutating func write(_ value: Value) {
    switch value {
    // Zigzag: the sign is the lowest bit.
    case .int32(let number), .int64(let number):
      bytes += Self.variable((number << 1) ^ (number >> 63))
    case .string(let text):
      bytes += Self.variable(text.utf8.count) + Array(text.utf8)
    case .list(let values):
      let type = values.first?.type ?? 12
      if values.count < 15 {
        bytes.append(UInt8(values.count) << 4 | type)
      } else {
        bytes.append(0xF0 | type)
        bytes += Self.variable(values.count)
      }
      for value in values { write(value) }
    case .structure(let fields):
      var last = 0
      for (number, value) in fields {
        // All numbers of Parquet's headers are less than 16 apart.
        bytes.append(UInt8(number - last) << 4 | value.type)
        write(value)
        last = number
      }
      bytes.append(0)
    }
  }
}
