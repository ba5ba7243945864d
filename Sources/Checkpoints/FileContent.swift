internal import CheckpointBytes
internal import SafetensorsFormat
internal import TorchFormat

/// What a file is, judged by its first bytes (and, for HDF5 behind a user block, by a few further places).
enum FileContent: Equatable {
  case safetensors, torch, hdf5, zip, json
  /// None of these.
  case other(ForeignContent)

  init(of file: SourceFile) throws(CheckpointError) {
    let prefix = try file.bytes(at: 0, count: min(file.size, 1024))
    if ForeignContent.isDistributedPart(file.path) {
      // Before the content: the bytes of one are those of a file of `torch.save`, without the name of the tensor.
      self = .other(
        ForeignContent(
          ForeignContent.distributed, remedy: ForeignContent.distributedRemedy))
    } else if SafetensorsHeader.recognises(prefix: prefix, fileSize: file.size) {
      self = .safetensors
    } else if try FileContent.hasHDF5Signature(
      FileBytes(file, at: 0, count: file.size), prefix)
    {
      self = .hdf5
    } else if prefix.starts(with: [0x50, 0x4B]) {
      // "PK": whatever kind of record it begins with, the archive's end decides.
      self = .zip
    } else if TorchContainer.announced(by: prefix) != nil {
      self = .torch
    } else {
      let foreign = try ForeignContent(file, prefix: prefix)
      self = FileContent.guessByName(file, prefix, foreign) ?? .other(foreign)
    }
  }

  /// HDF5 Format Specification 3.0, II.A: the superblock is at 0, 512, 1024, 2048…
  static func hasHDF5Signature(
    _ source: any ByteSource, _ prefix: [UInt8]
  ) throws(CheckpointError) -> Bool {
    let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    if prefix.starts(with: signature) { return true }
    // A user block is rare; files that begin like another format are not searched.
    if prefix.starts(with: [0x50, 0x4B]) || prefix.starts(with: [0x80]) { return false }
    var offset = 512
    while offset <= source.byteCount - 8, offset <= 1 << 30 {
      if try source.bytes(at: offset, count: 8) == signature { return true }
      offset *= 2
    }
    return false
  }

  /// What a damaged file was meant to be, so that the error is about that format. Never makes a good file of a bad one.
  private static func guessByName(
    _ file: SourceFile, _ prefix: [UInt8], _ foreign: ForeignContent
  ) -> FileContent? {
    let name = splitPath(file.path).name.lowercased()
    if name.hasSuffix(".json") { return .json }
    let text = prefix.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    if text == UInt8(ascii: "{") { return .json }
    if foreign == .unknown, name.hasSuffix(".safetensors") { return .safetensors }
    return nil
  }
}
