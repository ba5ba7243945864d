internal import CheckpointBytes

/// The state of an LZMA decoder (`lzma-specification.txt` of the LZMA SDK; its names are kept).
struct LZMADecoder {
  /// How many bits of a place and of the byte before choose a literal's probabilities, and how many of a place all others.
  private var (lc, lp, pb) = (3, 0, 2)
  private var state = 0
  private var repeats = (0, 0, 0, 0)

  private var literals: [UInt16] = []
  private var isMatch: [UInt16] = []
  private var isRep: [UInt16] = []
  private var isRepG0: [UInt16] = []
  private var isRepG1: [UInt16] = []
  private var isRepG2: [UInt16] = []
  private var isRep0Long: [UInt16] = []
  private var slots: [UInt16] = []
  private var positions: [UInt16] = []
  private var align: [UInt16] = []
  private var matchLengths = LengthDecoder()
  private var repeatLengths = LengthDecoder()

  private static let field = "LZMA stream"
  private static let half: UInt16 = 1_024

  /// The shortest match.
  private static let shortest = 2

  init(_ properties: UInt8, at offset: Int) throws(ParseFailure) {
    try set(properties, at: offset)
  }

  /// Takes new properties, and begins anew.
  mutating func set(_ properties: UInt8, at offset: Int) throws(ParseFailure) {
    guard properties < 9 * 5 * 5 else {
      throw ParseFailure(.malformed, at: offset, Self.field, "the properties are \(properties)")
    }
    lc = Int(properties) % 9
    lp = Int(properties) / 9 % 5
    pb = Int(properties) / 45
    reset()
  }

  /// Begins anew with the same properties.
  mutating func reset() {
    func new(_ count: Int) -> [UInt16] { Array(repeating: Self.half, count: count) }
    state = 0
    repeats = (0, 0, 0, 0)
    literals = new(0x300 << (lc + lp))
    isMatch = new(12 << 4)
    isRep0Long = new(12 << 4)
    (isRep, isRepG0, isRepG1, isRepG2) = (new(12), new(12), new(12), new(12))
    slots = new(4 * 64)
    positions = new(115)
    align = new(16)
    matchLengths = LengthDecoder()
    repeatLengths = LengthDecoder()
  }

  /// Decodes up to a length of the output, or to the marker that ends a stream.
  ///
  /// - Parameters:
  ///   - start: The first byte that may be referred to.
  ///   - end: The length; nil if only the marker ends it.
  /// - Returns: true at the marker.
  mutating func read(
    _ range: inout RangeDecoder, since start: Int, until end: Int?, into output: inout DecodedBytes
  ) throws(ParseFailure) -> Bool {
    while end.map({ output.count < $0 }) ?? true {
      let offset = range.cursor.offset
      let place = output.count - start
      let posState = place & (1 << pb - 1)
      if try range.bit(&isMatch[state << 4 + posState]) == 0 {
        try output.append(try literal(&range, output, start, place), at: offset)
        state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6
        continue
      }
      var length: Int
      if try range.bit(&isRep[state]) == 0 {
        repeats = (repeats.0, repeats.0, repeats.1, repeats.2)
        length = try matchLengths.read(&range, posState)
        state = state < 7 ? 7 : 10
        let distance = try self.distance(&range, length)
        if distance == Int(UInt32.max) { return true }
        repeats.0 = distance
      } else {
        guard let repeated = try self.repeated(&range, posState) else {
          state = state < 7 ? 9 : 11
          try output.repeat(repeats.0 + 1, 1, since: start, at: offset)
          continue
        }
        length = repeated
        state = state < 7 ? 8 : 11
      }
      length += Self.shortest
      let room = end.map { $0 - output.count } ?? length
      try output.repeat(repeats.0 + 1, min(length, room), since: start, at: offset)
      guard length <= room else {
        throw ParseFailure(.malformed, at: offset, Self.field, "a match goes on behind the end")
      }
    }
    return false
  }

  private mutating func literal(
    _ range: inout RangeDecoder, _ output: DecodedBytes, _ start: Int, _ place: Int
  ) throws(ParseFailure) -> UInt8 {
    let previous = place > 0 ? Int(output.bytes[output.count - 1]) : 0
    let base = 0x300 * ((place & (1 << lp - 1)) << lc + previous >> (8 - lc))
    var symbol = 1
    if state >= 7 {
      guard repeats.0 < place else {
        throw ParseFailure(
          .malformed, at: range.cursor.offset, Self.field, "nothing lies so far back")
      }
      var match = Int(output.bytes[output.count - repeats.0 - 1])
      while symbol < 0x100 {
        let expected = match >> 7 & 1
        match <<= 1
        let bit = try range.bit(&literals[base + (1 + expected) << 8 + symbol])
        symbol = symbol << 1 | bit
        if bit != expected { break }
      }
    }
    while symbol < 0x100 { symbol = symbol << 1 | (try range.bit(&literals[base + symbol])) }
    return UInt8(symbol & 0xFF)
  }

  /// Takes one of the last four distances, which comes to the front.
  ///
  /// - Returns: the length; nil for a single byte.
  private mutating func repeated(
    _ range: inout RangeDecoder, _ posState: Int
  ) throws(ParseFailure) -> Int? {
    if try range.bit(&isRepG0[state]) == 0 {
      if try range.bit(&isRep0Long[state << 4 + posState]) == 0 { return nil }
    } else if try range.bit(&isRepG1[state]) == 0 {
      repeats = (repeats.1, repeats.0, repeats.2, repeats.3)
    } else if try range.bit(&isRepG2[state]) == 0 {
      repeats = (repeats.2, repeats.0, repeats.1, repeats.3)
    } else {
      repeats = (repeats.3, repeats.0, repeats.1, repeats.2)
    }
    return try repeatLengths.read(&range, posState)
  }

  private mutating func distance(
    _ range: inout RangeDecoder, _ length: Int
  ) throws(ParseFailure) -> Int {
    let slot = try range.tree(&slots, min(length, 3) * 64, bits: 6)
    if slot < 4 { return slot }
    let bits = slot >> 1 - 1
    let base = (2 | slot & 1) << bits
    if slot < 14 {
      return base + (try range.reverseTree(&positions, base - slot, bits: bits))
    }
    let high = Int(try range.directBits(bits - 4)) << 4
    return base + high + (try range.reverseTree(&align, 0, bits: 4))
  }
}

/// The lengths of matches.
private struct LengthDecoder {
  private var choice: UInt16 = 1_024
  private var secondChoice: UInt16 = 1_024
  private var low = [UInt16](repeating: 1_024, count: 16 << 3)
  private var middle = [UInt16](repeating: 1_024, count: 16 << 3)
  private var high = [UInt16](repeating: 1_024, count: 256)

  mutating func read(_ range: inout RangeDecoder, _ posState: Int) throws(ParseFailure) -> Int {
    if try range.bit(&choice) == 0 { return try range.tree(&low, posState << 3, bits: 3) }
    if try range.bit(&secondChoice) == 0 {
      return 8 + (try range.tree(&middle, posState << 3, bits: 3))
    }
    return 16 + (try range.tree(&high, 0, bits: 8))
  }
}
