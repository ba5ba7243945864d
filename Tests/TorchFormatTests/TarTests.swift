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
      (start + 156, [UInt8(ascii: "2")], true, .inconsistent),
      (start + 156, [UInt8(ascii: "3")], true, .inconsistent),
      (start + 156, [UInt8(ascii: "5")], true, .inconsistent),
      (start + 156, [UInt8(ascii: "9")], true, .unsupported),
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

  /// A header block with the right checksum, and content in whole blocks.
  private func member(_ name: String, type: Character, size: Int, _ content: [UInt8]) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    block.replaceSubrange(0..<name.utf8.count, with: Array(name.utf8))
    let digits = String(size, radix: 8)
    let field = String(repeating: "0", count: 11 - digits.count) + digits
    block.replaceSubrange(124..<135, with: Array(field.utf8))
    block.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
    block[156] = type.asciiValue ?? 0
    block.replaceSubrange(257..<265, with: Array("ustar\u{0}00".utf8))
    let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
    block.replaceSubrange(
      148..<156,
      with: Array((sum + "\u{0} ").utf8) + [UInt8](repeating: 0x20, count: 6 - sum.utf8.count))
    return block + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  private func record(_ text: String) -> [UInt8] {
    let count = text.utf8.count + (text.utf8.count < 7 ? 3 : 4)
    return Array("\(count) \(text)\n".utf8)
  }

  @Test("A size in an extended header that contradicts the member's own is refused")
  func contradictingSizes() throws {
    let original = try fixtureBytes("old.tar")
    let size = try #require(
      Int(String(decoding: original[124..<135], as: UTF8.self), radix: 8))
    func opened(_ text: String, type: Character = "x") throws -> TorchCheckpoint {
      let content = record(text)
      return try open(member("pax", type: type, size: content.count, content) + original)
    }
    #expect(try opened("size=\(size)").tensors.count == 2)
    #expect(try opened("mtime=1234").tensors.count == 2)
    let cases: [(String, Character, FailureKind)] = [
      ("size=\(size + 512)", "x", .inconsistent), ("size=00000000", "x", .inconsistent),
      ("size=-1", "x", .malformed), ("size=1e3", "x", .malformed),
      ("size=\(size)", "g", .unsupported), ("path=abcd", "g", .unsupported),
    ]
    for (text, type, kind) in cases {
      let error = #expect(throws: CheckpointError.self) { try opened(text, type: type) }
      #expect(error?.kind == kind, "\(text): \(String(describing: error))")
    }
  }

  @Test("An archive of other things is named, with a file in it that may be a checkpoint")
  func otherArchives() {
    let archive =
      member("./", type: "5", size: 0, []) + member("./model_config.yaml", type: "0", size: 1, [10])
      + member("./model_weights.ckpt", type: "0", size: 1, [1])
    let error = #expect(throws: CheckpointError.self) { try open(archive) }
    #expect(error?.kind == .unsupported)
    #expect(error?.problem.contains("'model_weights.ckpt'") == true)
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
