internal import CheckpointBytes
package import TensorValues

// A number is only taken for one if every field of its description is exactly that of the type: sizes alone prove nothing.

extension Datatype {
  /// What the elements are, as this package describes it.
  func elementType() throws(ParseFailure) -> HDF5ElementType {
    switch typeClass {
    case .integer: try integer()
    case .float: try float()
    case .enumeration: try enumerated()
    case .compound: try compound()
    case .complex: try complex()
    case .opaque: .opaque(byteCount: byteCount, tag: try tag())
    case .string: .unsupported("fixed-length string")
    case .variableLength:
      .unsupported(isVariableText ? "variable-length string" : "variable-length sequence")
    case .bitField: .unsupported("bit field")
    case .reference: .unsupported("reference")
    case .array: .unsupported("array")
    case .time: .unsupported("time")
    }
  }

  /// What the elements are, as far as attributes of it are carried; nil for any other.
  func attributeType() throws(ParseFailure) -> HDF5AttributeType? {
    if let text { return .text(text) }
    guard typeClass != .opaque, try integerBits() == nil,
      case .number(let dtype, let order) = try elementType()
    else { return nil }
    guard typeClass == .enumeration, dtype != .bool else { return .number(dtype, order) }
    return .enumeration(dtype, order, members: try members(dtype, order))
  }

  private var order: ByteOrder { bits & 1 == 0 || byteCount == 1 ? .little : .big }

  // MARK: Integers

  /// The bits that make up an integer, if they are not all.
  func integerBits() throws(ParseFailure) -> HDF5IntegerBits? {
    guard typeClass == .integer else { return nil }
    var properties = properties
    let start = properties.offset
    let offset = Int(try properties.read(UInt16.self, .little, "bit offset"))
    let precision = Int(try properties.read(UInt16.self, .little, "bit precision"))
    guard precision > 0, offset + precision <= 8 * byteCount else {
      throw ParseFailure(
        .malformed, at: start, "bit precision",
        "\(precision) bits from bit \(offset) of \(byteCount) bytes")
    }
    return precision == 8 * byteCount ? nil : HDF5IntegerBits(offset: offset, count: precision)
  }

  private func integer() throws(ParseFailure) -> HDF5ElementType {
    _ = try integerBits()
    let isSigned = bits & 0x08 != 0
    switch byteCount {
    case 1: return .number(isSigned ? .i8 : .u8, order)
    case 2: return .number(isSigned ? .i16 : .u16, order)
    case 4: return .number(isSigned ? .i32 : .u32, order)
    case 8: return .number(isSigned ? .i64 : .u64, order)
    default: return .unsupported("\(byteCount)-byte integer")
    }
  }

  // MARK: Floating-point numbers

  private func float() throws(ParseFailure) -> HDF5ElementType {
    var properties = properties
    let offset = try properties.read(UInt16.self, .little, "bit offset")
    let precision = Int(try properties.read(UInt16.self, .little, "bit precision"))
    let exponentPlace = try properties.readByte("exponent location")
    let exponentBits = try properties.readByte("exponent size")
    let mantissaPlace = try properties.readByte("mantissa location")
    let mantissaBits = try properties.readByte("mantissa size")
    let fields = FloatFields(
      exponentBits: exponentBits, mantissaBits: mantissaBits,
      bias: try properties.read(UInt32.self, .little, "exponent bias"))
    let signPlace = bits >> 8 & 0xFF
    // Bit 6 is VAX's order; normalisation 2 is a mantissa whose highest bit is not stored.
    guard let dtype = fields.dtype, dtype.byteWidth == byteCount,
      precision == 8 * byteCount, offset == 0, mantissaPlace == 0, exponentPlace == mantissaBits,
      signPlace == UInt32(fields.signPlace), bits & 0x40 == 0,
      bits >> 4 & 3 == 2
    else { return .unsupported("\(byteCount)-byte floating-point number of another form") }
    return .number(dtype, order)
  }

  // MARK: Enumerations

  private func enumerated() throws(ParseFailure) -> HDF5ElementType {
    var properties = properties
    let base = try Datatype(&properties)
    guard base.typeClass == .integer, base.byteCount == byteCount, try base.integerBits() == nil
    else {
      return .unsupported("enumeration")
    }
    let integer = try base.integer()
    guard case .number(let dtype, let order) = integer else { return integer }
    let members = try members(dtype, order)
    guard dtype == .i8 || dtype == .u8, members.count == 2 else { return integer }
    // As h5py writes numpy's bool, and takes for one with a sign or without.
    let boolean: Set = [HDF5AttributeType.Member("FALSE", 0), HDF5AttributeType.Member("TRUE", 1)]
    return Set(members) == boolean ? .number(.bool, order) : integer
  }

