internal import CheckpointBytes
internal import TorchFormat
internal import ZipFormat

/// What a file or directory is that no reader of this package takes: named for people, with what helps.
///
/// Content decides; a name only where bytes cannot tell (raw data, protocol buffers without a signature).
struct ForeignContent: Equatable {
  /// What it is: `a numpy array`.
  let description: String
  /// What the user can do about it.
  var remedy: Wording?

  init(_ description: String, remedy: Wording? = nil) {
    self.description = description
    self.remedy = remedy
  }

  static let unknown = ForeignContent("unknown content")

  // MARK: What several things are

  static let distributed =
    "part of a distributed checkpoint of PyTorch (torch.distributed.checkpoint)"
  static let distributedRemedy: Wording =
    "python -m torch.distributed.checkpoint.format_utils dcp_to_torch DIRECTORY out.pt makes one "
    + "file of it"
  private static let tensorFlowRemedy: Wording =
    "Transformers (from_tf=True, then save_pretrained) or TensorFlow (save_weights to .h5) makes a "
    + "file of it that can be read"
  private static let pickle = ForeignContent(
    "a pickle that torch.save did not write", remedy: "\(remedy: .scan) lists what it names")

  // MARK: Files

  /// What a file is that no ``CheckpointReader`` takes.
  init(_ file: SourceFile) throws(CheckpointError) {
    if ForeignContent.isDistributedPart(file.path) {
      self.init(ForeignContent.distributed, remedy: ForeignContent.distributedRemedy)
    } else {
      try self.init(file, prefix: try CheckpointReader.Beginning(file).prefix)
    }
  }

  /// What a file looks like, by its first bytes, its last ones and its name.
  init(_ file: SourceFile, prefix: [UInt8]) throws(CheckpointError) {
    let name = splitPath(file.path).name.lowercased()
    if let found = ForeignContent.bySignature(prefix) ?? ForeignContent.pickle(prefix) {
      self = found
    } else if try ForeignContent.isSortedTable(file) {
      self.init("the index of a TensorFlow checkpoint", remedy: ForeignContent.tensorFlowRemedy)
    } else {
      self = ForeignContent.byStructure(prefix) ?? ForeignContent.byName(name) ?? .unknown
    }
  }

  /// What bytes look like that have no name of a file's and no end.
  init(prefix: [UInt8]) {
    self = ForeignContent.bySignature(prefix) ?? ForeignContent.byStructure(prefix) ?? .unknown
  }

  /// A part of a distributed checkpoint, whose bytes may be those of a file that `torch.save` wrote.
  static func isDistributedPart(_ path: String) -> Bool {
    splitPath(path).name.lowercased().hasSuffix(".distcp")
  }

  private static func bySignature(_ prefix: [UInt8]) -> ForeignContent? {
    if prefix.isEmpty { return ForeignContent("an empty file") }
    for (name, signature) in signatures where prefix.starts(with: signature) {
      return ForeignContent(name)
    }
    if prefix.dropFirst(4).starts(with: "TFL3".utf8) {
      return ForeignContent("a TensorFlow Lite model")
    }
    return prefix.allSatisfy({ $0 == 0 }) ? ForeignContent("zeros") : nil
  }

  private static let signatures: [(String, [UInt8])] = [
    ("a GGUF file", Array("GGUF".utf8)),
    ("a GGML file", Array("lmgg".utf8)), ("a GGML file", Array("tjgg".utf8)),
    ("a Git LFS pointer; fetch the real file first", Array("version https://git-lfs".utf8)),
    ("an HTML page", Array("<!DOCTYPE".utf8)),
    ("an HTML page", Array("<!doctype".utf8)),
    ("an HTML page", Array("<html".utf8)),
    ("a numpy array", [0x93] + Array("NUMPY".utf8)),
    ("a MATLAB 5 file (MATLAB 7.3 files are HDF5)", Array("MATLAB 5.0 MAT-file".utf8)),
    ("a netCDF classic file (netCDF 4 files are HDF5)", Array("CDF".utf8) + [1]),
    ("a netCDF classic file (netCDF 4 files are HDF5)", Array("CDF".utf8) + [2]),
    ("a netCDF classic file (netCDF 4 files are HDF5)", Array("CDF".utf8) + [5]),
    ("an HDF4 file", [0x0E, 0x03, 0x13, 0x01]),
    ("a joblib file", Array("ZF0x".utf8)),
    ("a Parquet file", Array("PAR1".utf8)),
    ("an Arrow file", Array("ARROW1".utf8)),
    ("a gzip archive", [0x1F, 0x8B]),
    ("a 7z archive", [0x37, 0x7A, 0xBC, 0xAF]),
    ("a RAR archive", Array("Rar!".utf8)),
    ("an xz archive", [0xFD, 0x37, 0x7A, 0x58, 0x5A]),
    ("a zstd archive", [0x28, 0xB5, 0x2F, 0xFD]),
    ("an LZ4 archive", [0x04, 0x22, 0x4D, 0x18]),
    ("a bzip2 archive", Array("BZh".utf8)),
    ("a zlib stream, as joblib compresses", [0x78, 0x01]),
    ("a zlib stream, as joblib compresses", [0x78, 0x5E]),
    ("a zlib stream, as joblib compresses", [0x78, 0x9C]),
    ("a zlib stream, as joblib compresses", [0x78, 0xDA]),
    ("an ELF program", [0x7F, 0x45, 0x4C, 0x46]),
  ]

