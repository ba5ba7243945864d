internal import CHDF5
internal import CheckpointBytes
internal import TensorValues

extension HDF5FileReader {
  /// The attributes of an object, in the order in which they are stored.
  func attributes(
    of object: HDF5Handle, _ count: UInt64, at path: ExactName
  ) throws(CheckpointError) -> [HDF5Attribute] {
    if count == 0 { return [] }
    var attributes: [HDF5Attribute] = []
    for name in try attributeNames(of: object, at: path) {
      guard let attribute = HDF5Handle.attribute(unsafe H5Aopen(object.identifier, name, 0)) else {
        attributes.append(
          HDF5Attribute(ExactName(name), unreadable(HDF5Library.takeError())))
        continue
      }
      attributes.append(HDF5Attribute(ExactName(name), value(of: attribute, named: name, at: path)))
    }
    return attributes
  }

  private func attributeNames(
    of object: HDF5Handle, at path: ExactName
  ) throws(CheckpointError) -> [String] {
    var collected = CollectedNames(limit: limits.objectCount)
    let result = unsafe withUnsafeMutablePointer(to: &collected) { pointer in
      unsafe weighbridge_hdf5_visit_attributes(
        object.identifier,
        { name, context in
          guard let collected = unsafe context?.assumingMemoryBound(to: CollectedNames.self),
            let name = unsafe name,
            unsafe collected.pointee.names.count < collected.pointee.limit,
            let name = unsafe String(validatingCString: name)
          else { return -1 }
          unsafe collected.pointee.names.append(name)
          return 0
        }, pointer)
    }
    guard result >= 0 else { throw failure(.malformed, path, "attributes") }
    return collected.names
  }

  private struct CollectedNames {
    var names: [String] = []
    let limit: Int

    init(limit: Int) { self.limit = limit }
  }

  /// An attribute that cannot be read does not make the data sets unreadable: it is kept as what it is, with the reason,
  /// and whoever needs its value finds none.
  private func unreadable(_ reason: String) -> InertValue {
    .object(.init(type: "hdf5.unreadable", arguments: [.string(reason)]))
  }

  private func value(
    of attribute: HDF5Handle, named name: String, at path: ExactName
  ) -> InertValue {
    do throws(CheckpointError) {
      return try readableValue(of: attribute, named: name, at: path)
    } catch {
      return unreadable(error.problem)
    }
  }

  private func readableValue(
    of attribute: HDF5Handle, named name: String, at path: ExactName
  ) throws(CheckpointError) -> InertValue {
    let field = "attribute \(quoted(name))"
    guard let type = HDF5Handle.datatype(H5Aget_type(attribute.identifier)),
      let space = HDF5Handle.dataspace(H5Aget_space(attribute.identifier))
    else { throw failure(.malformed, path, field) }
    guard let shape = try extents(of: space, at: path, field) else { return .none }
    let size = H5Tget_size(type.identifier)
    let (byteCount, overflow) = shape.elementCount.multipliedReportingOverflow(by: size)
    guard !overflow, size > 0, byteCount <= limits.attributeBytes else {
      throw failure(
        .limitExceeded, path, field, "has more than \(limits.attributeBytes) bytes")
    }
    if H5Tget_class(type.identifier) == H5T_STRING {
      let strings =
        weighbridge_hdf5_is_variable_length_string(type.identifier) != 0
        ? try variableStrings(attribute, type, space, shape, at: path, field)
        : try fixedStrings(attribute, type, shape, size, at: path, field)
      return nested(strings, shape)
    }
    guard case .number(let dtype, let order) = HDF5ElementType(type.identifier) else {
      return .object(.init(type: "hdf5.\(className(type.identifier))"))
    }
    let bytes = try raw(attribute, type, byteCount, at: path, field)
    return number(dtype, order, shape, bytes)
  }

  private func className(_ type: hid_t) -> String {
    switch H5Tget_class(type) {
    case H5T_INTEGER: "integer"
    case H5T_FLOAT: "float"
    case H5T_BITFIELD: "bitfield"
    case H5T_OPAQUE: "opaque"
    case H5T_COMPOUND: "compound"
    case H5T_REFERENCE: "reference"
    case H5T_ENUM: "enumeration"
    case H5T_VLEN: "sequence"
    case H5T_ARRAY: "array"
    default: "time"
    }
  }

  /// The extents of a dataspace; nil for one of no elements at all (`H5S_NULL`).
  func extents(
    of space: HDF5Handle, at path: ExactName, _ field: String
  ) throws(CheckpointError) -> Shape? {
    switch H5Sget_simple_extent_type(space.identifier) {
    case H5S_NULL: return nil
    case H5S_SCALAR: return .scalar
    default: break
    }
    let rank = Int(H5Sget_simple_extent_ndims(space.identifier))
    guard rank >= 0, rank <= Int(H5S_MAX_RANK) else { throw failure(.malformed, path, field) }
    var extents = [hsize_t](repeating: 0, count: rank)
    guard unsafe H5Sget_simple_extent_dims(space.identifier, &extents, nil) == rank else {
      throw failure(.malformed, path, field)
    }
    guard let shape = Shape(extents.map { Int(clamping: $0) }) else {
      throw failure(.malformed, path, field, "the extents \(extents) do not fit 64 bits")
    }
    return shape
  }

