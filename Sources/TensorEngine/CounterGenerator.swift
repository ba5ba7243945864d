/// Random numbers that are a function of a seed and a place: Philox4x32-10 (Salmon and others, Parallel random numbers: as easy as 1, 2,
/// 3, 2011). The same on every machine, and whatever was drawn before by others.
public struct CounterGenerator: RandomNumberGenerator, Sendable {
  /// What is drawn with one seed for different purposes has different streams.
  public enum Purpose: UInt32, Sendable {
    /// The first numbers of parameters.
    case parameters = 1
    /// The order of a data set.
    case order = 2
    /// Which tokens are masked.
    case masking = 3
    /// Which sentences make pairs.
    case pairs = 4
  }

  private let key: (UInt32, UInt32)
  private let stream: (UInt32, UInt32)
  private var count: UInt64 = 0
  private var rest: UInt64?

  /// A generator of its own for each seed, purpose and number (of an epoch, of a row).
  public init(seed: UInt64, _ purpose: Purpose, number: UInt32 = 0) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    // Streams of operators count from 0, and their steps too: these are none of them.
    stream = (UInt32.max - purpose.rawValue, number)
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    if let rest {
      self.rest = nil
      return rest
    }
    let words = Self.words(
      (
        UInt32(truncatingIfNeeded: count), UInt32(truncatingIfNeeded: count >> 32), stream.0,
        stream.1
      ), key)
    count += 1
    rest = UInt64(words.2) << 32 | UInt64(words.3)
    return UInt64(words.0) << 32 | UInt64(words.1)
  }

  /// The four words of a counter.
  package static func words(
    _ counter: (UInt32, UInt32, UInt32, UInt32), _ key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var (c, k) = (counter, key)
    for _ in 0..<10 {
      let first = c.0.multipliedFullWidth(by: 0xD251_1F53)
      let second = c.2.multipliedFullWidth(by: 0xCD9E_8D57)
      c = (second.high ^ c.1 ^ k.0, second.low, first.high ^ c.3 ^ k.1, first.low)
      k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85)
    }
    return c
  }

  /// A number that is evenly spread between 0 and 1: a multiple of 2⁻⁵³, not 1.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A whole number from 0 to below a bound, which is above 0: without the bias of a remainder, and one draw on every machine.
  package mutating func below(_ bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A normally distributed number with the mean 0 and the deviation 1 (Box and Muller).
  public mutating func normal() -> Double {
    let radius = (-2 * logarithm(1 - uniform())).squareRoot()
    return radius * cosineOf(2 * .pi * uniform())
  }
}

extension Array {
  /// The elements in an order that a generator draws (Fisher and Yates).
  package func shuffled(by generator: inout CounterGenerator) -> [Element] {
    var result = self
    for last in indices.reversed().dropLast() {
      result.swapAt(last, generator.below(last + 1))
    }
    return result
  }
}
