package import CheckpointBytes
internal import TensorValues

/// A plan laid out: everything of the file but the elements, which the caller writes to where ``offsets`` says.
///
/// ```
/// superblock │ texts of attributes │ root, its links │ object, its links │ … │ elements │ …
/// ```
///
/// A group lies before what it links to, so that a reader goes forward. The file has the oldest form that holds it
/// (superblock 0, object headers 1, symbol tables), and nothing in it depends on anything but the plan.
package struct HDF5Structure: Sendable {
  /// Where the elements of each data set of the plan begin; 0 for one without elements. From 512 bytes on they are aligned to
  /// 64 bytes.
  package let offsets: [Int]
  /// The size of the file.
  package let byteCount: Int

  private let tree: ObjectTree
  private let places: [Place]
  private let heap: StructureBuffer
  private let headers: StructureBuffer

  /// Where an object is.
  private struct Place {
    /// Its header in the buffer of all headers.
    var header = 0..<0
    /// The address of its header.
    var address = 0
    /// The links of a group of the older form, and where they go.
    var table: SymbolTableDraft?
    var tablePlace: SymbolTableDraft.Place?
  }

  /// Lays a plan out for the file at a path, at which errors point.
  ///
  /// - Throws: `inconsistent` if a path is taken twice or no path, or an object has two attributes of one name;
  ///   `unsupported` if an attribute or element type has no form in HDF5; `limitExceeded` if an attribute is larger than a
  ///   message of an object header (64 KB, 16 bytes for each text of variable length).
  package init(_ plan: HDF5Plan, for path: String) throws(CheckpointError) {
    let tree = try ObjectTree(plan, for: path)
    var places = [Place](repeating: Place(), count: tree.objects.count)
    var heap = GlobalHeapDraft(at: SuperblockDraft.byteCount)
    var headers = StructureBuffer()
    for index in tree.order {
      let object = tree.objects[index]
      let start = headers.count
      switch object.content {
      case .group(let group):
        if !object.hasLinkMessages {
          places[index].table = SymbolTableDraft(names: object.links.lazy.map(\.name))
        }
        let group = group.map { plan.groups[$0] }
        try locate(group?.path ?? "", path) { () throws(ParseFailure) in
          try object.writeGroup(index, group?.attributes ?? [], to: &headers, &heap)
        }
      case .dataset(let index):
        try locate(plan.datasets[index].path, path) { () throws(ParseFailure) in
          try object.writeDataset(index, plan.datasets[index], to: &headers, &heap)
        }
      }
      places[index].header = start..<headers.count
    }
    heap.finish()

    var end = SuperblockDraft.byteCount + heap.buffer.count
    for index in tree.order {
      places[index].address = end
      end += places[index].header.count
      if let table = places[index].table {
        places[index].tablePlace = table.place(at: end)
        end += table.byteCount
      }
    }
    (offsets, byteCount) = try Self.place(plan.datasets, from: end, path)
    headers.resolve { [offsets] reference in
      switch reference {
      case .header(let object): places[object].address
      case .tree(let object): places[object].tablePlace?.treeAddress
      case .names(let object): places[object].tablePlace?.namesAddress
      case .elements(let dataset): offsets[dataset] == 0 ? nil : offsets[dataset]
      }
    }
    self.tree = tree
    self.places = places
    self.heap = heap.buffer
    self.headers = headers
  }

  /// Puts the elements one behind the other.
  private static func place(
    _ datasets: [HDF5Plan.Dataset], from start: Int, _ path: String
  ) throws(CheckpointError) -> (offsets: [Int], end: Int) {
    var end = start
    var offsets: [Int] = []
    for dataset in datasets {
      let count = dataset.byteCount ?? 0
      guard count > 0 else {
        offsets.append(0)
        continue
      }
      // Only what is worth mapping is aligned to more than a number.
      end += -end & (count < 512 ? 7 : 63)
      offsets.append(end)
      let (sum, overflow) = end.addingReportingOverflow(count)
      guard !overflow, sum < Int.max - 64 else {
        throw CheckpointError(
          .limitExceeded, file: path, member: dataset.path.string, tensor: dataset.path.string,
          "the file would have more than 2^63 bytes")
      }
      end = sum
    }
    return (offsets, end)
  }

  /// Writes everything but the elements, and sets the size of the file.
  package func write(to output: any FileOutput) throws(CheckpointError) {
    var buffer = StructureBuffer()
    var position = 0
    func flush() throws(CheckpointError) {
      try output.write(buffer.bytes, at: position)
      position += buffer.count
      buffer.removeAll()
    }
    SuperblockDraft(
      rootAddress: places[0].address, rootTable: places[0].tablePlace, endOfFile: byteCount
    ).write(to: &buffer)
    buffer.append(heap.bytes)
    for index in tree.order {
      let place = places[index]
      buffer.append(headers.bytes[place.header])
      if let table = place.table, let tablePlace = place.tablePlace {
        let links = tree.objects[index].links.lazy.map { link in
          let target = places[link.target]
          return (name: link.name, headerAddress: target.address, table: target.tablePlace)
        }
        table.write(at: tablePlace.treeAddress, links, to: &buffer)
      }
      if buffer.count >= Self.pieceByteCount { try flush() }
    }
    try flush()
    try output.setSize(byteCount)
  }

  /// What is gathered before it is written.
  private static let pieceByteCount = 1 << 20
}

/// Adds the place to whatever is thrown about an object.
private func locate(
  _ object: ExactName, _ file: String, _ body: () throws(ParseFailure) -> Void
) throws(CheckpointError) {
  try locating(file: file, member: object.string.isEmpty ? "/" : object.string, body)
}

extension HDF5Plan.Dataset {
  /// The size of all elements; nil if they share bytes, or do not fit 63 bits.
  fileprivate var byteCount: Int? { dtype.byteCount(elementCount: shape.elementCount) }
}
