/// The models that Hugging Face's libraries have downloaded to this machine. Nothing is downloaded here.
///
/// `huggingface_hub` 2.4 (`file_download.py`, `constants.py`) keeps a model `org/name` in `models--org--name`: a branch or tag is
/// a file under `refs` that holds a commit, and the files of a commit lie under `snapshots`, as links to `blobs`.
public struct HubCache: Sendable {
  /// The directory that holds the models.
  public let directory: String

  /// A cache in a directory.
  public init(_ directory: String) {
    self.directory = directory
  }

  /// The cache that the environment says: `HF_HUB_CACHE` or its old name `HUGGINGFACE_HUB_CACHE`, or else `hub` in `HF_HOME`, or else in `huggingface` in
  /// `XDG_CACHE_HOME`, or else in `~/.cache`. A `~` in them, and variables, are what the environment says, as for `huggingface_hub` 2.4
  /// (`constants.py`). Nil where not even a home is known.
  public static var standard: HubCache? {
    func stated(_ name: String) -> String? {
      SystemCalls.environment(name).flatMap { $0.isEmpty ? nil : expanded($0) }
    }
    if let cache = stated("HF_HUB_CACHE") ?? stated("HUGGINGFACE_HUB_CACHE") {
      return HubCache(cache)
    }
    if let home = stated("HF_HOME") { return HubCache(Directory.join(home, "hub")) }
    guard let caches = stated("XDG_CACHE_HOME") ?? expanded("~/.cache") else { return nil }
    return HubCache(Directory.join(caches, "huggingface/hub"))
  }

  /// A path with a home for `~`, and values for `$NAME` and `${NAME}`, as Python's `expandvars(expanduser(path))` has it: what is
  /// not known stays as it is. Nil for `~` where no home is known.
  private static func expanded(_ path: String) -> String? {
    var path = path
    if path == "~" || path.hasPrefix("~/") {
      guard let home = SystemCalls.environment("HOME") else { return nil }
      path = (home.hasSuffix("/") ? String(home.dropLast()) : home) + path.dropFirst()
    }
    return expandingVariables(path[...])
  }

  private static func isInName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func expandingVariables(_ path: Substring) -> String {
    guard let sign = path.utf8.firstIndex(of: UInt8(ascii: "$")) else { return String(path) }
    let rest = path[path.utf8.index(after: sign)...]
    var name = Substring(rest.utf8.prefix(while: isInName))
    var end = name.endIndex
    if rest.utf8.first == UInt8(ascii: "{"), let close = rest.utf8.firstIndex(of: UInt8(ascii: "}"))
    {
      name = Substring(rest.utf8[..<close].dropFirst())
      end = rest.utf8.index(after: close)
    }
    let value = SystemCalls.environment(String(name)) ?? String(path[sign..<end])
    return String(path[..<sign]) + value + expandingVariables(path[end...])
  }
}

extension HubCache {
  /// A model by its name on the Hub: `org/name`, `name`, or either with `@` and a branch, a tag or a commit.
  public struct Reference: Sendable, Hashable {
    /// The name: `google-bert/bert-base-uncased`.
    public let name: String
    /// The branch, tag or commit; `main` if none was said.
    public let revision: String

    /// Reads a name; nil if the text cannot be one.
    public init?(_ text: String) {
      let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      revision = parts.count > 1 ? String(parts[1]) : "main"
      self.name = name
      let segments = name.split(separator: "/", omittingEmptySubsequences: false)
      guard (1...2).contains(segments.count), segments.allSatisfy(Self.isSegment),
        revision.split(separator: "/", omittingEmptySubsequences: false)
          .allSatisfy(Self.isSegment)
      else { return nil }
    }

    /// What the Hub takes in names, and nothing that leads out of a directory.
    private static func isSegment(_ text: Substring) -> Bool {
      !text.isEmpty && text != "." && !text.contains("..") && !text.contains("--")
        && text.utf8.allSatisfy { byte in
          switch byte {
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
          default: false
          }
        }
    }

    fileprivate var folder: String {
      "models--" + name.split(separator: "/").joined(separator: "--")
    }
  }

  private typealias Snapshot = (commit: String, references: [String], directory: String)

  /// A model in the cache.
  public struct Model: Sendable {
    /// Its name on the Hub.
    public let name: String
    /// Its commits, and the branches and tags that lead to each.
    public let snapshots: [(commit: String, references: [String], directory: String)]
  }

  /// All models of the cache, by name; none if there is no such directory.
  public func models() throws(CheckpointError) -> [Model] {
    guard try PathKind(path: directory) == .directory else { return [] }
    var models: [Model] = []
    for folder in try Directory.names(in: directory) where folder.hasPrefix("models--") {
      let path = Directory.join(directory, folder)
      guard let snapshots = try Self.snapshots(inModel: path) else { continue }
      models.append(Model(name: Self.name(ofFolder: folder), snapshots: snapshots))
    }
    return models
  }