  /// The names of an enumeration over integers of a type: the base type, all names, all values.
  private func members(
    _ dtype: DType, _ order: ByteOrder
  ) throws(ParseFailure) -> [HDF5AttributeType.Member] {
    var properties = properties
    _ = try Datatype(&properties)
    try properties.skip(Self.integerPropertiesByteCount, "enumeration")
    var names: [String] = []
    for _ in 0..<(bits & 0xFFFF) { names.append(try readName(&properties)) }
    var members: [HDF5AttributeType.Member] = []
    for name in names {
      var value = Array(try properties.readBytes(byteCount, "enumeration"))
      if order == .big { value.reverse() }
      members.append(HDF5AttributeType.Member(name, dtype.integer(value)))
    }
    return members
  }

  /// A name that ends with NUL; before version 3 it takes a multiple of eight bytes.
  private func readName(_ cursor: inout ByteCursor) throws(ParseFailure) -> String {
    let start = cursor.position
    guard let end = cursor.bytes[start..<cursor.end].firstIndex(of: 0) else {
      throw ParseFailure(.malformed, at: cursor.offset, "datatype", "a name without an end")
    }
    let name = try cursor.readBytes(end - start, "datatype")
    guard !name.isEmpty else {
      throw ParseFailure(.malformed, at: cursor.offset, "datatype", "a member without a name")
    }
    let byteCount = name.count + 1
    try cursor.skip(1 + (version < 3 ? (8 - byteCount % 8) % 8 : 0), "datatype")
    return String(validating: name, as: UTF8.self) ?? ""
  }

  private static let integerPropertiesByteCount = 4
  private static let floatPropertiesByteCount = 12

  // MARK: Complex numbers

  /// A compound of `r` and `i` is h5py's complex number.
  private func compound() throws(ParseFailure) -> HDF5ElementType {
    let other = HDF5ElementType.unsupported("compound")
    guard bits & 0xFFFF > 0 else {
      throw ParseFailure(
        .malformed, at: properties.offset, "datatype", "a compound without members")
    }
    guard bits & 0xFFFF == 2 else { return other }
    var properties = properties
    guard let real = try part("r", at: 0, &properties),
      let imaginary = try part("i", at: byteCount / 2, &properties), real == imaginary,
      case .number(let dtype, let order) = real, let complex = dtype.complex,
      complex.byteWidth == byteCount
    else { return other }
    return .number(complex, order)
  }

  /// Reads a member of a compound; nil if it has another name, another place, or is no floating-point number.
  private func part(
    _ name: String, at place: Int, _ cursor: inout ByteCursor
  ) throws(ParseFailure) -> HDF5ElementType? {
    guard try readName(&cursor) == name else { return nil }
    // From version 3 on, as many bytes as the size of the compound takes.
    let width = version < 3 ? 4 : (Int.bitWidth - 1 - byteCount.leadingZeroBitCount) / 8 + 1
    guard try cursor.readUnsigned(width, "member offset") == UInt64(place) else { return nil }
    if version == 1 {
      // The members of this version can be arrays.
      guard try cursor.readByte("member dimensionality") == 0 else { return nil }
      try cursor.skip(27, "member dimensions")
    }
    let type = try Datatype(&cursor)
    guard type.typeClass == .float else { return nil }
    try cursor.skip(Self.floatPropertiesByteCount, "member type")
    return try type.float()
  }

  /// The class that HDF5 2.0 has for them.
  private func complex() throws(ParseFailure) -> HDF5ElementType {
    var properties = properties
    let part = try Datatype(&properties)
    guard part.typeClass == .float, case .number(let dtype, let order) = try part.float(),
      let complex = dtype.complex, complex.byteWidth == byteCount
    else { return .unsupported("complex number of another form") }
    return .number(complex, order)
  }

  // MARK: Opaque bytes

  private func tag() throws(ParseFailure) -> String {
    var properties = properties
    // Its length is a multiple of eight, NULs included; nothing follows it.
    let start = properties.offset
    let count = Int(bits & 0xFF)
    guard count.isMultiple(of: 8) else {
      throw ParseFailure(.malformed, at: start, "opaque tag", "has \(count) bytes")
    }
    let text = try properties.readBytes(count, "opaque tag").prefix { $0 != 0 }
    return String(validating: text, as: UTF8.self) ?? ""
  }
}

extension DType {
  /// The complex type of two such numbers.
  fileprivate var complex: DType? {
    switch self {
    case .f16: .c32
    case .f32: .c64
    case .f64: .c128
    default: nil
    }
  }

  /// The integer of little-endian bytes; of unsigned 64 bits the bit pattern.
  package func integer(_ bytes: [UInt8]) -> Int64 {
    let bits = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    let unused = UInt64(64 - bitWidth)
    return self == .i8 || self == .i16 || self == .i32
      ? Int64(bitPattern: bits << unused) >> Int64(unused) : Int64(bitPattern: bits)
  }
}
