internal import CheckpointBytes

/// Walks one file from its root and collects its description.
final class HDF5FileReader {
  let path: String
  let limits: ReadLimits
  let bytes: StructureBytes
  let shared: SharedMessages
  let globalHeap: GlobalHeap

  private let rootAddress: UInt64
  private var description = HDF5Description()
  /// Where each object was put, by its address: objects with several links are met once, and cycles end.
  private var places: [UInt64: Place] = [:]

  private enum Place {
    case group(Int), dataset(Int), namedType(Int), refusal(Int)
  }

  /// Reads what is about the whole file.
  init(_ file: SourceFile, limits: ReadLimits) throws(CheckpointError) {
    path = file.path
    self.limits = limits
    let bytes = StructureBytes(file)
    self.bytes = bytes
    globalHeap = GlobalHeap(bytes)
    (rootAddress, shared) = try locating(file: file.path) { () throws(ParseFailure) in
      let superblock = try Superblock(in: bytes)
      var messages: ObjectHeader?
      if let address = superblock.extensionAddress {
        messages = try ObjectHeader(at: address, in: bytes)
      }
      if let message = messages?[.fileSpaceInfo], !message.isStale {
        _ = try FileSpaceInfo(message.body, bytes.form)
      }
      if let ranks = messages?[.nodeRanks] { bytes.ranks = try NodeRanks(ranks.body) }
      if let image = messages?[.cacheImage] { bytes.image = try CacheImage(image, in: bytes) }
      if var driver = messages?[.driverInfo]?.body {
        try driver.readVersion(0...0, "driver information")
        try Superblock.checkDriver(&driver)
      }
      return (superblock.rootAddress, try SharedMessages(messages, in: bytes))
    }
  }

  /// An error about an object of the file.
  func failure(_ failure: ParseFailure, at path: ExactName) -> CheckpointError {
    failure.located(file: self.path, member: path.string.isEmpty ? "/" : path.string)
  }

  // MARK: Walking

  /// A group whose links are being followed.
  private struct Frame {
    /// What stands before the names of its links: its path and a slash, of the root nothing.
    let prefix: String
    var links: ArraySlice<NamedLink>
  }

  /// A link under its name as text.
  private struct NamedLink {
    let name: ExactName
    /// True for a name that is no UTF-8, of which the text is what can be shown.
    let isGarbled: Bool
    let target: Link.Target
  }

  /// Collects every object that hard links lead to, depth first, in the order of names. What cannot be read or leads
  /// elsewhere is refused and passed by; only a root that cannot be read leaves nothing.
  func describe() throws(CheckpointError) -> HDF5Description {
    let top: Frame?
    do {
      top = try visit(rootAddress, as: "")
    } catch {
      throw failure(error, at: "")
    }
    guard let top else {
      throw failure(ParseFailure(.malformed, "root group", "it is no group"), at: "")
    }
    var frames = [top]
    while let last = frames.indices.last {
      guard let link = frames[last].links.popFirst() else {
        frames.removeLast()
        continue
      }
      let path = ExactName(frames[last].prefix + link.name.string)
      do {
        try count(path)
      } catch {
        throw failure(error, at: "")
      }
      if let frame = follow(link, as: path) { frames.append(frame) }
      guard frames.count - 1 <= limits.groupDepth else {
        throw failure(
          ParseFailure(
            .limitExceeded, "links", "groups lie deeper than \(limits.groupDepth) levels"),
          at: path)
      }
    }
    return description
  }

