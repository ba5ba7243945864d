internal import CheckpointBytes

/// The szip filter (`H5Zszip.c`, libhdf5 1.10.8): behind the size of what comes out (4) the lossless coding of CCSDS
/// 121.0-B-3, as libaec 1.1.4 takes it in szip's place (`sz_compat.c`).
///
/// Samples stand in intervals of so many blocks as a line of the filter needs; the last block of a line is filled up with
/// samples that are none of the data. Elements of 32 and 64 bits are coded byte by byte: all first bytes, then all second.
struct Szip {
  /// The samples of a block.
  private let blockSize: Int
  /// The samples of a line, which are data.
  private let lineSize: Int
  /// The bits of a sample.
  private let bitCount: Int
  /// The bytes of an element of which each is a sample; 1 where elements are samples.
  private let planeCount: Int
  private let isBigEndian: Bool
  /// Samples but the first of an interval are differences to the one before.
  private let isDifferential: Bool

  private static let field = "szip filter"
  /// The options among the parameters (`szlib.h`).
  private static let (mostSignificantFirst, nearestNeighbour) = (16 as UInt32, 32 as UInt32)

  /// Reads the filter's parameters: options, samples a block, bits an element, samples a line.
  init(_ parameters: [UInt32]) throws(ParseFailure) {
    guard parameters.count >= 4 else {
      throw ParseFailure(
        .malformed, Self.field, "expected 4 parameters, found \(parameters.count)")
    }
    let (block, bits, line) = (Int(parameters[1]), Int(parameters[2]), Int(parameters[3]))
    // Blocks are of 8 to 32 samples in szip, of up to 256 in libaec, always an even number; a line of up to 4,096 blocks.
    guard block > 0, block <= 256, block.isMultiple(of: 2), line > 0, line <= 4_096 * block,
      (1...24).contains(bits) || bits == 32 || bits == 64
    else {
      throw ParseFailure(
        .malformed, Self.field, "blocks of \(block), lines of \(line), elements of \(bits) bits")
    }
    (blockSize, lineSize) = (block, line)
    (bitCount, planeCount) = bits >= 32 ? (8, bits / 8) : (bits, 1)
    isBigEndian = parameters[0] & Self.mostSignificantFirst != 0
    isDifferential = parameters[0] & Self.nearestNeighbour != 0
  }

  private var sampleSize: Int { bitCount > 16 ? 4 : bitCount > 8 ? 2 : 1 }

  /// Decodes a chunk to exactly `expected` bytes; where that is not known, because a filter before it changed the size, to
  /// as many as the chunk tells, at most `room`.
  func decode(
    _ bytes: [UInt8], byteCount expected: Int?, atMost room: Int
  ) throws(ParseFailure) -> [UInt8] {
    var cursor = ByteCursor(bytes)
    let byteCount = Int(try cursor.read(UInt32.self, .little, Self.field))
    guard byteCount == expected ?? byteCount, byteCount <= room else {
      throw ParseFailure(
        .malformed, Self.field,
        "expected \(expected.map(String.init) ?? "at most \(room)") bytes, the chunk gives \(byteCount)"
      )
    }
    // A checksum behind the elements; libaec loses it, and libhdf5 cannot read the chunk, either.
    let size = max(sampleSize, planeCount)
    guard byteCount.isMultiple(of: size) else {
      throw ParseFailure(
        .malformed, Self.field, "\(byteCount) bytes are no whole elements of \(size)")
    }
    var reader = BitReader(try cursor.readBytes(cursor.remaining, Self.field))
    var output: [UInt8] = []
    output.reserveCapacity(byteCount)
    var interval: [UInt32] = []
    while output.count < byteCount {
      let count = min(lineSize, (byteCount - output.count) / sampleSize)
      interval.removeAll(keepingCapacity: true)
      while interval.count < count { try readBlock(&reader, into: &interval) }
      if isDifferential { try undoDifferences(&interval) }
      for sample in interval.prefix(count) { append(sample, to: &output) }
    }
    return planeCount == 1 ? output : interleaved(output)
  }

  // MARK: Blocks

  private var blockCount: Int { (lineSize + blockSize - 1) / blockSize }
  /// The largest sample.
  private var largest: UInt32 { UInt32.max >> UInt32(32 - bitCount) }

