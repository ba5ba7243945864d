import CheckpointBytes
import TestSupport
import ZipFormat

/// The path of a file under `fixtures/`.
func fixture(_ path: String, file: String = #filePath) -> String {
  let root = file.split(separator: "/").dropLast(3).joined(separator: "/")
  return "/\(root)/fixtures/\(path)"
}

/// An archive of stored members in memory, as `ZipLayout` lays it out.
func archive(_ members: [(ExactName, [UInt8])], alignment: Int = 64) throws -> [UInt8] {
  let layout = try ZipLayout(
    members: members.map { ($0.0, $0.1.count) }, alignment: alignment)
  var bytes = [UInt8](repeating: 0, count: layout.byteCount)
  for (index, member) in members.enumerated() {
    let start = layout.dataOffset(of: index)
    bytes.replaceSubrange(start..<(start + member.1.count), with: member.1)
  }
  for header in try layout.headers(crc32s: members.map { CRC32.checksum($0.1) }) {
    bytes.replaceSubrange(header.offset..<(header.offset + header.bytes.count), with: header.bytes)
  }
  return bytes
}

/// Opens an archive in memory and reads every member whole. Returns what it read, or what was thrown.
func read(_ bytes: [UInt8], limits: ReadLimits = ReadLimits()) throws -> [(String, [UInt8])] {
  let directory = try TemporaryDirectory()
  let archive = try ZipArchive(
    SourceFile(path: try directory.write(bytes, as: "archive.zip")), limits: limits)
  return try archive.members.map {
    ($0.name.string, try archive.bytes(of: $0, limit: 1 << 20))
  }
}

/// The error of reading an archive, or nil if it can be read.
func failure(_ bytes: [UInt8]) throws -> CheckpointError? {
  do {
    _ = try read(bytes)
    return nil
  } catch let error as CheckpointError {
    return error
  }
}

extension [UInt8] {
  /// The index of the last occurrence of four bytes.
  func last(_ signature: UInt32) -> Int? {
    indices.reversed().first { index in
      index + 4 <= count
        && (0..<4).allSatisfy {
          self[index + $0] == UInt8(truncatingIfNeeded: signature >> (8 * $0))
        }
    }
  }

  /// The bytes with a little-endian number written over some of them.
  func patched(_ offset: Int, _ value: some FixedWidthInteger) -> [UInt8] {
    var bytes = self
    for index in 0..<(value.bitWidth / 8) {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
    return bytes
  }
}
