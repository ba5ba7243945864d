internal import CheckpointBytes

/// The objects of a plan, and the links that lead to them.
struct ObjectTree {
  struct Object {
    /// What the object is: a group, which the plan names or not, or a data set of the plan.
    enum Content {
      case group(index: Int?)
      case dataset(index: Int)
    }

    fileprivate(set) var content: Content
    /// The links of a group, in the order of their names once the tree is complete.
    fileprivate(set) var links: [Link] = []
    /// How many links lead to the object.
    fileprivate(set) var linkCount = 1
  }

  struct Link {
    let name: ExactName
    /// The index of the object.
    let target: Int
  }

  /// The objects; the first is the root.
  private(set) var objects = [Object(content: .group(index: nil))]
  /// The objects in the order in which links lead to them, depth first: that of the file.
  private(set) var order: [Int] = []

  private let file: String
  private var places: [Place: Int] = [:]

  /// A name in a group: links to groups make several paths of one place.
  private struct Place: Hashable {
    let group: Int
    let name: ExactName
  }

  /// Makes the tree of a plan for a file.
  ///
  /// - Throws: `inconsistent` if a path is none, or taken.
  init(_ plan: HDF5Plan, for file: String) throws(CheckpointError) {
    self.file = file
    for (index, group) in plan.groups.enumerated() {
      let object = try self.group(Self.components(group.path), on: group.path)
      guard case .group(index: nil) = objects[object].content else {
        throw failure(group.path, "the plan names the group twice")
      }
      objects[object].content = .group(index: index)
    }
    for (index, dataset) in plan.datasets.enumerated() {
      objects.append(Object(content: .dataset(index: index)))
      try link(dataset.path, to: objects.count - 1)
    }
    for link in plan.hardLinks {
      guard let target = object(link.target) else {
        throw failure(link.path, "the plan has nothing at \(quoted(link.target.string))")
      }
      try self.link(link.path, to: target)
      objects[target].linkCount += 1
    }
    for index in objects.indices { objects[index].links.sort { $0.name < $1.name } }
    arrange()
  }

  // MARK: Paths

  private func failure(_ path: ExactName, _ problem: String) -> CheckpointError {
    CheckpointError(
      .inconsistent, file: file, member: path.string.isEmpty ? "/" : path.string, problem)
  }

  private static func components(_ path: ExactName) -> [ExactName] {
    if path.string.isEmpty { return [] }
    return path.string.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
      .map { ExactName(String(decoding: $0, as: UTF8.self)) }
  }

  private func object(_ path: ExactName) -> Int? {
    var current: Int? = 0
    for name in Self.components(path) {
      current = current.flatMap { places[Place(group: $0, name: name)] }
    }
    return current
  }

  /// The group of a path, made if it is not there.
  private mutating func group(
    _ components: some Sequence<ExactName>, on path: ExactName
  ) throws(CheckpointError) -> Int {
    var current = 0
    for name in components {
      guard let next = places[Place(group: current, name: name)] else {
        objects.append(Object(content: .group(index: nil)))
        try add(name, in: current, to: objects.count - 1, on: path)
        current = objects.count - 1
        continue
      }
      guard case .group = objects[next].content else {
        throw failure(path, "the plan has a data set at \(quoted(name.string)) on the way")
      }
      current = next
    }
    return current
  }

  private mutating func link(_ path: ExactName, to target: Int) throws(CheckpointError) {
    let components = Self.components(path)
    guard let name = components.last else { throw failure(path, "is no path of an HDF5 object") }
    let parent = try group(components.dropLast(), on: path)
    guard places[Place(group: parent, name: name)] == nil else {
      throw failure(path, "the plan uses the path twice")
    }
    try add(name, in: parent, to: target, on: path)
  }

  private mutating func add(
    _ name: ExactName, in group: Int, to target: Int, on path: ExactName
  ) throws(CheckpointError) {
    guard name.byteCount > 0, name != ".", !name.string.utf8.contains(0) else {
      throw failure(path, "is no path of an HDF5 object")
    }
    places[Place(group: group, name: name)] = target
    objects[group].links.append(Link(name: name, target: target))
  }

  // MARK: Order

  private mutating func arrange() {
    places = [:]
    order.reserveCapacity(objects.count)
    var isKnown = [Bool](repeating: false, count: objects.count)
    isKnown[0] = true
    var open = [0]
    while let object = open.popLast() {
      order.append(object)
      for link in objects[object].links.reversed() where !isKnown[link.target] {
        isKnown[link.target] = true
        open.append(link.target)
      }
    }
  }
}