  /// What the folder of a model holds; nil if it is none.
  private static func snapshots(inModel path: String) throws(CheckpointError) -> [Snapshot]? {
    let snapshots = Directory.join(path, "snapshots")
    guard try PathKind(path: snapshots) == .directory else { return nil }
    let references = try references(in: Directory.join(path, "refs"))
    var found: [Snapshot] = []
    for commit in try Directory.names(in: snapshots) {
      let directory = Directory.join(snapshots, commit)
      guard try PathKind(path: directory) == .directory else { continue }
      found.append((commit, references.filter { $0.commit == commit }.map(\.name), directory))
    }
    return found
  }

  /// What the Hub calls the model of which a path is a snapshot (`…/models--org--name/snapshots/…`); nil for any other path.
  package static func name(ofSnapshot path: String) -> String? {
    let parts = path.split(separator: "/")
    guard let place = parts.lastIndex(of: "snapshots"), place > 0,
      parts[place - 1].hasPrefix("models--")
    else { return nil }
    return name(ofFolder: String(parts[place - 1]))
  }

  /// `models--org--name` is `org/name`. Names on the Hub have no `--`.
  private static func name(ofFolder folder: String) -> String {
    let bare = folder.dropFirst("models--".count)
    guard let split = bare.firstRange(of: "--") else { return String(bare) }
    return bare[..<split.lowerBound] + "/" + bare[split.upperBound...]
  }

  /// Branches and tags, those in folders (`refs/pr/1`, which is what the Hub calls a proposal) too.
  private static func references(
    in directory: String, below prefix: String = "", depth: Int = 0
  ) throws(CheckpointError) -> [(name: String, commit: String)] {
    guard try PathKind(path: directory) == .directory else { return [] }
    var found: [(name: String, commit: String)] = []
    for name in try Directory.names(in: directory) {
      let path = Directory.join(directory, name)
      if let commit = try commit(in: path) {
        found.append((prefix + name, commit))
      } else if depth < 8 {
        found += try references(in: path, below: prefix + name + "/", depth: depth + 1)
      }
    }
    return found
  }

  /// The commit that a file of a reference holds; nil if it holds none.
  private static func commit(in path: String) throws(CheckpointError) -> String? {
    guard try PathKind(path: path) == .file else { return nil }
    let file = try SourceFile(path: path)
    let bytes = try file.bytes(at: 0, count: min(file.size, 256))
    let text = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
    return Reference("x@" + text) == nil ? nil : text
  }

  /// The directory of a model's files.
  ///
  /// - Returns: nil if the cache has no such model, or not that revision of it.
  public func snapshot(of reference: Reference) throws(CheckpointError) -> String? {
    try Self.snapshot(
      inModel: Directory.join(directory, reference.folder), revision: reference.revision)
  }

  private static func snapshot(
    inModel path: String, revision: String
  ) throws(CheckpointError) -> String? {
    let commit = try commit(in: Directory.join(Directory.join(path, "refs"), revision))
    let snapshot = Directory.join(Directory.join(path, "snapshots"), commit ?? revision)
    return try PathKind(path: snapshot) == .directory ? snapshot : nil
  }

  /// Where the files of a model lie that somebody calls so: the path itself if there is something, the snapshot if it is
  /// the folder of a model in a cache (its only one, if none is called `main`), and otherwise a model of the standard cache.
  ///
  /// - Throws: `notFound` if the text is the name of a model that the cache does not have, or not in that revision.
  public static func located(_ path: String) throws(CheckpointError) -> String {
    switch try PathKind(path: path) {
    case .directory:
      let name = splitPath(path.hasSuffix("/") ? String(path.dropLast()) : path).name
      guard name.hasPrefix("models--") else { return path }
      if let snapshot = try snapshot(inModel: path, revision: "main") { return snapshot }
      let folder = Directory.join(path, "snapshots")
      guard try PathKind(path: folder) == .directory else { return path }
      let commits = try Directory.names(in: folder)
      return commits.count == 1 ? Directory.join(folder, commits[0]) : path
    case .file, .other: return path
    case .nothing: break
    }
    guard let reference = Reference(path), let cache = standard else { return path }
    if let snapshot = try cache.snapshot(of: reference) { return snapshot }
    let folder = Directory.join(cache.directory, reference.folder)
    if let others = try snapshots(inModel: folder), !others.isEmpty {
      let names = others.map { "\(reference.name)@\($0.references.first ?? $0.commit)" }
      throw CheckpointError(
        .notFound, file: path,
        "the Hub's cache \(quoted(cache.directory)) does not have revision \(quoted(reference.revision)) of the model; there is "
          + names.prefix(5).map { singleLine($0) }.joined(separator: ", ")
          + (names.count > 5 ? " and \(names.count - 5) more" : ""),
        remedy:
          "nothing is downloaded here: hf download \(reference.name) --revision \(reference.revision) does"
      )
    }
    // A lone word, and what would lie in a directory that is there, is more often a slip in a file's name.
    guard let slash = reference.name.firstIndex(of: "/"),
      try PathKind(path: String(reference.name[..<slash])) == .nothing
    else { return path }
    throw CheckpointError(
      .notFound, file: path,
      "there is no such file, and the Hub's cache \(quoted(cache.directory)) has no such model",
      remedy:
        "nothing is downloaded here: hf download \(reference.name) does")
  }
}
