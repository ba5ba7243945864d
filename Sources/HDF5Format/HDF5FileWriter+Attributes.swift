internal import CHDF5
internal import CheckpointBytes
internal import TensorValues

extension HDF5FileWriter {
  /// What an object header takes in one message (64 KiB), less the attribute's own description.
  static let mostBytes = 64_000

  /// Writes an attribute: text as variable-length UTF-8, as h5py writes `str`, numbers as 64-bit scalars, arrays as
  /// they are.
  func write(
    _ attribute: HDF5Attribute, to object: HDF5Handle, at path: ExactName
  ) throws(CheckpointError) {
    let field = "attribute \(quoted(attribute.name.string))"
    guard !attribute.name.string.isEmpty, !attribute.name.string.utf8.contains(0) else {
      throw failure(.inconsistent, path, field, "an attribute needs a name without NUL")
    }
    switch attribute.value {
    case .string(let text):
      try write([text], .scalar, attribute.name, object, path, field)
    case .list(let elements):
      let texts = elements.compactMap { if case .string(let text) = $0 { text } else { nil } }
      guard texts.count == elements.count, let shape = Shape([texts.count]) else {
        throw failure(.unsupported, path, field, "only lists of strings can be written")
      }
      try write(texts, shape, attribute.name, object, path, field)
    case .integer(let value):
      try write(value.littleEndian, .i64, attribute.name, object, path, field)
    case .bigInteger(let bytes) where bytes.count == 9 && bytes.last == 0:
      try write(Array(bytes.dropLast()), .u64, .scalar, attribute.name, object, path, field)
    case .float(let value):
      try write(value.bitPattern.littleEndian, .f64, attribute.name, object, path, field)
    case .boolean(let value):
      try write(value ? 1 : 0 as UInt8, .bool, attribute.name, object, path, field)
    case .array(let name, let dimensions, let bytes):
      guard let dtype = DType(rawValue: name), let shape = Shape(dimensions),
        dtype.byteCount(elementCount: shape.elementCount) == bytes.count
      else {
        throw failure(.inconsistent, path, field, "the array's bytes are not those of its shape")
      }
      try write(bytes, dtype, shape, attribute.name, object, path, field)
    default:
      throw failure(.unsupported, path, field, "only text, numbers and arrays can be written")
    }
  }

  private func write(
    _ value: some FixedWidthInteger, _ dtype: DType, _ name: ExactName, _ object: HDF5Handle,
    _ path: ExactName, _ field: String
  ) throws(CheckpointError) {
    let bytes = unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
    try write(bytes, dtype, .scalar, name, object, path, field)
  }

  private func write(
    _ bytes: [UInt8], _ dtype: DType, _ shape: Shape, _ name: ExactName, _ object: HDF5Handle,
    _ path: ExactName, _ field: String
  ) throws(CheckpointError) {
    guard bytes.count <= Self.mostBytes else {
      throw failure(
        .limitExceeded, path, field, "\(bytes.count) bytes, at most \(Self.mostBytes) fit")
    }
    guard let type = HDF5Handle.stored(dtype, .little) else {
      throw failure(.unsupported, path, field, "HDF5 has no form for elements of type \(dtype)")
    }
    guard let attribute = try make(name, type, shape, object) else {
      throw failure(.inputOutput, path, field)
    }
    if bytes.isEmpty { return }
    // The type in memory is the type in the file: nothing is converted.
    guard unsafe H5Awrite(attribute.identifier, type.identifier, bytes) >= 0 else {
      throw failure(.inputOutput, path, field)
    }
  }

  private func write(
    _ texts: [String], _ shape: Shape, _ name: ExactName, _ object: HDF5Handle, _ path: ExactName,
    _ field: String
  ) throws(CheckpointError) {
    // A reference into the file's global heap takes 16 bytes.
    guard texts.count <= Self.mostBytes / 16 else {
      throw failure(
        .limitExceeded, path, field,
        "\(texts.count) strings, at most \(Self.mostBytes / 16) fit one attribute")
    }
    guard texts.allSatisfy({ !$0.utf8.contains(0) }) else {
      throw failure(.unsupported, path, field, "text with NUL cannot be written")
    }
    guard
      let type = HDF5Handle.datatype(weighbridge_hdf5_variable_length_string(H5T_CSET_UTF8)),
      let attribute = try make(name, type, shape, object)
    else { throw failure(.inputOutput, path, field) }
    if texts.isEmpty { return }
    // One block of text, every string ended by NUL, and the places where they begin.
    var block: [CChar] = []
    var starts: [Int] = []
    for text in texts {
      starts.append(block.count)
      block += text.utf8.map { CChar(bitPattern: $0) } + [0]
    }
    let result = unsafe block.withUnsafeBufferPointer { block in
      let pointers = unsafe starts.map { start in unsafe block.baseAddress.map { unsafe $0 + start }
      }
      return unsafe H5Awrite(attribute.identifier, type.identifier, pointers)
    }
    guard result >= 0 else { throw failure(.inputOutput, path, field) }
  }

