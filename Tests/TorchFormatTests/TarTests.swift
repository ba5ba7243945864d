import CheckpointBytes
import TestSupport
import Testing
import TorchFormat

@Suite("Old tar archives")
struct TarTests {
  /// `old.tar` with bytes replaced, and the checksum of the first header made right again if asked for.
  private func changed(
    at offset: Int, _ new: [UInt8], checksumOf header: Int? = nil
  ) throws -> [UInt8] {
    var bytes = try fixtureBytes("old.tar")
    bytes.replaceSubrange(offset..<(offset + new.count), with: new)
    guard let header else { return bytes }
    bytes.replaceSubrange((header + 148)..<(header + 156), with: [UInt8](repeating: 0x20, count: 8))
    let sum = bytes[header..<(header + 512)].reduce(0) { $0 + Int($1) }
    let digits = String(sum, radix: 8)
    let field = String(repeating: "0", count: 6 - digits.count) + digits
    bytes.replaceSubrange((header + 148)..<(header + 156), with: Array(field.utf8) + [0, 0x20])
    return bytes
  }

  @Test("are refused for headers that are wrong or describe something else than files")
  func headers() throws {
    // The second member's header: its size is at 124, its type at 156, its name at 0.
    let start = 1_024
    let cases: [(offset: Int, new: [UInt8], fixed: Bool, kind: FailureKind)] = [
      (start + 124, Array("77777777777".utf8), true, .truncated),
      (start + 124, Array("           ".utf8), true, .malformed),
      (start + 124, [0xFF] + [UInt8](repeating: 0xFF, count: 11), true, .malformed),
      (start + 124, [0x80, 0x7F] + [UInt8](repeating: 0, count: 10), true, .malformed),
      (start + 156, [UInt8(ascii: "2")], true, .unsupported),
      (start + 156, [UInt8(ascii: "3")], true, .unsupported),
      (start + 156, [UInt8(ascii: "5")], true, .unsupported),
      (start, Array("sys_info".utf8), true, .malformed),
      (start, Array("pickl_".utf8), true, .notFound),
      (start, Array("pickl_".utf8), false, .malformed),
    ]
    for (offset, new, isFixed, kind) in cases {
      let bytes = try changed(at: offset, new, checksumOf: isFixed ? start : nil)
      let error = #expect(throws: CheckpointError.self) { try open(bytes) }
      #expect(error?.kind == kind, "\(new): \(String(describing: error))")
    }
  }

  @Test("A size in base 256 is read")
  func base256() throws {
    let original = try fixtureBytes("old.tar")
    let octal = String(decoding: original[1_148..<1_159], as: UTF8.self)
    let size = try #require(Int(octal, radix: 8))
    let field = [0x80] + [UInt8](repeating: 0, count: 9) + [UInt8(size >> 8), UInt8(size & 0xFF)]
    let checkpoint = try open(try changed(at: 1_148, field, checksumOf: 1_024))
    #expect(checkpoint.tensors.map(\.name) == ["whole", "part"])
  }
}
