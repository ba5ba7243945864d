internal import CTextMasks

/// A token of a chunk of text.
struct ChunkToken: Sendable, Equatable {
  /// The token's index in the vocabulary.
  var index: UInt32
  /// The scalars of the chunk that it stands for.
  var start: UInt32
  var end: UInt32
  /// Which word of the chunk it belongs to.
  var word: UInt32
}

extension ChunkCache {
  /// What a chunk is looked up by.
  struct Key {
    var low: UInt64
    var high: UInt64

    /// True if the key is a hash, and the chunk's bytes lie in the list.
    @inline(__always)
    var isHash: Bool { high >> 63 != 0 }
  }

  /// What chunks of the same bytes are told apart by.
  enum Variant: UInt64 {
    /// A chunk as it stands in a text.
    case plain
    /// The first of a text that gets a space before it.
    case prefixed
    /// A word that no cutter has cut, as the model gets it.
    case word
  }

  /// What is known of a chunk.
  struct Entry {
    var low: UInt64
    var high: UInt64

    /// How many tokens there are, if they are in the entry.
    @inline(__always)
    var count: Int { Int(truncatingIfNeeded: high >> 56) }

    /// The tokens' indices, as many as count; the others are 0.
    @inline(__always)
    var indices: (UInt32, UInt32, UInt32) {
      (
        UInt32(truncatingIfNeeded: low), UInt32(truncatingIfNeeded: low >> 32),
        UInt32(truncatingIfNeeded: high)
      )
    }

    /// Where the tokens end, in scalars; each begins where the one before it ends.
    @inline(__always)
    var ends: (UInt32, UInt32, UInt32) {
      let ends = UInt32(truncatingIfNeeded: high >> 32)
      return (ends & 0xFF, ends >> 8 & 0xFF, ends >> 16 & 0xFF)
    }

    /// The tokens lie in the list.
    static var listed: UInt64 { 0xFF << 56 }
    @inline(__always)
    var isListed: Bool { high >= Self.listed }
  }

  /// A token of a chunk of at most 255 bytes.
  struct ListedToken {
    var index: UInt32
    var start: UInt8
    var end: UInt8
    var word: UInt8

    init(_ token: ChunkToken) {
      index = token.index
      start = UInt8(truncatingIfNeeded: token.start)
      end = UInt8(truncatingIfNeeded: token.end)
      word = UInt8(truncatingIfNeeded: token.word)
    }

    @inline(__always)
    var token: ChunkToken {
      ChunkToken(index: index, start: UInt32(start), end: UInt32(end), word: UInt32(word))
    }
  }

  /// The tokens and the bytes that are in no slot.
  struct Lists {
    var tokens: [ListedToken] = []
    var bytes: [UInt8] = []

    /// The tokens of a listed entry, of which the last is none and only counts the words.
    @inline(__always)
    func range(of entry: Entry) -> Range<Int>? {
      let start = Int(truncatingIfNeeded: entry.low & 0xFFFF_FFFF)
      let end = start &+ Int(truncatingIfNeeded: entry.low >> 32)
      return start < end && end <= tokens.count ? start..<end : nil
    }

    /// True if an entry that was found by a hash is that of this chunk, of at least eight bytes.
    @inline(__always)
    func hold(_ chunk: UnsafePointer<UInt8>, _ count: Int, _ entry: Entry) -> Bool {
      let start = Int(truncatingIfNeeded: entry.high & 0xFF_FFFF)
      guard count >= 8, start &+ count <= bytes.count else { return false }
      // Both have so many bytes: steps of eight, and the last eight once more.
      return unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let kept = unsafe bytes.baseAddress.map({ unsafe $0 + start }) else { return false }
        var place = 0
        var difference: UInt64 = 0
        while place &+ 8 <= count {
          unsafe difference |= text_eight(chunk + place) ^ text_eight(kept + place)
          place &+= 8
        }
        let last = count &- 8
        return unsafe difference | (text_eight(chunk + last) ^ text_eight(kept + last)) == 0
      }
    }
  }
}

extension ChunkCache.Entry {
  /// The entry that holds these tokens itself, if it can: one word without gaps.
  init?(holding tokens: [ChunkToken], wordCount: UInt32) {
    guard tokens.count <= 3, wordCount == (tokens.isEmpty ? 0 : 1) else { return nil }
    low = 0
    high = UInt64(tokens.count) << 56
    var end: UInt32 = 0
    for (place, token) in tokens.enumerated() {
      guard token.word == 0, token.start == end, token.end <= 0xFF else { return nil }
      end = token.end
      if place < 2 {
        low |= UInt64(token.index) << UInt64(place * 32)
      } else {
        high |= UInt64(token.index)
      }
      high |= UInt64(token.end) << UInt64(32 + place * 8)
    }
  }

  /// The tokens that the entry holds itself.
  var tokens: ArraySlice<ChunkToken> {
    let indices = indices
    let ends = ends
    return [
      ChunkToken(index: indices.0, start: 0, end: ends.0, word: 0),
      ChunkToken(index: indices.1, start: ends.0, end: ends.1, word: 0),
      ChunkToken(index: indices.2, start: ends.1, end: ends.2, word: 0),
    ][..<min(count, 3)]
  }
}