  /// The stored bytes of an attribute: reading with the type of the file converts nothing.
  private func raw(
    _ attribute: HDF5Handle, _ type: HDF5Handle, _ byteCount: Int, at path: ExactName,
    _ field: String
  ) throws(CheckpointError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    if byteCount == 0 { return bytes }
    let result = unsafe bytes.withUnsafeMutableBytes {
      unsafe H5Aread(attribute.identifier, type.identifier, $0.baseAddress)
    }
    guard result >= 0 else { throw failure(.malformed, path, field) }
    return bytes
  }
}

// MARK: Strings

extension HDF5FileReader {
  /// Strings of equal length, cut as their padding says (HDF5 specification IV.A.2.d, class 3).
  private func fixedStrings(
    _ attribute: HDF5Handle, _ type: HDF5Handle, _ shape: Shape, _ size: Int, at path: ExactName,
    _ field: String
  ) throws(CheckpointError) -> [InertValue] {
    let bytes = try raw(attribute, type, shape.elementCount * size, at: path, field)
    let padding = H5Tget_strpad(type.identifier)
    return (0..<shape.elementCount).map { index in
      var text = bytes[(index * size)..<((index + 1) * size)]
      switch padding {
      case H5T_STR_NULLPAD: while text.last == 0 { text.removeLast() }
      case H5T_STR_SPACEPAD: while text.last == 0x20 { text.removeLast() }
      default: text = text.prefix { $0 != 0 }
      }
      return textValue(text)
    }
  }

  private func variableStrings(
    _ attribute: HDF5Handle, _ type: HDF5Handle, _ space: HDF5Handle, _ shape: Shape,
    at path: ExactName, _ field: String
  ) throws(CheckpointError) -> [InertValue] {
    guard shape.elementCount > 0 else { return [] }
    guard
      let memory = HDF5Handle.datatype(
        weighbridge_hdf5_variable_length_string(H5Tget_cset(type.identifier)))
    else { throw failure(.malformed, path, field) }
    var pointers = unsafe [UnsafeMutablePointer<CChar>?](repeating: nil, count: shape.elementCount)
    guard unsafe H5Aread(attribute.identifier, memory.identifier, &pointers) >= 0 else {
      throw failure(.malformed, path, field)
    }
    defer { unsafe weighbridge_hdf5_reclaim(memory.identifier, space.identifier, &pointers) }
    var values: [InertValue] = []
    var total = 0
    for index in 0..<shape.elementCount {
      guard let pointer = unsafe pointers[index] else {
        values.append(.string(""))
        continue
      }
      let text = unsafe UnsafeRawBufferPointer(start: pointer, count: strlen(pointer))
      total += text.count
      guard total <= limits.attributeBytes else {
        throw failure(.limitExceeded, path, field, "has more than \(limits.attributeBytes) bytes")
      }
      values.append(unsafe textValue(Array(text)[...]))
    }
    return values
  }

  /// Text if it is UTF-8, bytes otherwise.
  private func textValue(_ bytes: ArraySlice<UInt8>) -> InertValue {
    String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .bytes(Array(bytes))
  }

  /// One value for a scalar, lists of lists for an array.
  private func nested(_ values: [InertValue], _ shape: Shape) -> InertValue {
    guard shape.rank > 0 else { return values.first ?? .none }
    guard shape.elementCount > 0 else { return .list([]) }
    var values = values
    for extent in shape.dimensions.dropFirst().reversed() {
      values = stride(from: 0, to: values.count, by: extent).map {
        .list(Array(values[$0..<($0 + extent)]))
      }
    }
    return .list(values)
  }
}

// MARK: Numbers

extension HDF5FileReader {
  private func number(
    _ dtype: DType, _ order: ByteOrder, _ shape: Shape, _ stored: [UInt8]
  ) -> InertValue {
    var bytes = stored
    if order == .big, let width = dtype.componentByteWidth {
      for start in stride(from: 0, to: bytes.count, by: width) {
        bytes[start..<(start + width)].reverse()
      }
    }
    guard shape.rank == 0 else {
      return .array(dtype: dtype.rawValue, shape: shape.dimensions, bytes: bytes)
    }
    let bits = bytes.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    switch dtype {
    case .bool where bits <= 1: return .boolean(bits == 1)
    case .u8, .u16, .u32: return .integer(Int64(bits))
    case .u64: return Int64(exactly: bits).map { .integer($0) } ?? .bigInteger(bytes + [0])
    case .i8: return .integer(Int64(Int8(truncatingIfNeeded: bits)))
    case .i16: return .integer(Int64(Int16(truncatingIfNeeded: bits)))
    case .i32: return .integer(Int64(Int32(truncatingIfNeeded: bits)))
    case .i64: return .integer(Int64(bitPattern: bits))
    case .f32: return .float(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))))
    case .f64: return .float(Double(bitPattern: bits))
    default: return .array(dtype: dtype.rawValue, shape: [], bytes: bytes)
    }
  }
}
