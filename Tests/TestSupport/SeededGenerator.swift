#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Random numbers that a seed determines (SplitMix64).
///
/// Give seeds to a test as arguments (`@Test(arguments: SeededGenerator.seeds)`): a failure then
/// prints its seed, and `WEIGHBRIDGE_SEED=7 swift test …` runs that one alone.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A generator that gives the same numbers for the same seed.
  public init(seed: UInt64) {
    state = seed
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }

  /// The seeds to test with: 1 to 24, or the one that `WEIGHBRIDGE_SEED` gives.
  public static let seeds: [UInt64] = {
    let chosen = unsafe getenv("WEIGHBRIDGE_SEED").map { unsafe String(cString: $0) }
    return chosen.flatMap { UInt64($0) }.map { [$0] } ?? Array(1...24)
  }()
}

extension SeededGenerator {
  /// A number of a range.
  public mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self)
  }

  /// Extents of up to `rank` dimensions, each from `smallest` to 5.
  public mutating func extents(rank: Int, smallest: Int = 0) -> [Int] {
    (0..<number(0...rank)).map { _ in number(smallest...5) }
  }

  /// The numbers below `count` in some order.
  public mutating func order(_ count: Int) -> [Int] {
    (0..<count).shuffled(using: &self)
  }

  /// Some bytes.
  public mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}