  private func make(
    _ name: ExactName, _ type: HDF5Handle, _ shape: Shape, _ object: HDF5Handle
  ) throws(CheckpointError) -> HDF5Handle? {
    guard let space = HDF5Handle.dataspace(shape) else { return nil }
    return .attribute(
      unsafe H5Acreate2(
        object.identifier, name.string, type.identifier, space.identifier, 0, 0))
  }
}

extension HDF5Attribute {
  /// True if the attribute can be written: text without NUL, lists of such, numbers, booleans and arrays of them, as much
  /// of it as an object header takes.
  public var isWritable: Bool {
    func isText(_ value: InertValue) -> Bool {
      if case .string(let text) = value { return !text.utf8.contains(0) }
      return false
    }
    guard !name.string.isEmpty, !name.string.utf8.contains(0) else { return false }
    switch value {
    case .string: return isText(value)
    case .list(let elements):
      return elements.allSatisfy(isText) && elements.count <= HDF5FileWriter.mostBytes / 16
    case .integer, .float, .boolean: return true
    case .bigInteger(let bytes): return bytes.count == 9 && bytes.last == 0
    case .array(let dtype, _, let bytes):
      guard bytes.count <= HDF5FileWriter.mostBytes, let dtype = DType(rawValue: dtype) else {
        return false
      }
      return HDF5Handle.stored(dtype, .little) != nil
    default: return false
    }
  }
}

extension HDF5Handle {
  /// A dataspace of a shape.
  static func dataspace(_ shape: Shape) -> HDF5Handle? {
    guard shape.rank > 0 else { return .dataspace(H5Screate(H5S_SCALAR)) }
    let extents = shape.dimensions.map { hsize_t($0) }
    return .dataspace(unsafe H5Screate_simple(CInt(clamping: extents.count), extents, nil))
  }

  /// The datatype that elements are stored as; nil if there is none.
  static func stored(_ dtype: DType, _ order: ByteOrder) -> HDF5Handle? {
    guard let width = dtype.byteWidth else { return nil }
    if DType.opaqueNames.contains(where: { $0.0 == dtype }) {
      guard order == .little else { return nil }
      guard let type = HDF5Handle.datatype(H5Tcreate(H5T_OPAQUE, width)),
        unsafe H5Tset_tag(type.identifier, "") >= 0
      else { return nil }
      return type
    }
    switch dtype.category {
    case .boolean: return boolean()
    case .complex: return complex(dtype, order)
    case .integer:
      let isSigned = [.i8, .i16, .i32, .i64].contains(dtype)
      return ordered(weighbridge_hdf5_integer(CInt(width), isSigned ? 1 : 0), order)
    case .real: return ordered(weighbridge_hdf5_float(CInt(width)), order)
    }
  }

  private static func ordered(_ identifier: hid_t, _ order: ByteOrder) -> HDF5Handle? {
    guard let type = HDF5Handle.datatype(identifier),
      H5Tset_order(type.identifier, order == .big ? H5T_ORDER_BE : H5T_ORDER_LE) >= 0
    else { return nil }
    return type
  }

  /// As h5py writes numpy's bool.
  private static func boolean() -> HDF5Handle? {
    var (no, yes): (Int8, Int8) = (0, 1)
    guard let base = HDF5Handle.datatype(weighbridge_hdf5_integer(1, 1)),
      let type = HDF5Handle.datatype(H5Tenum_create(base.identifier)),
      unsafe H5Tenum_insert(type.identifier, "FALSE", &no) >= 0,
      unsafe H5Tenum_insert(type.identifier, "TRUE", &yes) >= 0
    else { return nil }
    return type
  }

  /// As h5py writes numpy's complex numbers.
  private static func complex(_ dtype: DType, _ order: ByteOrder) -> HDF5Handle? {
    guard let width = dtype.byteWidth,
      let part = ordered(weighbridge_hdf5_float(CInt(width / 2)), order),
      let type = HDF5Handle.datatype(H5Tcreate(H5T_COMPOUND, width)),
      unsafe H5Tinsert(type.identifier, "r", 0, part.identifier) >= 0,
      unsafe H5Tinsert(type.identifier, "i", width / 2, part.identifier) >= 0
    else { return nil }
    return type
  }
}
