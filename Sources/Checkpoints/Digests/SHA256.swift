internal import CChecksums

/// SHA-256 (FIPS 180-4), by the processor's own instructions where it has them.
package struct SHA256 {
  /// The fractional parts of the square roots of the first eight primes.
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
    0x5be0_cd19,
  ]
  /// What does not fill a block yet.
  private var rest: [UInt8] = []
  private var byteCount: UInt64 = 0
  private let isAccelerated: Bool

  private static let blockSize = 64

  /// True if the processor has instructions for it.
  package static let canBeAccelerated = weighbridge_sha256_is_accelerated() != 0

  /// Of no bytes yet. What the processor cannot do is done without its instructions.
  package init(accelerated: Bool = true) {
    isAccelerated = accelerated && Self.canBeAccelerated
  }

  /// Takes further bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    byteCount &+= UInt64(bytes.count)
    var taken = 0
    if !rest.isEmpty {
      taken = min(Self.blockSize - rest.count, bytes.count)
      unsafe rest.append(contentsOf: bytes.prefix(taken))
      guard rest.count == Self.blockSize else { return }
      let block = rest
      rest.removeAll(keepingCapacity: true)
      unsafe block.withUnsafeBytes { unsafe compress($0) }
    }
    let end = taken + (bytes.count - taken) / Self.blockSize * Self.blockSize
    unsafe compress(UnsafeRawBufferPointer(rebasing: bytes[taken..<end]))
    unsafe rest.append(contentsOf: bytes[end...])
  }

  /// Takes further bytes.
  package mutating func update(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe update($0) }
  }

  /// The digest of all bytes: 32 bytes.
  package consuming func finalize() -> [UInt8] {
    let bitCount = byteCount &* 8
    let zeros = (2 * Self.blockSize - 9 - rest.count) % Self.blockSize
    update(
      [0x80] + [UInt8](repeating: 0, count: zeros)
        + (0..<8).map { UInt8(truncatingIfNeeded: bitCount >> UInt64(56 - 8 * $0)) })
    return state.flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) }
    }
  }

  /// Takes whole blocks.
  private mutating func compress(_ bytes: UnsafeRawBufferPointer) {
    guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    let (count, isAccelerated) = (bytes.count / Self.blockSize, isAccelerated)
    unsafe state.withUnsafeMutableBufferPointer { state in
      if isAccelerated {
        unsafe weighbridge_sha256_accelerated(state.baseAddress, start, count)
      } else {
        unsafe weighbridge_sha256_portable(state.baseAddress, start, count)
      }
    }
  }
}
