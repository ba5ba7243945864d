import Checkpoints
import Testing

/// Digests of bytes, against those of Python's `hashlib` (3.12).
@Suite("SHA-256, with the processor's instructions and without")
struct SHA256Tests {
  private func digest(_ bytes: [UInt8], _ accelerated: Bool, cutAt size: Int = 1 << 20) -> [UInt8] {
    var hash = SHA256(accelerated: accelerated)
    for start in stride(from: 0, to: bytes.count, by: size) {
      hash.update(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    return hash.finalize()
  }

  private func text(_ digest: [UInt8]) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test("The example of the standard", arguments: [true, false])
  func example(_ accelerated: Bool) {
    #expect(
      text(digest(Array("abc".utf8), accelerated))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  /// `hashlib.sha256(b"".join(hashlib.sha256(data[:n]).digest() for n in range(301))).hexdigest()` with
  /// `data = bytes((7 * i + 3) % 256 for i in range(300))`.
  @Test(
    "Every length to 300 bytes, in one piece and in many", arguments: [true, false],
    [1, 7, 64, 1000])
  func lengths(_ accelerated: Bool, _ size: Int) {
    let data = (0..<300).map { UInt8(truncatingIfNeeded: 7 * $0 + 3) }
    let digests = (0...300).flatMap { digest(Array(data.prefix($0)), accelerated, cutAt: size) }
    #expect(
      text(digest(digests, accelerated))
        == "7d917fbd2cf49ddff9ad0a8706bba32d204e92e71d2e369c5a03d6af29278c9f")
  }
}
