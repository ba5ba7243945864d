internal import CheckpointBytes
internal import TensorValues

extension HDF5FileReader {
  /// Describes a data set. Its elements are not read, except where they lie in the object's header.
  func dataset(
    _ header: ObjectHeader, _ typeMessage: HeaderMessage, as path: ExactName
  ) throws(ParseFailure) -> HDF5Dataset {
    if var time = header[.modificationTime]?.body {
      try time.readVersion(1...1, "modification time")
      try time.skip(7, "modification time")
    }
    let layout = try layout(of: header)
    let type = try Datatype(shared.body(of: typeMessage))
    var elementType = try type.elementType()
    guard let message = header[.dataspace] else {
      throw ParseFailure(.malformed, "dataspace", "there is none")
    }
    let space = try Dataspace(shared.body(of: message), bytes.form)
    if space.shape == nil { elementType = .unsupported("null dataspace") }
    guard let shape = space.shape ?? Shape([0]) else {
      throw ParseFailure(.malformed, "dataspace", "has no extents")
    }
    guard shape.rank <= limits.rank else {
      throw ParseFailure(
        .limitExceeded, at: message.body.offset, "dataspace",
        "\(shape.rank) axes, at most \(limits.rank) are taken")
    }
    let (byteCount, overflow) = shape.elementCount.multipliedReportingOverflow(by: type.byteCount)
    guard !overflow else {
      throw ParseFailure(
        .malformed, at: message.body.offset, "dataspace",
        "\(shape) elements of \(type.byteCount) bytes do not fit 64 bits")
    }
    var dataset = HDF5Dataset(
      path: path, attributes: attributes(of: header), elementType: elementType,
      integerBits: try type.integerBits(), elementByteCount: type.byteCount, shape: shape,
      storage: .unallocated, fillValue: nil,
      byteCount: 0)
    if case .unsupported = elementType { return dataset }
    let fill = try fillValue(header, type.byteCount)
    dataset.byteCount = byteCount
    dataset.storage = try storage(layout, header, space, type.byteCount, byteCount)
    // What lies in one piece was written whole.
    if case .contiguous = dataset.storage { return dataset }
    // Without a message zeros stand between what was written, and nothing where nothing was.
    let isStated = header[.fillValue] != nil || header[.oldFillValue] != nil
    if isStated || !layout.isEmpty { dataset.fillValue = fill }
    return dataset
  }

  /// The layout; bytes of other files are refused.
  private func layout(of header: ObjectHeader) throws(ParseFailure) -> DataLayout {
    guard let message = header[.dataLayout] else {
      throw ParseFailure(
        .malformed, at: Int(clamping: header.address), "data layout", "there is none")
    }
    let layout = try DataLayout(shared.body(of: message), bytes.form)
    if case .virtual = layout {
      throw ParseFailure(
        .forbidden, at: message.body.offset, "layout",
        "is a virtual data set: its elements lie in other files")
    }
    if let message = header[.externalFiles] {
      throw ParseFailure(
        .forbidden, at: message.body.offset, "external file list",
        "its elements lie in other files")
    }
    return layout
  }

  private func storage(
    _ layout: DataLayout, _ header: ObjectHeader, _ space: Dataspace, _ elementByteCount: Int,
    _ byteCount: Int
  ) throws(ParseFailure) -> HDF5Storage {
    switch layout {
    case .virtual: return .unallocated
    case .contiguous(let address, let stored):
      guard stored ?? .max >= UInt64(byteCount) else {
        throw ParseFailure(
          .truncated, at: Int(clamping: address ?? header.address), "data layout",
          "stores \(stored ?? 0) bytes, expected \(byteCount)")
      }
      guard let address else { return .unallocated }
      guard byteCount > 0 else {
        throw ParseFailure(
          .malformed, at: Int(clamping: header.address), "data layout",
          "there is an address of elements, and there are none")
      }
      let range = try bytes.place(address, count: UInt64(byteCount), "data layout")
      return .contiguous(offset: range.lowerBound, count: range.count)
    case .compact(var content):
      guard content.remaining == byteCount else {
        throw ParseFailure(
          .malformed, at: content.offset, "data layout",
          "stores \(content.remaining) bytes in the header, expected \(byteCount)")
      }
      return .compact(Array(try content.readBytes(byteCount, "data layout")))
    case .chunked(let chunks): return try chunked(chunks, header, space, elementByteCount)
    }
  }

