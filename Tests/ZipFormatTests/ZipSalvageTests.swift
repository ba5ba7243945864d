import CheckpointBytes
import TestSupport
import Testing
import ZipFormat

@Suite("Archives among other bytes")
struct ZipLocationTests {
  private func source(_ bytes: [UInt8]) -> MemoryBytes { MemoryBytes(bytes, origin: "memory") }

  @Test("are found from behind, one in front of the other")
  func several() throws {
    let first = try archive([("a", [1, 2, 3])])
    let second = try archive([("b", [4])])
    let front = [UInt8](repeating: 7, count: 100)
    let all = source(front + first + second + [9, 9, 9])
    let last = try #require(try ZipLocation(in: all, before: all.byteCount))
    #expect(last.range == (100 + first.count)..<(100 + first.count + second.count))
    let other = try #require(try ZipLocation(in: all, before: last.range.lowerBound))
    #expect(other.range == 100..<(100 + first.count))
    #expect(try ZipLocation(in: all, before: 100) == nil)
  }

  @Test("are not found in bytes that announce more than there is", arguments: [1, 5, 22, 60])
  func cut(_ count: Int) throws {
    let bytes = Array(try archive([("a", [1, 2, 3])]).suffix(count))
    #expect(try ZipLocation(in: source(bytes), before: bytes.count) == nil)
  }

  @Test("give their members without a directory")
  func salvage() throws {
    let bytes = try archive([("a", [1, 2, 3]), ("b", [4, 5])])
    let members = ZipSalvage(Array(bytes.dropLast(30))).members
    #expect(members.map(\.name) == ["a", "b"] && members.map(\.method) == [0, 0])
    #expect(members.allSatisfy { $0.range.upperBound <= bytes.count })
    #expect(bytes[members[0].range].starts(with: [1, 2, 3]))
    #expect(bytes[members[1].range].starts(with: [4, 5]))
  }

  @Test("are cut at the next record where all claim to go on to the end")
  func overlaps() {
    func number(_ value: Int, _ width: Int) -> [UInt8] {
      (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    // Each header takes 31 bytes with its name, and 19 bytes of data follow it.
    let count = 200
    let bytes = (1...count).reversed().flatMap { left in
      let size = left * 50 - 31
      return [0x50, 0x4B, 3, 4] + number(0, 14) + number(size, 4) + number(size, 4) + number(1, 2)
        + number(0, 2) + [0x61] + [UInt8](repeating: 7, count: 19)
    }
    let members = ZipSalvage(bytes).members
    #expect(members.count == count)
    #expect(members.first?.range == 31..<bytes.count)
    #expect(members.last?.range == (bytes.count - 19)..<bytes.count)
    #expect(members.reduce(0) { $0 + $1.range.count } <= 5 * bytes.count)
  }
}

@Suite("A stream of unknown size")
struct InflationTests {
  /// zlib.compress(bytes(300)) of Python 3.11: 300 zeros.
  private let zeros: [UInt8] = [
    0x78, 0x9C, 0x63, 0x60, 0x18, 0x05, 0xC4, 0x02, 0x00, 0x01, 0x2C, 0x00, 0x01,
  ]

  private func inflate(_ bytes: [UInt8], limit: Int = 1_000) throws -> Inflation {
    try Inflation(
      of: MemoryBytes(bytes, origin: "memory"), at: 0, wrapper: .detected, limit: limit)
  }

  @Test("gives what is in it, and where it ends")
  func whole() throws {
    let found = try inflate(zeros + [1, 2, 3])
    #expect(found.bytes == [UInt8](repeating: 0, count: 300))
    #expect(found.isWhole && !found.isCut && found.inputByteCount == zeros.count)
  }

  @Test("is cut at the limit, and ends where it is damaged")
  func limits() throws {
    let cut = try inflate(zeros, limit: 100)
    #expect(cut.bytes.count == 100 && cut.isCut)
    let short = try inflate(Array(zeros.dropLast(4)))
    #expect(short.bytes.count == 300 && !short.isWhole)
    #expect(try inflate([0x78, 0x9C, 0xFF, 0xFF]).bytes.isEmpty)
  }
}
