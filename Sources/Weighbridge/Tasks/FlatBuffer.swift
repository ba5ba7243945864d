/// A FlatBuffer that is being built, from its end to its beginning (flatbuffers.dev, "FlatBuffers internals"): what Arrow's
/// messages are written in. Objects are named by their distance from the end.
struct FlatBuffer {
  /// A field of a table, in its slot.
  enum Field {
    case byte(UInt8)
    case short(Int16)
    case int(Int32)
    case long(Int64)
    case object(Int)
  }

  /// The bytes so far, the last of the buffer first.
  private var reversed: [UInt8] = []

  /// The bytes from the first, whose length is a multiple of 8, with `root` as the root table.
  static func finished(_ build: (inout FlatBuffer) -> Int) -> [UInt8] {
    var buffer = FlatBuffer()
    let root = build(&buffer)
    buffer.align(to: 8, before: 4)
    buffer.pushOffset(root)
    return buffer.reversed.reversed()
  }

  /// A string, with the zero that ends it.
  mutating func string(_ text: String) -> Int {
    let bytes = Array(text.utf8)
    align(to: 4, before: bytes.count + 1)
    reversed.append(0)
    reversed += bytes.reversed()
    push(UInt32(truncatingIfNeeded: bytes.count))
    return reversed.count
  }

  /// A vector of objects.
  mutating func vector(_ objects: [Int]) -> Int {
    align(to: 4, before: objects.count * 4)
    for object in objects.reversed() { pushOffset(object) }
    push(UInt32(truncatingIfNeeded: objects.count))
    return reversed.count
  }

  /// A vector of structures of 64-bit numbers.
  mutating func vector(_ structures: [[Int64]]) -> Int {
    align(to: 8, before: 0)
    for structure in structures.reversed() {
      for number in structure.reversed() { push(number) }
    }
    push(UInt32(truncatingIfNeeded: structures.count))
    return reversed.count
  }

  /// A table; nil is a field that is left out.
  mutating func table(_ fields: [Field?]) -> Int {
    let start = reversed.count
    let places = fields.map { field -> Int in
      switch field {
      case .byte(let value): push(value)
      case .short(let value): push(value)
      case .int(let value): push(value)
      case .long(let value): push(value)
      case .object(let object): pushOffset(object)
      case nil: return 0
      }
      return reversed.count
    }
    // How far before the table its list of fields begins, which is known behind it.
    push(Int32(0))
    let table = reversed.count
    for place in places.reversed() {
      push(UInt16(truncatingIfNeeded: place == 0 ? 0 : table - place))
    }
    push(UInt16(truncatingIfNeeded: table - start))
    push(UInt16(truncatingIfNeeded: 4 + 2 * fields.count))
    var distance = FlatBuffer()
    distance.push(Int32(truncatingIfNeeded: reversed.count - table))
    reversed.replaceSubrange((table - 4)..<table, with: distance.reversed)
    return table
  }

  /// Fills up so that what ends in `count` bytes from here begins at a multiple of `alignment`.
  private mutating func align(to alignment: Int, before count: Int) {
    while (reversed.count + count) % alignment != 0 { reversed.append(0) }
  }

  private mutating func push<Number: FixedWidthInteger>(_ value: Number) {
    let size = Number.bitWidth / 8
    align(to: size, before: 0)
    for place in (0..<size).reversed() {
      reversed.append(UInt8(truncatingIfNeeded: value >> Number(place * 8)))
    }
  }

  private mutating func pushOffset(_ object: Int) {
    align(to: 4, before: 0)
    push(UInt32(truncatingIfNeeded: reversed.count + 4 - object))
  }
}
