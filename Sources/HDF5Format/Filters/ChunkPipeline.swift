internal import CZlib
internal import CheckpointBytes

/// The filters of a data set's chunks, undone in this package: a chunk comes out with exactly its size or not at all.
///
/// libhdf5 is not asked, because it hands out heap memory that is not in the file where a deflated chunk is shorter than
/// it should be (1.10.8 and 2.0).
struct ChunkPipeline: Sendable {
  private let filters: [HDF5Filter]
  /// The size of a decoded chunk.
  let chunkByteCount: Int

  init(_ filters: [HDF5Filter], chunkByteCount: Int) {
    self.filters = filters
    self.chunkByteCount = chunkByteCount
  }

  /// Undoes the filters of one stored chunk; `mask` has a bit for each filter that was left out.
  func decode(_ stored: [UInt8], mask: UInt32, at offset: Int) throws(ParseFailure) -> [UInt8] {
    var bytes = stored
    for index in filters.indices.reversed() where mask >> UInt32(index) & 1 == 0 {
      let expected = sizeBefore(index, mask: mask)
      do throws(ParseFailure) {
        bytes = try undo(filters[index], bytes, expected: expected)
      } catch {
        throw ParseFailure(error.kind, at: offset, error.field, error.problem)
      }
    }
    guard bytes.count == chunkByteCount else {
      throw ParseFailure(
        bytes.count < chunkByteCount ? .truncated : .malformed, at: offset, "chunk",
        "expected \(chunkByteCount) bytes after all filters, found \(bytes.count)")
    }
    return bytes
  }

  /// The size that a filter was given when the chunk was written; nil if a filter before it changed it to an unknown
  /// one.
  private func sizeBefore(_ index: Int, mask: UInt32) -> Int? {
    var size = chunkByteCount
    for earlier in 0..<index where mask >> UInt32(earlier) & 1 == 0 {
      switch filters[earlier].identifier {
      case Self.shuffle: continue
      case Self.nBit where NBit.leavesAlone(filters[earlier].parameters): continue
      case Self.scaleOffset where ScaleOffset.leavesAlone(filters[earlier].parameters): continue
      case Self.fletcher32: size += 4
      default: return nil
      }
    }
    return size
  }

  static let deflate = 1
  static let shuffle = 2
  static let fletcher32 = 3
  static let szip = 4
  static let nBit = 5
  static let scaleOffset = 6
  static let lzf = 32_000

  private func undo(
    _ filter: HDF5Filter, _ bytes: [UInt8], expected: Int?
  ) throws(ParseFailure) -> [UInt8] {
    switch filter.identifier {
    case Self.deflate:
      guard filter.parameters.count == 1, filter.parameters[0] <= 9 else {
        throw ParseFailure(.malformed, "deflate filter", "has no level from 0 to 9")
      }
      return try inflate(bytes, expected: expected)
    case Self.shuffle:
      return try unshuffled(bytes, elementSize: Int(filter.parameters.first ?? 0))
    case Self.fletcher32: return try withoutChecksum(bytes)
    case Self.szip:
      return try Szip(filter.parameters).decode(bytes, byteCount: expected, atMost: room)
    case Self.scaleOffset:
      if ScaleOffset.leavesAlone(filter.parameters) { return bytes }
      return try ScaleOffset(filter.parameters).decode(bytes, byteCount: expected ?? chunkByteCount)
    case Self.lzf: return try LZF.decode(bytes, byteCount: expected, atMost: room)
    case Self.nBit:
      if NBit.leavesAlone(filter.parameters) { return bytes }
      return try NBit(filter.parameters).decode(bytes, byteCount: expected ?? chunkByteCount)
    default: throw Self.unknown(filter)
    }
  }

  /// Whether a filter is one that is undone here; all others need a plug-in of libhdf5.
  static func knows(_ filter: HDF5Filter) -> Bool {
    [deflate, shuffle, fletcher32, szip, nBit, scaleOffset, lzf].contains(filter.identifier)
  }

  /// The error about a filter that is not known.
  static func unknown(_ filter: HDF5Filter) -> ParseFailure {
    let name = filter.name.isEmpty ? "" : " (\(singleLine(filter.name, limit: 60)))"
    return ParseFailure(
      .unsupported, "filter pipeline", "filter \(filter.identifier)\(name) is not implemented")
  }

  // MARK: Deflate

  /// What a chunk of this size can have grown to: the most that a filter gives where its size is not known.
  private var room: Int { chunkByteCount + chunkByteCount / 8 + 65_536 }

