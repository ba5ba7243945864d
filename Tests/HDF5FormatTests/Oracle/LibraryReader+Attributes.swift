internal import CHDF5
internal import CheckpointBytes
internal import HDF5Format
internal import TensorValues

extension LibraryReader {
  /// The attributes of an object, in the order in which they are stored. One that cannot be read does not make the
  /// data sets unreadable: it is kept as a marker with the reason, and whoever needs its value finds none. If the library
  /// stumbles over the list itself, one marker without a name stands for all of them.
  func attributes(of object: HDF5Handle, _ count: UInt64, at path: ExactName) -> [HDF5Attribute] {
    if count == 0 { return [] }
    let names: [String]
    do throws(CheckpointError) {
      names = try attributeNames(of: object, at: path)
    } catch {
      return [HDF5Attribute("", unreadable("\(count) attributes, \(error.problem)"))]
    }
    return names.map { name in
      guard let attribute = HDF5Handle.attribute(unsafe H5Aopen(object.identifier, name, 0)) else {
        return HDF5Attribute(
          ExactName(name), unreadable(LibraryReader.described(HDF5Library.takeError()).words))
      }
      do throws(CheckpointError) {
        return try self.attribute(attribute, named: name, at: path)
      } catch {
        return HDF5Attribute(ExactName(name), unreadable(error.problem))
      }
    }
  }

  private func unreadable(_ reason: String) -> InertValue {
    HDF5Attribute.marker("unreadable", reason)
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

  private func attribute(
    _ attribute: HDF5Handle, named name: String, at path: ExactName
  ) throws(CheckpointError) -> HDF5Attribute {
    let field = "attribute \(quoted(name))"
    guard let type = HDF5Handle.datatype(H5Aget_type(attribute.identifier)),
      let space = HDF5Handle.dataspace(H5Aget_space(attribute.identifier))
    else { throw failure(.malformed, path, field) }
    guard let elementType = HDF5AttributeType(type.identifier) else {
      return HDF5Attribute(ExactName(name), HDF5Attribute.marker(className(type.identifier)))
    }
    var form = HDF5AttributeForm(type: elementType, shape: nil, elements: .packed([]))
    if case .text(let text) = elementType, text.byteCount == nil { form.elements = .texts([]) }
    form.shape = try extents(of: space, at: path, field)
    if let shape = form.shape {
      let size = H5Tget_size(type.identifier)
      let (byteCount, overflow) = shape.elementCount.multipliedReportingOverflow(by: size)
      guard !overflow, size > 0, byteCount <= limits.attributeBytes else {
        throw failure(
          .limitExceeded, path, field, "has more than \(limits.attributeBytes) bytes")
      }
      form.elements =
        if case .texts = form.elements {
          .texts(try variableStrings(attribute, type, space, shape, at: path, field))
        } else {
          .packed(try raw(attribute, type, byteCount, at: path, field))
        }
    }
    return HDF5Attribute(ExactName(name), form)
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

extension LibraryReader {
  private func variableStrings(
    _ attribute: HDF5Handle, _ type: HDF5Handle, _ space: HDF5Handle, _ shape: Shape,
    at path: ExactName, _ field: String
  ) throws(CheckpointError) -> [[UInt8]] {
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
    var texts: [[UInt8]] = []
    var total = 0
    for index in 0..<shape.elementCount {
      guard let pointer = unsafe pointers[index] else {
        texts.append([])
        continue
      }
      let text = unsafe UnsafeRawBufferPointer(start: pointer, count: strlen(pointer))
      total += text.count
      guard total <= limits.attributeBytes else {
        throw failure(.limitExceeded, path, field, "has more than \(limits.attributeBytes) bytes")
      }
      texts.append(unsafe Array(text))
    }
    return texts
  }
}
