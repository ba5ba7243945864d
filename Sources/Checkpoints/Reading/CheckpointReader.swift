internal import CheckpointBytes
internal import SafetensorsFormat
internal import TorchFormat
internal import ZipFormat

/// A kind of file that checkpoints are read from, as a value: how its content is known, and how it is opened.
///
/// The list is longer than that of the ``CheckpointWriter``s, for some kinds are only read.
struct CheckpointReader: Sendable {
  /// The beginning of a file, by which its kind is told.
  struct Beginning {
    let file: SourceFile
    /// The first bytes, at most 1,024.
    let prefix: [UInt8]

    init(_ file: SourceFile) throws(CheckpointError) {
      self.file = file
      prefix = try file.bytes(at: 0, count: min(file.size, 1024))
    }
  }

  /// What such a file is.
  let name: String

  /// The ends of names, in lower case, by which the files of a directory are taken for such.
  let suffixes: [String]
  /// True if a file is such a one, judged by its content.
  let recognises: @Sendable (Beginning) throws(CheckpointError) -> Bool
  /// Opens a file that was recognised.
  let open: @Sendable (SourceFile, OpenOptions) throws(CheckpointError) -> Checkpoint

  /// All kinds. The first that recognises a file opens it.
  static let all = [safetensors, hdf5, archive, torch, index]

  static let safetensors = CheckpointReader(
    "a safetensors file", suffixes: CheckpointFormat.safetensors.suffixes,
    recognises: { start in
      SafetensorsHeader.recognises(prefix: start.prefix, fileSize: start.file.size)
    },
    open: Checkpoint.openSafetensors)

  static let hdf5 = CheckpointReader(
    "an HDF5 file", suffixes: CheckpointFormat.hdf5.suffixes,
    recognises: { (start) throws(CheckpointError) in
      try hasHDF5Signature(FileBytes(start.file, at: 0, count: start.file.size), start.prefix)
    },
    open: Checkpoint.openHDF5)

  /// A ZIP archive: one of Keras or of PyTorch.
  static let archive = CheckpointReader(
    "a ZIP archive", suffixes: [".keras"],
    // "PK": whatever kind of record it begins with, the archive's end decides.
    recognises: { $0.prefix.starts(with: [0x50, 0x4B]) },
    open: Checkpoint.openArchive)

  static let torch = CheckpointReader(
    "a PyTorch file", suffixes: CheckpointFormat.pytorch.suffixes,
    recognises: { TorchContainer.announced(by: $0.prefix) != nil },
    open: { (file, options) throws(CheckpointError) in
      try Checkpoint.openTorch(file, options: options)
    })

  /// An index of shards.
  static let index = CheckpointReader(
    "an index of shards", suffixes: [],
    recognises: { start in
      let text = start.prefix.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
      return text == UInt8(ascii: "{")
        || splitPath(start.file.path).name.lowercased().hasSuffix(".json")
    },
    open: Checkpoint.openIndex)

  /// The kind of a file; nil for none of them.
  init?(of file: SourceFile) throws(CheckpointError) {
    // Before the content: the bytes of one are those of a file of `torch.save`, without the name of the tensor.
    if ForeignContent.isDistributedPart(file.path) { return nil }
    let beginning = try Beginning(file)
    for reader in Self.all where try reader.recognises(beginning) {
      self = reader
      return
    }
    // What a damaged file was meant to be, so that the error is about that format. No signature tells safetensors.
    guard Self.safetensors.claims(file.path),
      try ForeignContent(file, prefix: beginning.prefix) == .unknown
    else { return nil }
    self = .safetensors
  }

  private init(
    _ name: String, suffixes: [String],
    recognises: @escaping @Sendable (Beginning) throws(CheckpointError) -> Bool,
    open: @escaping @Sendable (SourceFile, OpenOptions) throws(CheckpointError) -> Checkpoint
  ) {
    self.name = name
    self.suffixes = suffixes
    self.recognises = recognises
    self.open = open
  }

  /// True if a name says that a file is such a one.
  func claims(_ path: String) -> Bool {
    let name = splitPath(path).name.lowercased()
    return suffixes.contains { name.hasSuffix($0) }
  }

  /// HDF5 Format Specification 3.0, II.A: the superblock is at 0, 512, 1024, 2048…
  static func hasHDF5Signature(
    _ source: any ByteSource, _ prefix: [UInt8]
  ) throws(CheckpointError) -> Bool {
    try hdf5Start(source, prefix) != nil
  }

  /// Where an HDF5 file begins in a content: at its first byte, or behind a user block.
  static func hdf5Start(
    _ source: any ByteSource, _ prefix: [UInt8]
  ) throws(CheckpointError) -> Int? {
    let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    if prefix.starts(with: signature) { return 0 }
    // A user block is rare; files that begin like another format are not searched.
    if prefix.starts(with: [0x50, 0x4B]) || prefix.starts(with: [0x80]) { return nil }
    var offset = 512
    while offset <= source.byteCount - 8, offset <= 1 << 30 {
      if try source.bytes(at: offset, count: 8) == signature { return offset }
      offset *= 2
    }
    return nil
  }
}
