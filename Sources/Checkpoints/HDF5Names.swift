internal import CheckpointBytes
internal import OrderedCollections

/// How names become paths of HDF5 objects, and back.
///
/// The components of a name become groups: at `/` if any name has one (such names came from HDF5), otherwise at `.`, and
/// then an attribute of the root says so. A name that cannot be a path (empty components, `.` and `..`, a name that is
/// another one's group) gets a path of its own, one level deep and escaped; an attribute of the root lists those.
struct HDF5Names {
  /// What stands between the components of names.
  let separator: Character
  /// The path of each name, in the order the names were given.
  let paths: [String]
  /// The names that do not follow from their path.
  let exceptions: OrderedDictionary<ExactName, ExactName>

  init(_ names: [ExactName]) {
    let separator: Character = names.contains { $0.string.utf8.contains(0x2F) } ? "/" : "."
    // Every group that some name implies: such a path cannot be a data set too.
    var groups: Set<ExactName> = []
    let plain = names.map { HDF5Names.plainPath($0, separator) }
    for path in plain {
      guard let path else { continue }
      var start = path.startIndex
      while let slash = path[start...].firstIndex(of: "/") {
        groups.insert(ExactName(String(path[..<slash])))
        start = path.index(after: slash)
      }
    }
    var taken: Set<ExactName> = []
    var paths: [String] = []
    var exceptions: OrderedDictionary<ExactName, ExactName> = [:]
    for (name, path) in zip(names, plain) {
      if let path, !groups.contains(ExactName(path)), taken.insert(ExactName(path)).inserted {
        paths.append(path)
        continue
      }
      var escaped = HDF5Names.escaped(name)
      while groups.contains(ExactName(escaped)) || !taken.insert(ExactName(escaped)).inserted {
        escaped += "%"
      }
      paths.append(escaped)
      exceptions[ExactName(escaped)] = name
    }
    self.separator = separator
    self.paths = paths
    self.exceptions = exceptions
  }

  /// The name of a path, by what the root's attributes say.
  static func name(
    ofPath path: ExactName, separator: Character,
    exceptions: OrderedDictionary<ExactName, ExactName>
  ) -> ExactName {
    if let name = exceptions[path] { return name }
    return separator == "/" ? path : ExactName(path.string.replacing("/", with: String(separator)))
  }

  /// The path that a name is, or nil if HDF5 would take it for another.
  private static func plainPath(_ name: ExactName, _ separator: Character) -> String? {
    guard !name.string.utf8.contains(0) else { return nil }
    let parts = name.string.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else { return nil }
    return parts.joined(separator: "/")
  }

  /// One path component that stands for any name: bytes that mean something in paths are written as `%` and two digits.
  private static func escaped(_ name: ExactName) -> String {
    var text = ""
    for scalar in name.string.unicodeScalars {
      switch scalar {
      case "/", "%", "\0": text += "%" + Hexadecimal.text([UInt8(scalar.value)])
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text.isEmpty || text == "." || text == ".." ? text + "%" : text
  }
}
