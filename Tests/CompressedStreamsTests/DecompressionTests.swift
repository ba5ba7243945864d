import CheckpointBytes
import CompressedStreams
import TestSupport
import Testing

private func fixture(_ name: String) throws -> [UInt8] {
  let file = try SourceFile(path: Fixtures.path("compressed-streams/\(name)"))
  return try file.bytes(at: 0, count: file.size)
}

@Suite("Streams that zlib does not know")
struct DecompressionTests {
  static let streams: [(name: String, content: String, times: Int)] = [
    ("plain.bz2", "plain.bin", 1), ("two-streams.bz2", "plain.bin", 1),
    ("blocks.bz2", "plain.bin", 9), ("plain.xz", "plain.bin", 1), ("crc32.xz", "plain.bin", 1),
    ("two-streams.xz", "plain.bin", 1), ("noise.xz", "noise.bin", 1), ("lc4.xz", "plain.bin", 1),
    ("lp2.xz", "plain.bin", 1), ("pb4.xz", "plain.bin", 1), ("plain.lzma", "plain.bin", 1),
    ("plain.lz4", "plain.bin", 1), ("blocks.lz4", "plain.bin", 1), ("noise.lz4", "noise.bin", 1),
  ]

  @Test("come out as what went in", arguments: streams.indices)
  func whole(_ index: Int) throws {
    let (name, content, times) = DecompressionTests.streams[index]
    let bytes = try fixture(name)
    let expected = try fixture(content)
    let kind = try #require(Decompression.Kind(bytes))
    // What lies behind is left alone.
    for rest in [[], [1, 2, 3]] as [[UInt8]] {
      let stream = Decompression(of: bytes + rest, as: kind, limit: 1 << 20)
      #expect(stream.failure == nil)
      #expect(stream.bytes == Array(repeatElement(expected, count: times).joined()))
      #expect(stream.inputByteCount == bytes.count)
    }
  }

  @Test(
    "end with a reason and what came out before, wherever they are cut", arguments: streams.indices)
  func cut(_ index: Int) throws {
    let (name, content, times) = DecompressionTests.streams[index]
    let bytes = try fixture(name)
    let expected = Array(repeatElement(try fixture(content), count: times).joined())
    let kind = try #require(Decompression.Kind(bytes))
    for end in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 61)) {
      let stream = Decompression(of: Array(bytes[..<end]), as: kind, limit: 1 << 20)
      #expect(expected.starts(with: stream.bytes))
      // A stream of two is whole behind the first.
      #expect(stream.failure != nil || name.hasPrefix("two-"))
    }
  }

  @Test("end at a limit", arguments: streams.indices)
  func limit(_ index: Int) throws {
    let bytes = try fixture(DecompressionTests.streams[index].name)
    let kind = try #require(Decompression.Kind(bytes))
    let stream = Decompression(of: bytes, as: kind, limit: 1_000)
    #expect(stream.bytes.count == 1_000 && stream.failure?.kind == .limitExceeded)
  }

  @Test("never trap, whichever byte is another", arguments: streams.indices)
  func damaged(_ index: Int) throws {
    let bytes = try fixture(DecompressionTests.streams[index].name)
    let kind = try #require(Decompression.Kind(bytes))
    var generator = SeededGenerator(seed: UInt64(index))
    for _ in 0..<60 {
      var damaged = bytes
      damaged[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
        in: 0...255, using: &generator)
      #expect(Decompression(of: damaged, as: kind, limit: 1 << 17).bytes.count <= 1 << 17)
    }
  }

  @Test("that only an archive calls bzip2 are refused, whatever they begin with")
  func noBZip2() {
    for digit in UInt8.min...UInt8.max {
      let stream = Decompression(of: Array("BZh".utf8) + [digit], as: .bzip2, limit: 100)
      #expect(stream.failure != nil && stream.bytes.isEmpty)
    }
    let other = Decompression(of: Array("PK\u{3}\u{4}".utf8), as: .bzip2, limit: 100)
    #expect(other.failure?.kind == .malformed)
  }

  @Test("with a filter that is not implemented are refused by its number")
  func filter() throws {
    let stream = Decompression(of: try fixture("delta.xz"), as: .xz, limit: 1 << 20)
    #expect(stream.failure?.kind == .unsupported)
  }
}
