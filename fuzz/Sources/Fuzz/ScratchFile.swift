import CheckpointBytes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file in memory, where there is one, that holds the input at the moment.
struct ScratchFile {
  /// For what is known by its content.
  private static let unnamed = ScratchFile(ending: "")

  private let path: String
  private let descriptor: CInt

  /// - Parameter ending: What its name ends with.
  init(ending: String) {
    path = "/dev/shm/weighbridge-fuzz-\(getpid())\(ending)"
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  }

  /// Overwrites what the file held before; nil where there is no such file.
  func path(holding bytes: [UInt8]) -> String? {
    guard descriptor >= 0, ftruncate(descriptor, 0) == 0 else { return nil }
    guard !bytes.isEmpty else { return path }
    let written = unsafe bytes.withUnsafeBytes { buffer in
      unsafe buffer.baseAddress.map { unsafe pwrite(descriptor, $0, buffer.count, 0) }
    }
    return written == bytes.count ? path : nil
  }

  /// The bytes as a file; each call overwrites the file of the one before.
  static func holding(_ bytes: [UInt8]) -> SourceFile? {
    path(holding: bytes).flatMap { try? SourceFile(path: $0) }
  }

  /// The bytes as a path.
  static func path(holding bytes: [UInt8]) -> String? { unnamed.path(holding: bytes) }
}

/// The safetensors file of a header: as many equal bytes as it claims, up to a megabyte.
func safetensors(header: [UInt8], filledWith byte: UInt8) -> [UInt8] {
  let tensors = try? JSONValue(parsing: header, context: "header").members
  let end = (tensors ?? []).compactMap { $0.value["data_offsets"]?.elements?.last?.integer }.max()
  let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
  return length + header + [UInt8](repeating: byte, count: max(0, min(end ?? 0, 1 << 20)))
}
