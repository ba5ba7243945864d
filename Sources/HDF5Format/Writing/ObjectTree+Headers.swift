internal import CheckpointBytes
internal import TensorValues

// The object headers of groups and data sets, message by message as libhdf5 writes them (1.10.8, `libver='earliest'`).

extension ObjectTree.Object {
  /// True if the links of the group are messages of its header, the newer form. Only there a name can be marked as UTF-8; h5py
  /// does the same with names that are not ASCII. A reader looks through all the messages for each, so that groups
  /// of very many links keep the older form, and the names are UTF-8 without a mark.
  var hasLinkMessages: Bool {
    links.count <= Self.mostLinkMessages && links.contains { !$0.name.isASCII }
      && links.allSatisfy { $0.name.byteCount <= Self.mostLinkNameBytes }
  }

  private static let mostLinkMessages = 1_000
  /// Longer names do not fit a message.
  private static let mostLinkNameBytes = ObjectHeaderDraft.mostMessageBytes - 16

  func writeGroup(
    _ index: Int, _ attributes: [HDF5Attribute], to buffer: inout StructureBuffer,
    _ heap: inout GlobalHeapDraft
  ) throws(ParseFailure) {
    var header = ObjectHeaderDraft(linkCount: linkCount, in: &buffer)
    if hasLinkMessages {
      header.add(.linkInfo, to: &buffer) { buffer in
        buffer.append([0, 0])
        // Neither heap nor tree: the links are here.
        buffer.append(address: nil)
        buffer.append(address: nil)
      }
      header.add(.groupInfo, isConstant: true, to: &buffer) { $0.append([0, 0]) }
      for link in links {
        header.add(.link, to: &buffer) { link.write(to: &$0) }
      }
    } else {
      header.add(.symbolTable, to: &buffer) { buffer in
        buffer.append(.tree(index))
        buffer.append(.names(index))
      }
    }
    try header.add(attributes, to: &buffer, &heap)
    try header.finish(in: &buffer)
  }

  func writeDataset(
    _ index: Int, _ dataset: HDF5Plan.Dataset, to buffer: inout StructureBuffer,
    _ heap: inout GlobalHeapDraft
  ) throws(ParseFailure) {
    guard let type = DatatypeDraft(dataset.dtype, dataset.byteOrder),
      let byteCount = dataset.dtype.byteCount(elementCount: dataset.shape.elementCount),
      dataset.shape.rank <= Dataspace.mostAxes
    else {
      throw ParseFailure(
        .unsupported, "datatype",
        "HDF5 has no form for elements of type \(dataset.dtype) (\(dataset.byteOrder)-endian) and shape \(dataset.shape)"
      )
    }
    var attributes = dataset.attributes
    if let name = DType.opaqueNames.first(where: { $0.0 == dataset.dtype })?.1,
      attributes["dtype"] == nil
    {
      attributes.append(HDF5Attribute("dtype", .string(name)))
    }
    var header = ObjectHeaderDraft(linkCount: linkCount, in: &buffer)
    header.add(.dataspace, to: &buffer) { DataspaceDraft(shape: dataset.shape).write(to: &$0) }
    header.add(.datatype, isConstant: true, to: &buffer) { type.write(to: &$0) }
    header.add(.fillValue, isConstant: true, to: &buffer) { buffer in
      // Version 2: space is allocated early, never filled, with a default value of no bytes.
      buffer.append([2, 1, 1, 1])
      buffer.append(0 as UInt32)
    }
    header.add(.dataLayout, isConstant: true, to: &buffer) { buffer in
      // Version 3, contiguous.
      buffer.append([3, 1])
      buffer.append(.elements(index))
      buffer.append(UInt64(byteCount))
    }
    try header.add(attributes, to: &buffer, &heap)
    try header.finish(in: &buffer)
  }
}

extension ObjectTree.Link {
  /// Writes a link message (HDF5 specification IV.A.2.g), as ``Link`` reads it.
  fileprivate func write(to buffer: inout StructureBuffer) {
    let count = name.byteCount
    // Bits 0 and 1: the bytes of the name's length; bit 4: a character set is given, 1 for UTF-8.
    let (size, isLong) = (UInt8(count > 0xFF ? 1 : 0), count > 0xFF)
    buffer.append([1, size | (name.isASCII ? 0 : 0x10)])
    if !name.isASCII { buffer.append(1 as UInt8) }
    if isLong {
      buffer.append(UInt16(truncatingIfNeeded: count))
    } else {
      buffer.append(UInt8(truncatingIfNeeded: count))
    }
    buffer.append(name.string.utf8)
    buffer.append(.header(target))
  }
}

extension ObjectHeaderDraft {
  fileprivate mutating func add(
    _ attributes: [HDF5Attribute], to buffer: inout StructureBuffer, _ heap: inout GlobalHeapDraft
  ) throws(ParseFailure) {
    var names: Set<ExactName> = []
    for attribute in attributes {
      let draft = try AttributeDraft(attribute)
      guard names.insert(attribute.name).inserted else {
        throw ParseFailure(
          .inconsistent, "attribute \(quoted(attribute.name.string))",
          "the plan has two attributes of this name")
      }
      add(.attribute, to: &buffer) { draft.write(to: &$0, &heap) }
    }
  }
}

extension ExactName {
  fileprivate var isASCII: Bool { string.utf8.allSatisfy { $0 < 0x80 } }
}
