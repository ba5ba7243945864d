internal import CheckpointBytes
internal import Checkpoints

/// The files of a model directory beside its weights.
struct ModelDirectory: Sendable {
  /// A regular file that is no weight file and no index of shards.
  struct Entry: Sendable {
    /// Its path in the directory.
    let path: String
    /// Where its bytes are.
    let content: CompanionFile.Content

    var size: Int { CompanionFile(path: path, content: content).byteCount }
  }

  /// The directory's path.
  let path: String
  private let names: Set<ExactName>?
  /// The folders of modules that follow the model.
  private let moduleFolders: Set<ExactName>
  /// True if the files are given and are not those of a directory at ``path``.
  private let isGiven: Bool
  private(set) var entries: [Entry] = []
  private(set) var omissions: [Omission] = []

  /// How deep subdirectories may lie: `1_Pooling/`, `assets/tokenizer/` and `onnx/` are what there is.
  static let greatestDepth = 4
  /// More files than any model has beside its weights.
  static let mostFiles = 10_000
  /// The largest file that is taken along: vocabularies of a million tokens have some 50 MB.
  static let largestFile = 1 << 30

  /// Lists a directory.
  ///
  /// A link is followed to a file in the directory itself or in the `blobs` of the Hugging Face cache, of which
  /// snapshots are made; whatever lies elsewhere is left out, unless all links are followed. Links to directories never are.
  /// - Parameters:
  ///   - excluded: A directory that is no part of it: the destination may lie inside.
  ///   - names: If given, only files of these names are looked at, and no subdirectory.
  ///   - followsLinks: True if links to files may lead anywhere.
  /// - Throws: `inputOutput` if something cannot be read, `limitExceeded` for too many files.
  init(
    _ path: String, excluding excluded: FileIdentity? = nil, only names: Set<ExactName>? = nil,
    followsLinks: Bool = false
  ) throws(CheckpointError) {
    self.path = path
    self.names = names
    isGiven = false
    guard let root = Directory.resolved(path) else {
      throw CheckpointError(.inputOutput, file: path, "is not there")
    }
    var allowed = [followsLinks ? "/" : root + "/"]
    let (snapshots, _) = splitPath(root)
    if snapshots.hasSuffix("/snapshots/") {
      allowed.append(String(snapshots.dropLast("snapshots/".count)) + "blobs/")
    }
    moduleFolders = Set(((try? ModuleWeights.folders(in: path)) ?? []).map { ExactName($0) })
    try list("", root: root, allowed: allowed, excluded: excluded, depth: 0)
  }

  private mutating func list(
    _ prefix: String, root: String, allowed: [String], excluded: FileIdentity?, depth: Int
  ) throws(CheckpointError) {
    for name in try Directory.unreadableNames(in: Directory.join(path, prefix)) {
      omit(prefix + name, "its name is no UTF-8")
    }
    for name in try Directory.names(in: Directory.join(path, prefix)) {
      let relative = prefix + name
      if let names, !names.contains(ExactName(relative)) { continue }
      let location = Directory.join(path, relative)
      guard !name.hasPrefix(".") else {
        omit(relative, "hidden")
        continue
      }
      guard let target = Directory.resolved(location) else {
        omit(relative, "a link that leads nowhere")
        continue
      }
      switch try PathKind(path: location) {
      case .directory:
        if let excluded, Directory.identity(of: location) == excluded { continue }
        guard target == Directory.join(root, relative), depth < Self.greatestDepth else {
          omit(relative + "/", depth < Self.greatestDepth ? "a link" : "nested too deep")
          continue
        }
        try list(
          relative + "/", root: root, allowed: allowed, excluded: excluded, depth: depth + 1)
      case .file:
        guard allowed.contains(where: { target.hasPrefix($0) }) else {
          omit(relative, "a link that leads out of the directory")
          continue
        }
        try add(relative, at: location)
      case .other, .nothing: omit(relative, "not a regular file")
      }
    }
  }

