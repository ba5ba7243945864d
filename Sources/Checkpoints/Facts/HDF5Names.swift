package import CheckpointBytes
internal import OrderedCollections

/// How names become paths of HDF5 objects, and back.
///
/// The components of a name become groups: at `/` if any name has one (such names came from HDF5), otherwise at `.`, and
/// then an attribute of the root says so. A name that cannot be a path (empty components, `.` and `..`, a name that is
/// another one's group) gets a path of its own, one level deep and escaped; an attribute of the root lists those.
package struct HDF5Names {
  /// What stands between the components of names, as ASCII.
  let separator: UInt8
  /// The path of each name, in the order the names were given.
  let paths: [String]
  /// The names that do not follow from their path.
  let exceptions: OrderedDictionary<ExactName, ExactName>

  init(_ names: [ExactName]) {
    let separator =
      names.contains { $0.string.utf8.contains(HDF5Names.slash) } ? HDF5Names.slash : 0x2E
    // Every group that some name implies: such a path cannot be a data set too.
    var groups: Set<ExactName> = []
    let plain = names.map { HDF5Names.plainPath($0, separator) }
    for path in plain {
      guard let path else { continue }
      for index in path.utf8.indices where path.utf8[index] == HDF5Names.slash {
        groups.insert(ExactName(String(path[..<index])))
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

  /// The path of each of these names.
  package static func paths(of names: some Collection<ExactName>) -> [ExactName: ExactName] {
    let names = Array(names)
    let paths = HDF5Names(names).paths
    return Dictionary(uniqueKeysWithValues: zip(names, paths.lazy.map { ExactName($0) }))
  }

  /// The name of a path, by what the root's attributes say.
  static func name(
    ofPath path: ExactName, separator: UInt8,
    exceptions: OrderedDictionary<ExactName, ExactName>
  ) -> ExactName {
    if let name = exceptions[path] { return name }
    guard separator != slash else { return path }
    // Bytes, not characters: a mark that combines with a slash must not hide it.
    let bytes = path.string.utf8.map { $0 == slash ? separator : $0 }
    return ExactName(String(decoding: bytes, as: UTF8.self))
  }

  /// The path that a name is, or nil if HDF5 would take it for another.
  private static func plainPath(_ name: ExactName, _ separator: UInt8) -> String? {
    let bytes = Array(name.string.utf8)
    guard !bytes.contains(0) else { return nil }
    let parts = bytes.split(separator: separator, omittingEmptySubsequences: false)
    let isPlain = parts.allSatisfy { !$0.isEmpty && $0 != [0x2E] && $0 != [0x2E, 0x2E] }
    guard isPlain else { return nil }
    return String(decoding: bytes.map { $0 == separator ? slash : $0 }, as: UTF8.self)
  }

  private static let slash = UInt8(ascii: "/")

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