  /// Describes what a link leads to, or refuses it. Returns the links to follow if it is a new group.
  private func follow(_ link: NamedLink, as path: ExactName) -> Frame? {
    do throws(ParseFailure) {
      guard path.byteCount <= limits.nameBytes else {
        throw ParseFailure(
          .limitExceeded, "link name",
          "the path has \(path.byteCount) bytes, at most \(limits.nameBytes) are taken")
      }
      let address = try hardAddress(of: link)
      if wasMet(address, at: path) { return nil }
      do throws(ParseFailure) {
        return try visit(address, as: path)
      } catch {
        places[address] = .refusal(description.refusals.count)
        throw error
      }
    } catch {
      description.refusals.append(HDF5Refusal(path: path, reason: failure(error, at: path)))
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
  private func visit(_ address: UInt64, as path: ExactName) throws(ParseFailure) -> Frame? {
    let header = try ObjectHeader(at: address, in: bytes)
    if header[.symbolTable] != nil || header[.linkInfo] != nil {
      let links = try links(of: header)
      if links.count > places.count { places.reserveCapacity(places.count + links.count) }
      places[address] = .group(description.groups.count)
      description.groups.append(
        HDF5Group(path: path, attributes: attributes(of: header), isEmpty: links.isEmpty))
      return Frame(
        prefix: path.string.isEmpty ? "" : path.string + "/", links: links[...])
    }
    if let type = header[.datatype], header[.dataspace] != nil {
      let dataset = try dataset(header, type, as: path)
      places[address] = .dataset(description.datasets.count)
      description.datasets.append(dataset)
    } else if let type = header[.datatype] {
      // What has the type has it as if it were its own; the name itself is listed.
      let elementType = try Datatype(shared.body(of: type)).elementType()
      let attributes = attributes(of: header)
      places[address] = .namedType(description.namedTypes.count)
      description.namedTypes.append(
        HDF5NamedType(path: path, elementType: elementType, attributeCount: attributes.count))
    } else {
      throw ParseFailure(
        .unsupported, at: Int(clamping: address), "object header",
        "is neither a group nor a data set nor a type")
    }
    return nil
  }

  private func count(_ path: ExactName) throws(ParseFailure) {
    try bytes.charge(path.byteCount, "paths")
    let known =
      description.groups.count + description.datasets.count + description.namedTypes.count
      + description.refusals.count
    guard known < limits.objectCount else {
      throw ParseFailure(.limitExceeded, "links", "more than \(limits.objectCount) objects")
    }
    guard description.datasets.count <= limits.tensorCount else {
      throw ParseFailure(.limitExceeded, "links", "more than \(limits.tensorCount) data sets")
    }
  }

  // MARK: Links

  /// The links of a group in the order of their names: large groups of the newer form store them in the order of a hash,
  /// which would be nobody's order.
  private func links(of header: ObjectHeader) throws(ParseFailure) -> [NamedLink] {
    var links: [NamedLink] = []
    let limit = limits.objectCount
    func add(_ link: Link) throws(ParseFailure) {
      guard links.count < limit else {
        throw ParseFailure(.limitExceeded, "links", "more than \(limit) links")
      }
      guard !link.name.isEmpty, !link.name.contains(0) else {
        throw ParseFailure(
          .malformed, at: Int(clamping: header.address), "link name",
          "a link has a name that is empty or has a NUL in it")
      }
      let name = String(utf8: link.name[...])
      links.append(
        NamedLink(
          name: ExactName(name ?? String(decoding: link.name, as: UTF8.self)),
          isGarbled: name == nil, target: link.target))
    }
    if let message = header[.symbolTable] {
      try SymbolTable(message, bytes.form).forEachLink(in: bytes, add)
    } else if let message = header[.linkInfo] {
      try header.forEachLink(message, in: bytes, add)
    }
    links.sort { $0.name < $1.name }
    for (link, next) in zip(links, links.dropFirst())
    where link.name == next.name && !link.isGarbled && !next.isGarbled {
      throw ParseFailure(
        .malformed, at: Int(clamping: header.address), "link name",
        "two links are called \(quoted(link.name.string))")
    }
    return links
  }

  /// Only hard links with a name of one component are followed.
  private func hardAddress(of link: NamedLink) throws(ParseFailure) -> UInt64 {
    let name = link.name.string
    guard !link.isGarbled else {
      throw ParseFailure(.unsupported, "link name", "the link's name is not UTF-8")
    }
    guard name != ".", !name.utf8.contains(UInt8(ascii: "/")) else {
      throw ParseFailure(
        .malformed, "link name", "the link name \(quoted(name)) is a path")
    }
    func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
    let words: String
    switch link.target {
    case .object(let address): return address
    case .soft(let path): words = "a soft link to \(quoted(text(path.prefix { $0 != 0 })))"
    case .external(let file, let path):
      words = "an external link to \(quoted("\(text(file)) \(text(path))"))"
    case .userDefined: words = "a user-defined link"
    }
    throw ParseFailure(.forbidden, "link", "is \(words); only hard links are followed")
  }
}
