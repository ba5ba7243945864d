internal import CChecksums
internal import CZlib

/// The checksum of ZIP members (APPNOTE 4.4.7): CRC-32 with the polynomial 0xEDB88320, computed by carry-less
/// multiplication where the processor has it, which is several times as fast as zlib, and by zlib elsewhere.
package struct CRC32: Sendable {
  /// The checksum of the bytes so far; 0 for none.
  package private(set) var value: UInt32 = 0

  /// The checksum of no bytes.
  package init() {}

  /// Continues with more bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    let pointer = unsafe start.assumingMemoryBound(to: UInt8.self)
    var done = 0
    if CRC32.isAccelerated, bytes.count >= 64 {
      done = bytes.count & ~15
      value = unsafe weighbridge_crc32_folded(value, pointer, done)
    }
    value = unsafe UInt32(
      truncatingIfNeeded: crc32_z(uLong(value), pointer + done, bytes.count - done))
  }

  private static let isAccelerated = weighbridge_crc32_is_accelerated() != 0

  /// The checksum of bytes in memory.
  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var checksum = CRC32()
    unsafe bytes.withUnsafeBytes { unsafe checksum.update($0) }
    return checksum.value
  }

  /// The checksum of two runs of bytes, one behind the other, from the checksums of each: pieces can be summed in
  /// parallel.
  package static func combine(first: UInt32, second: UInt32, secondLength: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_combine(uLong(first), uLong(second), secondLength))
  }
}