  private mutating func add(_ relative: String, at location: String) throws(CheckpointError) {
    let (folder, name) = splitPath(relative)
    // The weights of a module that follows the model are taken along as they are.
    let isModule = moduleFolders.contains(ExactName(String(folder.dropLast())))
    guard isModule || !Self.holdsWeights(name) else {
      omit(relative, Self.weightsReason)
      return
    }
    guard entries.count < Self.mostFiles else {
      throw CheckpointError(
        .limitExceeded, file: path, "more than \(Self.mostFiles) files lie beside the weights")
    }
    let size = try Directory.fileSize(location)
    guard size <= Self.largestFile else {
      omit(relative, "\(size) bytes, more than the \(Self.largestFile) that are taken along")
      return
    }
    entries.append(Entry(path: relative, content: .copy(of: location, byteCount: size)))
  }

  private mutating func omit(_ relative: String, _ reason: String) {
    omissions.append(
      Omission("file " + quoted(relative), Wording(reason)))
  }

  /// Files that are given: those of a model that is in memory.
  init(_ path: String, files: [CompanionFile]) {
    self.path = path
    names = nil
    moduleFolders = []
    isGiven = true
    entries = files.map { Entry(path: $0.path, content: $0.content) }
  }

  /// The same with another content of a file.
  func replacing(_ path: String, with bytes: [UInt8]) -> ModelDirectory {
    var directory = self
    directory.entries = entries.map { entry in
      ExactName(entry.path) == ExactName(path)
        ? Entry(path: entry.path, content: .bytes(bytes)) : entry
    }
    return directory
  }

  static let weightsReason = "weights or training state, which this conversion does not renew"

  /// True for the names that weights have in any framework, and the state of a training.
  static func holdsWeights(_ name: String) -> Bool {
    let name = name.lowercased()
    let endings = [
      ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".hdf5", ".keras", ".msgpack",
      ".onnx", ".onnx_data", ".ot", ".gguf", ".ggml", ".tflite", ".mlmodel", ".pb", ".npz", ".npy",
      ".pkl", ".pickle", ".joblib", ".index.json", ".weights.json", ".ckpt.index", ".ckpt.meta",
    ]
    return endings.contains { name.hasSuffix($0) } || name.contains(".data-0000")
      || ShardIndex.isIndex(name)
  }

  /// The entry at a path.
  subscript(path: String) -> Entry? {
    entries.first { ExactName($0.path) == ExactName(path) }
  }

  /// The files of settings that tell a tokenizer's kind, by name, where they are given; nil for a directory on disk.
  func givenContents(_ limits: ReadLimits) throws(CheckpointError) -> [String: [UInt8]]? {
    guard isGiven else { return nil }
    var contents: [String: [UInt8]] = [:]
    for entry in entries where CompanionConversion.transformersFiles.contains(ExactName(entry.path))
    {
      contents[entry.path] = try bytes(entry.path, limits)
    }
    return contents
  }

  /// The bytes of a file, within the limit for JSON documents; nil if it is not there.
  func bytes(_ path: String, _ limits: ReadLimits) throws(CheckpointError) -> [UInt8]? {
    try self[path]?.content.bytes(limits)
  }

  /// The JSON document in a file; nil if it is not there.
  func json(_ path: String, _ limits: ReadLimits) throws(CheckpointError) -> JSONValue? {
    guard let bytes = try bytes(path, limits) else { return nil }
    return try JSONValue(parsing: bytes, file: Directory.join(self.path, path), limits: limits)
  }

  /// The lines of a text file; nil if it is not there.
  func lines(_ path: String, _ limits: ReadLimits) throws(CheckpointError) -> [String]? {
    guard let bytes = try bytes(path, limits) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CheckpointError(
        .malformed, file: Directory.join(self.path, path), "the text is not valid UTF-8")
    }
    var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
      String(Substring(line.last == 0x0D ? line.dropLast() : line))
    }
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
