internal import CHDF5
internal import CheckpointBytes
internal import HDF5Format
internal import TensorValues

extension LibraryReader {
  /// Describes a data set. Its elements are not read, except where they lie in the object's header.
  func dataset(
    _ object: HDF5Handle, attributes count: UInt64, at path: ExactName
  ) throws(CheckpointError) -> HDF5Dataset {
    // What has a place in this file lies in no other, passes through no filter and needs no fill value: the list of
    // properties, which is slow to get, has nothing to add.
    let address = contiguousAddress(object)
    var creation: HDF5Handle?
    var layout = H5D_CONTIGUOUS
    if address == nil {
      guard let list = HDF5Handle.properties(H5Dget_create_plist(object.identifier)) else {
        throw failure(.malformed, path, "data set")
      }
      creation = list
      layout = H5Pget_layout(list.identifier)
      // Before anything else is asked: for the extents of a virtual data set the library opens other files.
      try checkOrigin(layout, list, at: path)
    }
    guard let type = HDF5Handle.datatype(H5Dget_type(object.identifier)),
      let space = HDF5Handle.dataspace(H5Dget_space(object.identifier))
    else { throw failure(.malformed, path, "data set") }
    var elementType = HDF5ElementType(type.identifier)
    let size = H5Tget_size(type.identifier)
    var shape = try extents(of: space, at: path, "dataspace")
    if shape == nil {
      elementType = .unsupported("null dataspace")
      shape = Shape([0])
    }
    guard let shape, size > 0 else { throw failure(.malformed, path, "datatype") }
    var (byteCount, overflow) = shape.elementCount.multipliedReportingOverflow(by: size)
    guard !overflow else {
      throw failure(
        .malformed, path, "dataspace", "\(shape) elements of \(size) bytes do not fit 64 bits")
    }
    var storage = HDF5Storage.unallocated
    var fillValue: [UInt8]?
    if case .unsupported = elementType {
      // What will not be read is not looked at further, with a library that may stumble.
      byteCount = 0
    } else if let address {
      storage = try contiguous(object, address, byteCount, at: path)
    } else if let creation {
      storage = try self.storage(
        object, layout, creation, type, shape, size, byteCount, at: path)
      fillValue = try self.fillValue(creation, type, size, at: path)
    }
    return HDF5Dataset(
      path: path, attributes: attributes(of: object, count, at: path),
      elementType: elementType, integerBits: HDF5IntegerBits(type.identifier),
      elementByteCount: size, shape: shape, storage: storage,
      fillValue: fillValue, byteCount: byteCount)
  }

  /// Bytes of other files are refused.
  private func checkOrigin(
    _ layout: H5D_layout_t, _ creation: HDF5Handle, at path: ExactName
  ) throws(CheckpointError) {
    guard layout != H5D_VIRTUAL else {
      throw failure(
        .forbidden, path, "layout", "is a virtual data set: its elements lie in other files")
    }
    let externals = H5Pget_external_count(creation.identifier)
    guard externals == 0 else {
      throw failure(
        externals < 0 ? .malformed : .forbidden, path, "external file list",
        "its elements lie in \(max(0, externals)) other files")
    }
  }

  private func storage(
    _ object: HDF5Handle, _ layout: H5D_layout_t, _ creation: HDF5Handle, _ type: HDF5Handle,
    _ shape: Shape, _ size: Int, _ byteCount: Int, at path: ExactName
  ) throws(CheckpointError) -> HDF5Storage {
    switch layout {
    // With a place it would have been found before.
    case H5D_CONTIGUOUS: return .unallocated
    case H5D_COMPACT: return try compact(object, type, byteCount, at: path)
    case H5D_CHUNKED: return try chunked(object, creation, shape, size, at: path)
    default:
      throw failure(.unsupported, path, "layout", "has a layout of class \(layout.rawValue)")
    }
  }

  /// Where contiguous elements begin; nil if the layout is another, nothing was allocated, or other files hold the
  /// elements: for all of these `H5Dget_offset` gives no address.
  private func contiguousAddress(_ object: HDF5Handle) -> haddr_t? {
    let address = H5Dget_offset(object.identifier)
    // The library adds the user block even to "nowhere".
    if weighbridge_hdf5_is_undefined(address &- haddr_t(userBlock)) == 0,
      weighbridge_hdf5_is_undefined(address) == 0
    {
      return address
    }
    weighbridge_hdf5_forget_error()
    return nil
  }

  private func contiguous(
    _ object: HDF5Handle, _ address: haddr_t, _ byteCount: Int, at path: ExactName
  ) throws(CheckpointError) -> HDF5Storage {
    if byteCount == 0 { return .contiguous(offset: 0, count: 0) }
    let stored = H5Dget_storage_size(object.identifier)
    // Files whose sizes have an unusual width make the library say 0; what counts is the file's end.
    guard let offset = Int(exactly: address), stored == 0 || stored >= UInt64(byteCount) else {
      throw failure(
        .truncated, path, "data layout", "stores \(stored) bytes, expected \(byteCount)")
    }
    guard offset <= fileSize, byteCount <= fileSize - offset else {
      throw CheckpointError(
        .truncated, file: self.path, member: path.string, offset: offset, field: "data layout",
        "expected \(byteCount) bytes, the file has \(max(0, fileSize - offset)) here")
    }
    return .contiguous(offset: offset, count: byteCount)
  }

  private func compact(
    _ object: HDF5Handle, _ type: HDF5Handle, _ byteCount: Int, at path: ExactName
  ) throws(CheckpointError) -> HDF5Storage {
    // The size field has 16 bits. The library reads beyond its buffer where the message is shorter than the elements.
    guard byteCount <= 0xFFFF, H5Dget_storage_size(object.identifier) == UInt64(byteCount) else {
      throw failure(
        .malformed, path, "data layout",
        "stores \(H5Dget_storage_size(object.identifier)) bytes in the header, expected \(byteCount)"
      )
    }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    guard byteCount > 0 else { return .compact([]) }
    let result = unsafe bytes.withUnsafeMutableBytes {
      unsafe weighbridge_hdf5_read_all(object.identifier, type.identifier, $0.baseAddress)
    }
    guard result >= 0 else { throw failure(.malformed, path, "data layout") }
    return .compact(bytes)
  }

  /// The element that stands for what was never written.
  private func fillValue(
    _ creation: HDF5Handle, _ type: HDF5Handle, _ size: Int, at path: ExactName
  ) throws(CheckpointError) -> [UInt8]? {
    var status = H5D_FILL_VALUE_ERROR
    guard unsafe H5Pfill_value_defined(creation.identifier, &status) >= 0 else {
      throw failure(.malformed, path, "fill value")
    }
    switch status {
    case H5D_FILL_VALUE_DEFAULT: return []
    case H5D_FILL_VALUE_USER_DEFINED:
      guard size <= 4_096 else {
        throw failure(.limitExceeded, path, "fill value", "has \(size) bytes")
      }
      var bytes = [UInt8](repeating: 0, count: size)
      let result = unsafe bytes.withUnsafeMutableBytes {
        unsafe H5Pget_fill_value(creation.identifier, type.identifier, $0.baseAddress)
      }
      guard result >= 0 else { throw failure(.malformed, path, "fill value") }
      return bytes
    default: return nil
    }
  }
}
