internal import CHDF5
internal import CheckpointBytes
internal import HDF5Format

extension HDF5Description {
  /// The description of a file as libhdf5 gives it, to hold the package's own reader against.
  init(
    throughLibrary file: SourceFile, limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) {
    _ = LibraryReader.start
    self = try HDF5Library.run(file.path) { () throws(CheckpointError) in
      let reader = try LibraryReader(path: file.location, fileSize: file.size, limits: limits)
      return try reader.describe()
    }
    finish(file, limits)
  }
}

/// Walks one file through libhdf5 and collects its description. Only ever used under the library's lock.
final class LibraryReader {
  /// Once in a process.
  static let start = weighbridge_hdf5_close_ways_out()

  let path: String
  let fileSize: Int
  let limits: ReadLimits
  let file: HDF5Handle
  /// The number of bytes before the superblock, which addresses do not count.
  let userBlock: Int

  var description = HDF5Description()
  /// Where each object was put, by its address: objects with several links are met once, and cycles end.
  private var places: [UInt64: Place] = [:]
  private var pathBytes = 0

  private enum Place {
    case group(Int), dataset(Int), namedType(Int), refusal(Int)
  }

  /// Opens a file for reading.
  init(path: String, fileSize: Int, limits: ReadLimits) throws(CheckpointError) {
    self.path = path
    self.fileSize = fileSize
    self.limits = limits
    let access = HDF5Handle.properties(weighbridge_hdf5_file_access())
    guard let access, let file = HDF5Handle.file(unsafe H5Fopen(path, 0, access.identifier)) else {
      let (kind, words) = LibraryReader.described(HDF5Library.takeError())
      throw CheckpointError(kind, file: path, "libhdf5 cannot open it: \(words)")
    }
    self.file = file
    var block: hsize_t = 0
    guard let creation = HDF5Handle.properties(H5Fget_create_plist(file.identifier)),
      unsafe H5Pget_userblock(creation.identifier, &block) >= 0,
      let userBlock = Int(exactly: block), userBlock <= fileSize
    else {
      throw CheckpointError(.malformed, file: path, field: "superblock", HDF5Library.takeError())
    }
    self.userBlock = userBlock
  }

  /// An error about an object of the file, with the library's words if it has any.
  func failure(
    _ kind: FailureKind, _ member: ExactName, _ field: String? = nil, _ problem: String? = nil
  ) -> CheckpointError {
    var (kind, words) = (kind, problem ?? "")
    if problem == nil {
      let described = LibraryReader.described(HDF5Library.takeError())
      words = described.words
      if kind == .malformed { kind = described.kind }
    }
    return CheckpointError(
      kind, file: path, member: member.string.isEmpty ? "/" : member.string, field: field, words)
  }

  /// The kind of a failure in the library's words, and what to say of it. A version number that it does not know is most
  /// likely one that a newer library wrote.
  static func described(_ words: String) -> (kind: FailureKind, words: String) {
    if words.contains("truncated") { return (.truncated, words) }
    guard ["bad version number", "bad superblock version"].contains(where: words.contains) else {
      return (.malformed, words)
    }
    return (
      .unsupported, "\(HDF5Library.name) cannot read what a newer version of HDF5 wrote: \(words)"
    )
  }

  // MARK: Walking

  /// A group whose links are being followed.
  private struct Frame {
    let group: HDF5Handle
    let path: ExactName
    var links: ArraySlice<Link>
  }

  private struct Link {
    let name: String
    /// True for a name that is no UTF-8, of which the text is what can be shown.
    let isGarbled: Bool
    let type: H5L_type_t
    /// The address of what a hard link leads to.
    let address: UInt64
  }

  /// Collects every object that hard links lead to, depth first, in the order of names. What cannot be read or leads
  /// elsewhere is refused and passed by; only a root that cannot be read leaves nothing.
  func describe() throws(CheckpointError) -> HDF5Description {
    guard let root = HDF5Handle.object(unsafe H5Oopen(file.identifier, "/", 0)) else {
      throw failure(.malformed, "", "root group")
    }
    guard let top = try visit(root, path: "") else {
      throw failure(.malformed, "", "root group", "it is no group")
    }
    var frames = [top]
    while let last = frames.indices.last {
      guard let link = frames[last].links.popFirst() else {
        frames.removeLast()
        continue
      }
      let parent = frames[last].path.string
      let path = ExactName(parent.isEmpty ? link.name : "\(parent)/\(link.name)")
      try count(path)
      if let frame = follow(link, from: frames[last].group, as: path) { frames.append(frame) }
      guard frames.count <= limits.groupDepth + 1 else {
        throw failure(
          .limitExceeded, path, nil, "groups lie deeper than \(limits.groupDepth) levels")
      }
    }
    return description
  }

  /// Describes what a link leads to, or refuses it. Returns the links to follow if it is a new group.
  private func follow(_ link: Link, from group: HDF5Handle, as path: ExactName) -> Frame? {
    if let reason = refusal(of: link, path: path, in: group) {
      description.refusals.append(HDF5Refusal(path: path, reason: reason))
      return nil
    }
    if wasMet(link.address, at: path) { return nil }
    do throws(CheckpointError) {
      guard let object = HDF5Handle.object(unsafe H5Oopen(group.identifier, link.name, 0)) else {
        throw failure(.malformed, path, "object header")
      }
      return try visit(object, path: path)
    } catch {
      places[link.address] = .refusal(description.refusals.count)
      description.refusals.append(HDF5Refusal(path: path, reason: error))
      return nil
    }
  }