  /// Inflates a zlib stream (RFC 1950) that must give `expected` bytes; where that is not known, at most ``room``.
  private func inflate(_ bytes: [UInt8], expected: Int?) throws(ParseFailure) -> [UInt8] {
    let room = expected ?? room
    var result: CInt = Z_STREAM_ERROR
    var usedAll = false
    let inflated = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      unsafe bytes.withUnsafeBufferPointer { input in
        var stream = unsafe z_stream()
        guard unsafe weighbridge_inflate_init(&stream, 15) == Z_OK else { return }
        defer { unsafe inflateEnd(&stream) }
        // A chunk and its compressed form are below 2^32 bytes: the format counts them with 32 bits.
        unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        unsafe stream.avail_in = UInt32(clamping: input.count)
        unsafe stream.next_out = buffer.baseAddress
        unsafe stream.avail_out = UInt32(clamping: room)
        result = unsafe CZlib.inflate(&stream, Z_FINISH)
        count = unsafe room - Int(stream.avail_out)
        usedAll = unsafe stream.avail_in == 0
      }
    }
    switch result {
    case Z_STREAM_END:
      guard expected == nil || inflated.count == expected else {
        throw ParseFailure(
          .truncated, "deflate filter",
          "expected \(expected ?? 0) bytes, the stream ends after \(inflated.count)")
      }
      return inflated
    case Z_OK, Z_BUF_ERROR:
      throw usedAll && inflated.count < room
        ? ParseFailure(
          .truncated, "deflate filter", "the compressed data ends after \(inflated.count) bytes")
        : ParseFailure(
          .malformed, "deflate filter", "the stream gives more than the expected \(room) bytes")
    default:
      throw ParseFailure(.malformed, "deflate filter", "the compressed data is damaged")
    }
  }

  // MARK: Shuffle

  /// Puts back together elements whose first bytes were stored first, then their second bytes and so on. What does not
  /// make up an element stands unchanged at the end.
  private func unshuffled(_ bytes: [UInt8], elementSize: Int) throws(ParseFailure) -> [UInt8] {
    guard elementSize > 0 else {
      throw ParseFailure(.malformed, "shuffle filter", "the element size is 0")
    }
    let count = bytes.count / elementSize
    guard elementSize > 1, count > 1 else { return bytes }
    return unsafe [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, initialized in
      unsafe bytes.withUnsafeBufferPointer { source in
        for byte in 0..<elementSize {
          let plane = byte * count
          for element in 0..<count {
            unsafe buffer[element * elementSize + byte] = source[plane + element]
          }
        }
        for index in (count * elementSize)..<bytes.count {
          unsafe buffer[index] = source[index]
        }
      }
      initialized = bytes.count
    }
  }

  // MARK: Fletcher-32

  /// Compares and cuts off the checksum behind the bytes.
  private func withoutChecksum(_ bytes: [UInt8]) throws(ParseFailure) -> [UInt8] {
    guard bytes.count >= 4 else {
      throw ParseFailure(.truncated, "Fletcher-32 filter", "the chunk has \(bytes.count) bytes")
    }
    let data = Array(bytes.dropLast(4))
    let stored = bytes.suffix(4).reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
    let found = fletcher32(data)
    // Before 1.6.3 little-endian machines stored both halves with their bytes swapped; the library still takes that.
    let swapped = (found & 0x00FF_00FF) << 8 | (found >> 8) & 0x00FF_00FF
    guard stored == found || stored == swapped else {
      throw ParseFailure(
        .mismatch, "Fletcher-32 filter", "the checksum is another: the data is damaged")
    }
    return data
  }

  /// The checksum over big-endian 16-bit words (`H5_checksum_fletcher32`, libhdf5 1.10.8); an odd last byte is the upper
  /// half of a word.
  private func fletcher32(_ bytes: [UInt8]) -> UInt32 {
    var first: UInt32 = 0
    var second: UInt32 = 0
    func fold(_ sum: UInt32) -> UInt32 { (sum & 0xFFFF) + (sum >> 16) }
    var index = 0
    while index + 1 < bytes.count {
      // 360 words keep the sums below 2^32 between reductions.
      let end = min(index + 720, bytes.count & ~1)
      while index < end {
        first &+= UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
        second &+= first
        index += 2
      }
      first = fold(first)
      second = fold(second)
    }
    if index < bytes.count {
      first &+= UInt32(bytes[index]) << 8
      second &+= first
      first = fold(first)
      second = fold(second)
    }
    return fold(second) << 16 | fold(first)
  }
}
