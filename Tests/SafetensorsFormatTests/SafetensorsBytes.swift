import CheckpointBytes
import SafetensorsFormat
import TestSupport

/// The bytes of a file with this header and `dataSize` bytes of data.
func safetensors(_ header: String, dataSize: Int = 0, headerLength: UInt64? = nil) -> [UInt8] {
  [UInt8](littleEndian: [headerLength ?? UInt64(header.utf8.count)]) + [UInt8](text: header)
    + (0..<dataSize).map { UInt8(truncatingIfNeeded: $0) }
}

/// The header of a file with these bytes.
func header(of bytes: [UInt8], limits: ReadLimits = ReadLimits()) throws -> SafetensorsHeader {
  let directory = try TemporaryDirectory()
  return try SafetensorsHeader(
    reading: SourceFile(path: try directory.write(bytes, as: "model.safetensors")), limits: limits)
}

/// Why a file with these bytes is refused; nil if it is not.
func failure(_ bytes: [UInt8], limits: ReadLimits = ReadLimits()) throws -> CheckpointError? {
  do {
    _ = try header(of: bytes, limits: limits)
    return nil
  } catch let error as CheckpointError {
    return error
  }
}