  /// True if the object at an address is known; the path is then a further one of it.
  private func wasMet(_ address: UInt64, at path: ExactName) -> Bool {
    switch places[address] {
    case .group(let index): description.groups[index].otherPaths.append(path)
    case .dataset(let index): description.datasets[index].otherPaths.append(path)
    case .refusal(let index): description.refusals[index].otherPaths.append(path)
    case .namedType(let index): description.namedTypes[index].otherPaths.append(path)
    case nil: return false
    }
    return true
  }

  /// Describes an object that is met for the first time. Returns the links to follow if it is a group.
  private func visit(_ object: HDF5Handle, path: ExactName) throws(CheckpointError) -> Frame? {
    var type: CInt = 0
    var address: UInt64 = 0
    var count: UInt64 = 0
    guard unsafe weighbridge_hdf5_object(object.identifier, &type, &address, &count) >= 0 else {
      throw failure(.malformed, path, "object header")
    }
    switch H5O_type_t(type) {
    case H5O_TYPE_GROUP:
      let links = try links(of: object, at: path)
      places[address] = .group(description.groups.count)
      description.groups.append(
        HDF5Group(
          path: path, attributes: attributes(of: object, count, at: path), isEmpty: links.isEmpty))
      return Frame(group: object, path: path, links: links[...])
    case H5O_TYPE_DATASET:
      let dataset = try dataset(object, attributes: count, at: path)
      places[address] = .dataset(description.datasets.count)
      description.datasets.append(dataset)
    case H5O_TYPE_NAMED_DATATYPE:
      // What has the type has it as if it were its own; the name itself is listed.
      let attributes = attributes(of: object, count, at: path)
      places[address] = .namedType(description.namedTypes.count)
      description.namedTypes.append(
        HDF5NamedType(
          path: path, elementType: HDF5ElementType(object.identifier),
          attributeCount: attributes.count))
    default:
      throw failure(.unsupported, path, nil, "is neither a group nor a data set nor a type")
    }
    return nil
  }

  private func count(_ path: ExactName) throws(CheckpointError) {
    pathBytes += path.byteCount
    let known =
      description.groups.count + description.datasets.count + description.namedTypes.count
      + description.refusals.count
    guard path.byteCount <= limits.nameBytes, known < limits.objectCount,
      description.datasets.count <= limits.tensorCount, pathBytes <= limits.jsonBytes
    else {
      throw failure(
        .limitExceeded, "", nil,
        "more than \(limits.objectCount) objects, or longer paths than this reader takes")
    }
  }

  /// The links of a group in the order of their names: large groups of the newer form store them in the order of a hash,
  /// which would be nobody's order.
  private func links(of group: HDF5Handle, at path: ExactName) throws(CheckpointError) -> [Link] {
    var collected = CollectedLinks(limit: limits.objectCount)
    let result = unsafe withUnsafeMutablePointer(to: &collected) { pointer in
      unsafe weighbridge_hdf5_visit_links(
        group.identifier,
        { name, type, address, context in
          guard let name = unsafe name,
            let collected = unsafe context?.assumingMemoryBound(to: CollectedLinks.self)
          else { return 1 }
          guard unsafe collected.pointee.links.count < collected.pointee.limit else {
            unsafe collected.pointee.problem = (
              .limitExceeded, "has more than \(collected.pointee.limit) links"
            )
            return 1
          }
          let text = unsafe String(validatingCString: name)
          unsafe collected.pointee.links.append(
            Link(
              name: unsafe text ?? String(cString: name), isGarbled: text == nil,
              type: H5L_type_t(type),
              address: address))
          return 0
        }, pointer)
    }
    if let (kind, words) = collected.problem { throw failure(kind, path, "links", words) }
    guard result >= 0 else { throw failure(.malformed, path, "links") }
    return collected.links.sorted { ExactName($0.name) < ExactName($1.name) }
  }

  private struct CollectedLinks {
    var links: [Link] = []
    var problem: (FailureKind, String)?
    let limit: Int

    init(limit: Int) { self.limit = limit }
  }

  /// Only hard links with a name of one component are followed.
  private func refusal(
    of link: Link, path: ExactName, in group: HDF5Handle
  ) -> CheckpointError? {
    guard !link.isGarbled else {
      return failure(.unsupported, path, "link name", "the link's name is not UTF-8")
    }
    guard !link.name.isEmpty, link.name != ".", !link.name.utf8.contains(UInt8(ascii: "/")) else {
      return failure(.malformed, path, "link name", "the link name \(quoted(link.name)) is a path")
    }
    if link.type == H5L_TYPE_HARD { return nil }
    let kind =
      link.type == H5L_TYPE_SOFT
      ? "a soft link"
      : link.type == H5L_TYPE_EXTERNAL ? "an external link" : "a user-defined link"
    let target = value(of: link, in: group).map { " to \($0)" } ?? ""
    return failure(.forbidden, path, "link", "is \(kind)\(target); only hard links are followed")
  }

  /// Where a soft or external link points, quoted.
  private func value(of link: Link, in group: HDF5Handle) -> String? {
    let size = unsafe weighbridge_hdf5_link_value_size(group.identifier, link.name)
    guard size > 0, size <= limits.nameBytes else { return nil }
    guard link.type == H5L_TYPE_SOFT || link.type == H5L_TYPE_EXTERNAL else { return nil }
    var buffer = [UInt8](repeating: 0, count: Int(size))
    let result = unsafe buffer.withUnsafeMutableBytes {
      unsafe H5Lget_val(group.identifier, link.name, $0.baseAddress, Int(size), 0)
    }
    guard result >= 0 else { return nil }
    // An external link: version and flags, file name, NUL, object path, NUL.
    let text = link.type == H5L_TYPE_SOFT ? buffer[...] : buffer.dropFirst()
    return quoted(
      text.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))
  }
}
