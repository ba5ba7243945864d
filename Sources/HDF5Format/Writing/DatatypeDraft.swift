internal import CheckpointBytes
internal import TensorValues

/// What elements are (HDF5 specification IV.A.2.d), version 1, as ``Datatype`` reads it. There is one for every type that the
/// package carries, and for no other.
enum DatatypeDraft {
  /// An integer of a width in bytes.
  case integer(Int, isSigned: Bool, ByteOrder)
  case float(FloatFields, ByteOrder)
  case text(HDF5AttributeType.Text)
  case opaque(Int)
  /// Integers with names.
  indirect case enumeration(DatatypeDraft, [(name: String, value: [UInt8])])
  /// h5py's compound of two numbers.
  indirect case complex(DatatypeDraft)
}

// MARK: From the package's types

extension DatatypeDraft {
  /// The type that elements are stored as; nil if there is none.
  init?(_ dtype: DType, _ order: ByteOrder) {
    guard let width = dtype.byteWidth else { return nil }
    if DType.opaqueNames.contains(where: { $0.0 == dtype }) {
      guard order == .little else { return nil }
      self = .opaque(width)
      return
    }
    self.init(number: dtype, order)
  }

  /// The type of an attribute's elements; nil if there is none.
  init?(_ type: HDF5AttributeType) {
    switch type {
    case .number(let dtype, let order): self.init(number: dtype, order)
    case .text(let text):
      guard UInt32(exactly: text.byteCount ?? 1) ?? 0 > 0 else { return nil }
      self = .text(text)
    case .enumeration(let dtype, let order, let members):
      guard let width = dtype.byteWidth, dtype.category == .integer,
        let base = DatatypeDraft(number: dtype, order)
      else { return nil }
      let names = Set(members.map { ExactName($0.name) })
      let values = Set(members.map { $0.value << Int64(64 - dtype.bitWidth) })
      guard (1...Int(UInt16.max)).contains(members.count), names.count == members.count,
        values.count == members.count,
        members.allSatisfy({ !$0.name.isEmpty && !$0.name.utf8.contains(0) })
      else { return nil }
      self = .enumeration(
        base,
        members.map { member in
          var buffer = StructureBuffer()
          buffer.append(member.value)
          let value = buffer.bytes.prefix(width)
          return (member.name, order == .big ? value.reversed() : Array(value))
        })
    }
  }

  private init?(number dtype: DType, _ order: ByteOrder) {
    guard let width = dtype.byteWidth else { return nil }
    switch dtype.category {
    case .boolean:
      // As h5py writes numpy's bool.
      self = .enumeration(
        .integer(1, isSigned: true, .little), [("FALSE", [0]), ("TRUE", [1])])
    case .integer:
      self = .integer(width, isSigned: [.i8, .i16, .i32, .i64].contains(dtype), order)
    case .real:
      guard let fields = FloatFields(dtype), width > 1 else { return nil }
      self = .float(fields, order)
    case .complex:
      let part: DType? = [4: .f16, 8: .f32, 16: .f64][width]
      guard let fields = part.flatMap(FloatFields.init) else { return nil }
      self = .complex(.float(fields, order))
    }
  }
}

// MARK: In the file

extension DatatypeDraft {
  /// The size of the description.
  var byteCount: Int {
    switch self {
    case .opaque: 8
    case .text(let text): text.byteCount == nil ? 20 : 8
    case .integer: 12
    case .float: 20
    case .complex(let part): 8 + 2 * (Self.memberByteCount + part.byteCount)
    case .enumeration(let base, let members):
      members.reduce(8 + base.byteCount) {
        $0 + ($1.name.utf8.count + 1).roundedToEight + $1.value.count
      }
    }
  }

  /// The size of an element.
  private var elementByteCount: Int {
    switch self {
    case .integer(let width, _, _), .opaque(let width): width
    case .float(let fields, _): fields.byteCount
    case .text(let text): text.byteCount ?? 16
    case .enumeration(let base, _): base.elementByteCount
    case .complex(let part): 2 * part.elementByteCount
    }
  }

  func write(to buffer: inout StructureBuffer) {
    switch self {
    case .integer(let width, let isSigned, let order):
      writeHead(.integer, (isSigned ? 8 : 0) | Self.bit(order), to: &buffer)
      buffer.append(0 as UInt16)
      buffer.append(UInt16(8 * width))
    case .float(let fields, let order):
      // Bits 4 and 5: the highest bit of the mantissa is 1 and not stored; then the place of the sign.
      writeHead(.float, 0x20 | UInt32(fields.signPlace) << 8 | Self.bit(order), to: &buffer)
      buffer.append(0 as UInt16)
      buffer.append(UInt16(8 * fields.byteCount))
      buffer.append([fields.mantissaBits, fields.exponentBits, 0, fields.mantissaBits])
      buffer.append(fields.bias)
    case .text(let text):
      let set: UInt32 = text.isUTF8 ? 1 : 0
      guard text.byteCount == nil else {
        let padding: UInt32 =
          switch text.padding {
          case .nullTerminated: 0
          case .nullPadded: 1
          case .spacePadded: 2
          }
        writeHead(.string, set << 4 | padding, to: &buffer)
        return
      }
      writeHead(.variableLength, set << 8 | 1, to: &buffer)
      DatatypeDraft.integer(1, isSigned: false, .little).write(to: &buffer)
    case .opaque:
      // Without a tag.
      writeHead(.opaque, 0, to: &buffer)
    case .enumeration(let base, let members):
      writeHead(.enumeration, UInt32(clamping: members.count), to: &buffer)
      base.write(to: &buffer)
      for member in members { Self.write(name: member.name, to: &buffer) }
      for member in members { buffer.append(member.value) }
    case .complex(let part):
      writeHead(.compound, 2, to: &buffer)
      for (index, name) in ["r", "i"].enumerated() {
        Self.write(name: name, to: &buffer)
        buffer.append(UInt32(index * part.elementByteCount))
        // No array.
        buffer.append(zeros: Self.memberByteCount - 12)
        part.write(to: &buffer)
      }
    }
  }

  /// The name of one letter, the offset, and what describes arrays.
  private static let memberByteCount = 40

  private static func bit(_ order: ByteOrder) -> UInt32 { order == .big ? 1 : 0 }

  private func writeHead(
    _ typeClass: Datatype.Class, _ bits: UInt32, to buffer: inout StructureBuffer
  ) {
    buffer.append(UInt32(1 << 4 | typeClass.rawValue) | bits << 8)
    buffer.append(UInt32(clamping: elementByteCount))
  }

  private static func write(name: String, to buffer: inout StructureBuffer) {
    let start = buffer.count
    buffer.append(name.utf8)
    buffer.append(0 as UInt8)
    buffer.align(from: start)
  }
}