  /// Reads the next block of an interval, or as many blocks of zeros as stand there.
  private func readBlock(
    _ reader: inout BitReader, into interval: inout [UInt32]
  ) throws(ParseFailure) {
    let end = interval.count + blockSize
    // The first sample of an interval of differences stands there as it is.
    let hasReference = isDifferential && interval.isEmpty
    let codeSize = bitCount > 16 ? 5 : bitCount > 8 ? 4 : 3
    let code = Int(reader.next(codeSize))
    if code == 1 << codeSize - 1 {
      while interval.count < end { interval.append(UInt32(reader.next(bitCount))) }
    } else if code > 0 {
      if hasReference { interval.append(UInt32(reader.next(bitCount))) }
      try readSplit(&reader, lowerBits: code - 1, upTo: end, into: &interval)
    } else {
      let isPaired = reader.next(1) == 1
      if hasReference { interval.append(UInt32(reader.next(bitCount))) }
      if isPaired {
        try readPairs(&reader, upTo: end, into: &interval)
      } else {
        try readZeros(&reader, from: end - blockSize, into: &interval)
      }
    }
    guard !reader.isPastEnd else { throw cut }
  }

  private var cut: ParseFailure {
    ParseFailure(.truncated, Self.field, "the compressed data ends before its samples")
  }
  private var tooLarge: ParseFailure {
    ParseFailure(.malformed, Self.field, "a sample of more than \(bitCount) bits")
  }

  /// The number of zeros before the next one.
  private func run(_ reader: inout BitReader) throws(ParseFailure) -> Int {
    guard let count = reader.zeros() else { throw cut }
    return count
  }

  /// The upper bits of all samples, each as a number of zeros, then the lower bits of all.
  private func readSplit(
    _ reader: inout BitReader, lowerBits: Int, upTo end: Int, into interval: inout [UInt32]
  ) throws(ParseFailure) {
    let first = interval.count
    for _ in first..<end {
      let upper = try run(&reader)
      guard upper <= Int(largest) >> lowerBits else { throw tooLarge }
      interval.append(UInt32(upper) << UInt32(lowerBits))
    }
    guard lowerBits > 0 else { return }
    for index in first..<end { interval[index] |= UInt32(reader.next(lowerBits)) }
  }

  /// Two samples a number: numbers count the pairs by their sum, and those of a sum by the second. In a block that begins
  /// with a reference the first pair has its second alone.
  private func readPairs(
    _ reader: inout BitReader, upTo end: Int, into interval: inout [UInt32]
  ) throws(ParseFailure) {
    while interval.count < end {
      let number = try run(&reader)
      var (sum, first) = (0, 0)
      while first + sum < number {
        first += sum + 1
        sum += 1
      }
      let second = number - first
      guard sum <= Int(largest) else { throw tooLarge }
      if interval.count.isMultiple(of: 2) { interval.append(UInt32(sum - second)) }
      interval.append(UInt32(second))
    }
  }

  /// Blocks of nothing but zeros, of which the one that begins at `start` is the first. The number 5 stands for all that
  /// are left of the interval, or of 64 blocks of it.
  private func readZeros(
    _ reader: inout BitReader, from start: Int, into interval: inout [UInt32]
  ) throws(ParseFailure) {
    let place = start / blockSize
    let number = try run(&reader) + 1
    let count =
      number < 5 ? number : number > 5 ? number - 1 : min(blockCount - place, 64 - place % 64)
    guard count <= blockCount - place else {
      throw ParseFailure(.malformed, Self.field, "\(count) blocks of zeros pass the end of a line")
    }
    while interval.count < start + count * blockSize { interval.append(0) }
  }

  // MARK: Samples

  /// Adds up differences: even ones go up, odd ones down, and those beyond what both ways allow go the one way that is left.
  private func undoDifferences(_ interval: inout [UInt32]) throws(ParseFailure) {
    guard var last = interval.first else { return }
    for index in interval.indices.dropFirst() {
      let difference = interval[index]
      guard difference <= largest else { throw tooLarge }
      let room = min(last, largest - last)
      if (difference >> 1) + (difference & 1) <= room {
        last = difference & 1 == 0 ? last + difference >> 1 : last - (difference >> 1 + 1)
      } else {
        last = last == room ? difference : largest - difference
      }
      interval[index] = last
    }
  }

  private func append(_ sample: UInt32, to output: inout [UInt8]) {
    for index in 0..<sampleSize {
      let shift = UInt32(8 * (isBigEndian ? sampleSize - 1 - index : index))
      output.append(UInt8(truncatingIfNeeded: sample >> shift))
    }
  }

  private func interleaved(_ planes: [UInt8]) -> [UInt8] {
    let count = planes.count / planeCount
    var output: [UInt8] = []
    output.reserveCapacity(planes.count)
    for element in 0..<count {
      for plane in 0..<planeCount { output.append(planes[plane * count + element]) }
    }
    return output
  }
}