  private static func pickle(_ prefix: [UInt8]) -> ForeignContent? {
    let isBinary = prefix.count >= 2 && prefix[0] == 0x80 && (2...5).contains(prefix[1])
    // Protocols 0 and 1 begin with an empty container that goes into the memo, or with a global.
    let starts: [[UInt8]] =
      [[0x5D, 0x71, 0], [0x7D, 0x71, 0]]
      + ["(lp0\n", "(dp0\n", "(lp1\n", "(dp1\n", "ccopy_reg\n", "ccollections\n", "cnumpy"].map {
        Array($0.utf8)
      }
    guard isBinary || starts.contains(where: prefix.starts(with:)) else { return nil }
    if contains(prefix, "torch.distributed.checkpoint.metadata") {
      return ForeignContent("the metadata, " + distributed, remedy: distributedRemedy)
    }
    if contains(prefix, "joblib.numpy_pickle") {
      return ForeignContent("a joblib file, which is a pickle", remedy: pickle.remedy)
    }
    return pickle
  }

  private static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
    let wanted = Array(text.utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: wanted) }
  }

  /// TensorFlow keeps names and places in a table that ends with this number
  /// (`tensorflow/core/lib/io/format.h`, `kTableMagicNumber`).
  private static func isSortedTable(_ file: SourceFile) throws(CheckpointError) -> Bool {
    let magic: [UInt8] = [0x57, 0xFB, 0x80, 0x8B, 0x24, 0x75, 0x47, 0xDB]
    guard file.size >= 48 else { return false }
    return try file.bytes(at: file.size - 8, count: 8) == magic
  }

  /// Formats that have no signature and begin in a way that others hardly do.
  private static func byStructure(_ prefix: [UInt8]) -> ForeignContent? {
    guard prefix.count >= 3 else { return nil }
    switch (prefix[0], prefix[1], prefix[2]) {
    // A map whose first key is text: msgpack.
    case (0x81...0x8F, 0xA1...0xBF, _), (0x81...0x8F, 0xD9, _), (0xDE, _, _), (0xDF, 0, _):
      return flax
    // A SavedModel's first field is its version, 1; an ONNX model's is its version, 3 and more.
    case (0x08, 1, 0x12): return savedModel
    case (0x08, 3...20, 0x12), (0x08, 3...20, 0x1A), (0x08, 3...20, 0x3A), (0x08, 3...20, 0x42):
      return ForeignContent(
        "an ONNX model", remedy: "export the model it was made from as safetensors")
    default: return nil
    }
  }

  private static let flax = ForeignContent(
    "msgpack, as Flax writes it",
    remedy: "Transformers (from_flax=True, then save_pretrained) makes safetensors of it")
  private static let savedModel = ForeignContent(
    "a TensorFlow SavedModel", remedy: tensorFlowRemedy)

  private static func byName(_ name: String) -> ForeignContent? {
    if name.hasSuffix(".onnx") { return ForeignContent("an ONNX model") }
    if name == "saved_model.pb" { return savedModel }
    if name.hasSuffix(".msgpack") { return flax }
    if [".pkl", ".pickle", ".joblib"].contains(where: name.hasSuffix) { return pickle }
    if isTensorFlowData(name) {
      return ForeignContent(
        "the data of a TensorFlow checkpoint", remedy: tensorFlowRemedy)
    }
    if name.hasSuffix(".ckpt.meta") {
      return ForeignContent("the graph of a TensorFlow checkpoint", remedy: tensorFlowRemedy)
    }
    return nil
  }

  /// `….data-00000-of-00001`
  private static func isTensorFlowData(_ name: String) -> Bool {
    let parts = name.split(separator: ".").last?.split(separator: "-") ?? []
    return parts.count == 4 && parts[0] == "data" && parts[2] == "of"
      && [parts[1], parts[3]].allSatisfy { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
  }

  // MARK: Archives

  /// What a ZIP archive is that holds neither `<root>/data.pkl` nor a `.keras` archive's weights; nil if it is PyTorch's.
  init?(archive: ZipArchive) {
    let names = archive.members.map(\.name.string)
    func has(_ suffix: String) -> Bool {
      names.contains { $0 == suffix || $0.hasSuffix("/" + suffix) }
    }
    if has("data.pkl") { return nil }
    if has(".data/extern_modules") {
      self.init(
        "an archive of torch.package",
        remedy: "its code has to be run to get the weights; \(remedy: .scan) lists what it names")
    } else if has("archive_format") || has("serialized_exported_program.json") {
      self.init(
        "a program of torch.export (.pt2)",
        remedy: "save torch.export.load(…).state_dict with torch.save or safetensors")
    } else if !names.isEmpty, names.allSatisfy({ $0.hasSuffix(".npy") }) {
      self.init(
        "a numpy archive (.npz)",
        remedy: "safetensors.numpy.save_file(dict(numpy.load(…)), …) makes safetensors of it")
    } else if has("model.weights.npz") || (has("config.json") && has("metadata.json")) {
      self.init(
        "a Keras archive without model.weights.h5",
        remedy: "save its weights with save_weights to .weights.h5")
    } else if let inner = names.first(where: ForeignContent.isCheckpoint) {
      self.init(
        "a ZIP archive that holds \(quoted(inner))", remedy: "extract it and open that")
    } else if names.contains(where: { $0.hasSuffix(".pkl") || $0.hasSuffix("/version") }) {
      // Something like PyTorch's: its reader says what is missing.
      return nil
    } else {
      self.init("a ZIP archive without a checkpoint in it")
    }
  }

  private static func isCheckpoint(_ name: String) -> Bool {
    CheckpointFormat(fileName: name) != nil
  }

  // MARK: Directories

  /// What a directory is that holds no checkpoint of ours, by the names in it; nil if nothing is known.
  init?(directory names: [String]) {
    if names.contains(".metadata") || names.contains(where: ForeignContent.isDistributedPart) {
      self.init(
        "a distributed checkpoint of PyTorch (torch.distributed.checkpoint)",
        remedy: ForeignContent.distributedRemedy)
    } else if names.contains("saved_model.pb") {
      self = ForeignContent.savedModel
    } else if names.contains(where: ForeignContent.isTensorFlowData) {
      self.init("a TensorFlow checkpoint", remedy: ForeignContent.tensorFlowRemedy)
    } else if names.contains("flax_model.msgpack") {
      self = ForeignContent.flax
    } else if names.contains("manifest.ocdbt") || names.contains("_CHECKPOINT_METADATA") {
      self.init("an Orbax checkpoint of JAX")
    } else if let name = names.first(where: { $0.hasSuffix(".onnx") || $0.hasSuffix(".gguf") }) {
      self.init(name.hasSuffix(".onnx") ? "an ONNX model" : "a GGUF file")
    } else {
      return nil
    }
  }

  /// True for the common beginning of a TensorFlow checkpoint's files, which is what TensorFlow calls its path.
  static func isTensorFlowPrefix(_ path: String) throws(CheckpointError) -> Bool {
    try PathKind(path: path + ".index") == .file
  }

  static let tensorFlowCheckpoint = ForeignContent(
    "the prefix of a TensorFlow checkpoint's files", remedy: tensorFlowRemedy)

  // MARK: The refusal

  /// The refusal of a path that is this.
  func failure(_ path: String) -> CheckpointError {
    CheckpointError(
      .unsupported, file: path, offset: 0, field: "content",
      "expected a safetensors, PyTorch or HDF5 checkpoint, found \(description)", remedy: remedy)
  }
}
