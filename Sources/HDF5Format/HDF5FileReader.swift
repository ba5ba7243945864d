internal import CHDF5
internal import CheckpointBytes

/// Walks one file through libhdf5 and collects its description. Only ever used under the library's lock.
final class HDF5FileReader {
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
    case group(Int), dataset(Int), other
  }

  /// Opens a file for reading.
  init(path: String, fileSize: Int, limits: ReadLimits) throws(CheckpointError) {
    self.path = path
    self.fileSize = fileSize
    self.limits = limits
    let access = HDF5Handle.properties(weighbridge_hdf5_file_access())
    // Closing the property list forgets the failure, so it has to live until that is taken.
    let (opened, words) = withExtendedLifetime(access) { () -> (HDF5Handle?, String) in
      guard let access else { return (nil, HDF5Library.takeError()) }
      let file = HDF5Handle.file(unsafe H5Fopen(path, 0, access.identifier))
      return (file, file == nil ? HDF5Library.takeError() : "")
    }
    guard let file = opened else {
      throw CheckpointError(
        HDF5FileReader.kind(of: words), file: path, "libhdf5 cannot open it: \(words)")
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
    let words = problem ?? HDF5Library.takeError()
    return CheckpointError(
      problem == nil && kind == .malformed ? HDF5FileReader.kind(of: words) : kind, file: path,
      member: member.string.isEmpty ? "/" : member.string, field: field, words)
  }

  /// The kind of a failure in the library's words. A version number that it does not know is most likely one that a
  /// newer library wrote.
  private static func kind(of words: String) -> FailureKind {
    if words.contains("truncated") { return .truncated }
    let isNew = words.contains("bad version number") || words.contains("bad superblock version")
    return isNew ? .unsupported : .malformed
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
    let type: H5L_type_t
  }

  /// Collects every object that hard links lead to, depth first, in the order of names.
  func describe() throws(CheckpointError) -> HDF5Description {
    guard let root = HDF5Handle.object(unsafe H5Oopen(file.identifier, "/", 0)) else {
      throw failure(.malformed, "", "root group")
    }
    var frames: [Frame] = []
    if let frame = try visit(root, path: "") { frames.append(frame) }
    while let last = frames.indices.last {
      guard let link = frames[last].links.popFirst() else {
        frames.removeLast()
        continue
      }
      let parent = frames[last].path.string
      let path = ExactName(parent.isEmpty ? link.name : "\(parent)/\(link.name)")
      try check(link, path: path, in: frames[last].group)
      guard
        let object = HDF5Handle.object(unsafe H5Oopen(frames[last].group.identifier, link.name, 0))
      else { throw failure(.malformed, path, "object header") }
      guard let frame = try visit(object, path: path) else { continue }
      guard frames.count <= limits.groupDepth else {
        throw failure(
          .limitExceeded, path, nil, "groups lie deeper than \(limits.groupDepth) levels")
      }
      frames.append(frame)
    }
    return description
  }

  /// Describes an object that is met for the first time; notes the path of one that is met again. Returns the links to
  /// follow if it is a new group.
  private func visit(_ object: HDF5Handle, path: ExactName) throws(CheckpointError) -> Frame? {
    var type: CInt = 0
    var address: UInt64 = 0
    var count: UInt64 = 0
    guard unsafe weighbridge_hdf5_object(object.identifier, &type, &address, &count) >= 0 else {
      throw failure(.malformed, path, "object header")
    }
    try self.count(path)
    switch places[address] {
    case .group(let index):
      description.groups[index].otherPaths.append(path)
      return nil
    case .dataset(let index):
      description.datasets[index].otherPaths.append(path)
      return nil
    case .other: return nil
    case nil: break
    }
    switch H5O_type_t(type) {
    case H5O_TYPE_GROUP:
      places[address] = .group(description.groups.count)
      description.groups.append(
        HDF5Group(path: path, attributes: try attributes(of: object, count, at: path)))
      return Frame(group: object, path: path, links: try links(of: object, at: path)[...])
    case H5O_TYPE_DATASET:
      places[address] = .dataset(description.datasets.count)
      description.datasets.append(try dataset(object, attributes: count, at: path))
    case H5O_TYPE_NAMED_DATATYPE:
      // A type that others share: it is described where it is used.
      places[address] = .other
    default:
      throw failure(.unsupported, path, nil, "is neither a group nor a data set nor a type")
    }
    return nil
  }

  private func count(_ path: ExactName) throws(CheckpointError) {
    pathBytes += path.byteCount
    let known = description.groups.count + description.datasets.count
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
        { name, type, context in
          guard let name = unsafe name,
            let collected = unsafe context?.assumingMemoryBound(to: CollectedLinks.self)
          else { return 1 }
          guard unsafe collected.pointee.links.count < collected.pointee.limit else {
            unsafe collected.pointee.problem = (
              .limitExceeded, "has more than \(collected.pointee.limit) links"
            )
            return 1
          }
          guard let name = unsafe String(validatingCString: name) else {
            unsafe collected.pointee.problem = (.malformed, "has a link whose name is not UTF-8")
            return 1
          }
          unsafe collected.pointee.links.append(Link(name: name, type: H5L_type_t(type)))
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
  private func check(
    _ link: Link, path: ExactName, in group: HDF5Handle
  ) throws(CheckpointError) {
    guard !link.name.isEmpty, link.name != ".", !link.name.utf8.contains(UInt8(ascii: "/")) else {
      throw failure(.malformed, path, "link name", "the link name \(quoted(link.name)) is a path")
    }
    if link.type == H5L_TYPE_HARD { return }
    let kind =
      link.type == H5L_TYPE_SOFT
      ? "a soft link"
      : link.type == H5L_TYPE_EXTERNAL
        ? "an external link" : "a user-defined link"
    let target = value(of: link, in: group).map { " to \($0)" } ?? ""
    throw failure(.forbidden, path, "link", "is \(kind)\(target); only hard links are followed")
  }

  /// Where a soft or external link points, quoted.
  private func value(of link: Link, in group: HDF5Handle) -> String? {
    let size = unsafe weighbridge_hdf5_link_value_size(group.identifier, link.name)
    guard size > 0, size <= limits.nameBytes else { return nil }
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
