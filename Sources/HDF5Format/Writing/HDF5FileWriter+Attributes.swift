internal import CHDF5
internal import CheckpointBytes
internal import TensorValues

extension HDF5FileWriter {
  /// What an object header takes in one message (64 KiB), less the attribute's own description.
  static let mostBytes = 64_000

  /// Writes an attribute as its value and its type say (``HDF5Attribute/type``).
  func write(
    _ attribute: HDF5Attribute, to object: HDF5Handle, at path: ExactName
  ) throws(CheckpointError) {
    let field = "attribute \(quoted(attribute.name.string))"
    guard attribute.hasWritableName else {
      throw failure(.inconsistent, path, field, "an attribute needs a name without NUL")
    }
    guard let form = attribute.form, form.isStorable else {
      throw failure(
        .unsupported, path, field,
        "only text without NUL, numbers and arrays of them can be written")
    }
    guard form.headerByteCount <= Self.mostBytes else {
      throw failure(
        .limitExceeded, path, field,
        "\(form.headerByteCount) bytes, at most \(Self.mostBytes) fit")
    }
    let name = attribute.name.string
    guard let type = HDF5Handle.stored(form.type),
      let space = form.shape.map(HDF5Handle.dataspace) ?? .dataspace(H5Screate(H5S_NULL)),
      let attribute = HDF5Handle.attribute(
        unsafe H5Acreate2(object.identifier, name, type.identifier, space.identifier, 0, 0))
    else { throw failure(.inputOutput, path, field) }
    // The type in memory is the type in the file: nothing is converted.
    switch form.elements {
    case .packed(let bytes):
      if bytes.isEmpty { break }
      guard unsafe H5Awrite(attribute.identifier, type.identifier, bytes) >= 0 else {
        throw failure(.inputOutput, path, field)
      }
    case .texts(let texts):
      guard texts.isEmpty || write(texts, attribute, type) else {
        throw failure(.inputOutput, path, field)
      }
    }
  }

  private func write(_ texts: [[UInt8]], _ attribute: HDF5Handle, _ type: HDF5Handle) -> Bool {
    // One block of text, every string ended by NUL, and the places where they begin.
    var block: [CChar] = []
    var starts: [Int] = []
    for text in texts {
      starts.append(block.count)
      block += text.map { CChar(bitPattern: $0) } + [0]
    }
    return unsafe block.withUnsafeBufferPointer { block in
      let pointers = unsafe starts.map { start in
        unsafe block.baseAddress.map { unsafe $0 + start }
      }
      return unsafe H5Awrite(attribute.identifier, type.identifier, pointers) >= 0
    }
  }
}

extension HDF5Attribute {
  /// True if the attribute can be written: text, numbers, booleans and arrays of them, as much as an object header takes.
  public var isWritable: Bool {
    guard hasWritableName, let form else { return false }
    return form.isStorable && form.headerByteCount <= HDF5FileWriter.mostBytes
  }

  fileprivate var hasWritableName: Bool {
    !name.string.isEmpty && !name.string.utf8.contains(0)
  }
}

extension HDF5AttributeForm {
  /// True if HDF5 has a type for the elements.
  fileprivate var isStorable: Bool {
    if let shape, shape.rank > 32 { return false }
    switch type {
    case .text: return true
    case .enumeration(let dtype, _, let members):
      let names = Set(members.map { ExactName($0.name) })
      let values = Set(members.map { $0.value << Int64(64 - dtype.bitWidth) })
      return dtype.category == .integer && names.count == members.count
        && values.count == members.count && !members.isEmpty
        && members.allSatisfy { !$0.name.isEmpty && !$0.name.utf8.contains(0) }
    case .number(let dtype, _):
      switch dtype.category {
      case .boolean, .integer, .complex: return true
      case .real: return [.f16, .bf16, .f32, .f64].contains(dtype)
      }
    }
  }

  /// About what the attribute takes in an object header.
  fileprivate var headerByteCount: Int {
    let content: Int =
      switch elements {
      case .packed(let bytes): bytes.count
      // A reference into the file's global heap.
      case .texts(let texts): 16 * texts.count
      }
    guard case .enumeration(_, _, let members) = type else {
      guard case .text(let text) = type else { return content }
      return max(content, text.byteCount ?? 0)
    }
    return content + members.reduce(0) { $0 + $1.name.utf8.count + 16 }
  }
}

extension HDF5Handle {
  /// A dataspace of a shape.
  static func dataspace(_ shape: Shape) -> HDF5Handle? {
    guard shape.rank > 0 else { return .dataspace(H5Screate(H5S_SCALAR)) }
    let extents = shape.dimensions.map { hsize_t($0) }
    return .dataspace(unsafe H5Screate_simple(CInt(clamping: extents.count), extents, nil))
  }

  /// The datatype of an attribute's elements; nil if there is none.
  static func stored(_ type: HDF5AttributeType) -> HDF5Handle? {
    switch type {
    case .number(.bf16, let order): return ordered(weighbridge_hdf5_bfloat16(), order)
    case .number(let dtype, let order): return stored(dtype, order)
    case .text(let text):
      let set = text.isUTF8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII
      guard let byteCount = text.byteCount else {
        return .datatype(weighbridge_hdf5_variable_length_string(set))
      }
      let padding: H5T_str_t =
        switch text.padding {
        case .nullTerminated: H5T_STR_NULLTERM
        case .nullPadded: H5T_STR_NULLPAD
        case .spacePadded: H5T_STR_SPACEPAD
        }
      return .datatype(weighbridge_hdf5_string(byteCount, padding, set))
    case .enumeration(let dtype, let order, let members):
      guard let base = stored(dtype, order), let width = dtype.byteWidth,
        let type = HDF5Handle.datatype(H5Tenum_create(base.identifier))
      else { return nil }
      for member in members {
        var bytes = unsafe withUnsafeBytes(of: member.value.littleEndian) {
          unsafe Array($0.prefix(width))
        }
        if order == .big { bytes.reverse() }
        guard unsafe H5Tenum_insert(type.identifier, member.name, bytes) >= 0 else { return nil }
      }
      return type
    }
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