  private func chunked(
    _ layout: ChunkLayout, _ header: ObjectHeader, _ space: Dataspace, _ elementByteCount: Int
  ) throws(ParseFailure) -> HDF5Storage {
    let extents = Array(layout.extents.dropLast())
    guard extents.count == space.largest.count, layout.extents.last == elementByteCount else {
      // Where no chunk was ever stored there is nothing to find by it, and all elements are the fill value.
      if layout.isEmpty, !space.largest.isEmpty, layout.extents.last == elementByteCount {
        return .unallocated
      }
      throw ParseFailure(
        .malformed, at: Int(clamping: header.address), "chunk shape",
        "chunks of \(layout.extents) bytes do not fit a data set of \(space.largest.count) axes, "
          + "\(elementByteCount) bytes an element")
    }
    guard let chunkShape = Shape(extents),
      case let (chunkByteCount, overflow) = chunkShape.elementCount.multipliedReportingOverflow(
        by: elementByteCount),
      !overflow, chunkByteCount <= limits.chunkBytes
    else {
      throw ParseFailure(
        .limitExceeded, at: Int(clamping: header.address), "chunk shape",
        "a chunk of \(extents) elements of \(elementByteCount) bytes is larger than "
          + "\(limits.chunkBytes) bytes")
    }
    var filters: [HDF5Filter] = []
    if let message = header[.filterPipeline] {
      var body = try shared.body(of: message)
      filters = try FilterPipelineMessage(&body).filters
    }
    return .chunked(
      HDF5Chunks(
        shape: extents, filters: filters, leavesEdgesUnfiltered: layout.leavesEdgesUnfiltered,
        chunks: try ChunkIndex.chunks(
          layout, of: space, chunkByteCount: chunkByteCount, isFiltered: !filters.isEmpty,
          in: bytes)))
  }

  /// The element that stands for what was never written.
  private func fillValue(
    _ header: ObjectHeader, _ elementByteCount: Int
  ) throws(ParseFailure) -> [UInt8]? {
    var value = FillValue.zeros
    if let message = header[.fillValue] {
      value = try FillValue(shared.body(of: message))
    } else if let message = header[.oldFillValue] {
      value = try FillValue(old: shared.body(of: message))
    }
    guard let bytes = value.bytes, !bytes.isEmpty else { return value.bytes }
    guard bytes.count <= Self.mostFillBytes else {
      throw ParseFailure(.limitExceeded, "fill value", "has \(bytes.count) bytes")
    }
    guard bytes.count == elementByteCount else {
      throw ParseFailure(
        .malformed, at: Int(clamping: header.address), "fill value",
        "has \(bytes.count) bytes, the elements have \(elementByteCount)")
    }
    return bytes
  }

  /// Numbers have 32 at most, opaque elements may have more; each data set keeps its own.
  private static let mostFillBytes = 4_096
}

extension DataLayout {
  /// True if there is no place of elements.
  fileprivate var isEmpty: Bool {
    switch self {
    case .contiguous(let address, _): address == nil
    case .chunked(let chunks): chunks.isEmpty
    case .compact, .virtual: false
    }
  }
}

extension ChunkLayout {
  /// True if no chunk was ever stored.
  fileprivate var isEmpty: Bool {
    switch index {
    case .tree(let address), .single(let address, _), .implicit(let address),
      .fixedArray(let address), .extensibleArray(let address), .newTree(let address):
      address == nil
    }
  }
}
