internal import CheckpointBytes
internal import SafetensorsFormat
internal import TorchFormat

/// What a file is, judged by its first bytes (and, for HDF5 behind a user block, by a few further places).
enum FileContent: Equatable {
  case safetensors, torch, hdf5, zip, json
  /// None of these; what it looks like, for people.
  case other(String)

  init(of file: SourceFile) throws(CheckpointError) {
    let prefix = try file.bytes(at: 0, count: min(file.size, 1024))
    if SafetensorsHeader.recognises(prefix: prefix, fileSize: file.size) {
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
    } else if let guess = FileContent.guessByName(file, prefix) {
      self = guess
    } else {
      self = .other(FileContent.describe(prefix))
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
  private static func guessByName(_ file: SourceFile, _ prefix: [UInt8]) -> FileContent? {
    let name = splitPath(file.path).name.lowercased()
    if name.hasSuffix(".json") { return .json }
    let text = prefix.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    if text == UInt8(ascii: "{") { return .json }
    if describe(prefix) == unknown, name.hasSuffix(".safetensors") { return .safetensors }
    return nil
  }

  private static let unknown = "unknown content"

  static func describe(_ prefix: [UInt8]) -> String {
    if prefix.isEmpty { return "an empty file" }
    let signatures: [(String, [UInt8])] = [
      ("a GGUF file", Array("GGUF".utf8)),
      ("a Git LFS pointer; fetch the real file first", Array("version https://git-lfs".utf8)),
      ("an HTML page", Array("<!DOCTYPE".utf8)),
      ("an HTML page", Array("<!doctype".utf8)),
      ("an HTML page", Array("<html".utf8)),
      ("a numpy array", [0x93] + Array("NUMPY".utf8)),
      ("a gzip archive", [0x1F, 0x8B]),
      ("a 7z archive", [0x37, 0x7A, 0xBC, 0xAF]),
      ("an xz archive", [0xFD, 0x37, 0x7A, 0x58, 0x5A]),
      ("a zstd archive", [0x28, 0xB5, 0x2F, 0xFD]),
      ("a bzip2 archive", Array("BZh".utf8)),
      ("an ELF program", [0x7F, 0x45, 0x4C, 0x46]),
    ]
    for (name, signature) in signatures where prefix.starts(with: signature) { return name }
    if prefix.allSatisfy({ $0 == 0 }) { return "zeros" }
    return unknown
  }
}
