/// Takes the tokens of texts as they are found.
protocol TokenSink {
  associatedtype Room: TokenRoom

  /// True if it matters where tokens stand.
  static var placesTokens: Bool { get }

  /// Lends room for so many tokens at least.
  mutating func withRoom<Result>(for count: Int, _ body: (inout Room) -> Result) -> Result

  /// Takes a token of which the vocabulary does not tell the text.
  mutating func append(
    special id: UInt32, _ text: @autoclosure () -> String, _ range: Range<UInt32>
  )

  /// Counts words.
  mutating func endWords(_ count: UInt32)
}

/// Memory of a sink that tokens are put into, as long as there is some left.
protocol TokenRoom {
  /// How many more tokens there is room for.
  var left: Int { get }

  /// Takes the tokens of a chunk that begins at a scalar of the text. There must be room for three.
  mutating func put(_ entry: ChunkCache.Entry, at scalar: UInt32)

  /// Takes a token; its place and its word are counted from a scalar of the text, and from the words so far. There must be
  /// room for it.
  mutating func put(_ token: ChunkToken, at scalar: UInt32)

  /// Counts words.
  mutating func endWords(_ count: UInt32)
}

extension TokenSink {
  /// Takes a token; its place and its word are counted from a scalar of the text, and from the words so far.
  mutating func append(_ token: ChunkToken, at scalar: UInt32) {
    withRoom(for: 1) { $0.put(token, at: scalar) }
  }

  /// Takes the tokens of a chunk, and counts its words.
  mutating func append(
    _ tokens: ArraySlice<ChunkToken>, wordCount: UInt32, at scalar: UInt32
  ) {
    withRoom(for: tokens.count) { room in
      for token in tokens { room.put(token, at: scalar) }
      room.endWords(wordCount)
    }
  }
}

/// The ids of tokens, and nothing else.
struct IDSink: TokenSink {
  static let placesTokens = false

  private var storage: [UInt32] = []
  private(set) var count = 0
  /// The ids of the vocabulary's indices; nothing if these are the same.
  private let idsOfIndices: [UInt32]

  init(_ vocabulary: Vocabulary) {
    idsOfIndices = vocabulary.idsAreIndices ? [] : vocabulary.ids
  }

  /// Gives the ids away.
  consuming func takeIDs() -> [UInt32] {
    storage.removeLast(storage.count - count)
    return storage
  }

  @inline(__always)
  mutating func makeRoom(for more: Int) {
    if count &+ more > storage.count {
      storage.append(contentsOf: repeatElement(0, count: max(more, storage.count, 64)))
    }
  }

  /// What is written without a look at its place lies below `left`.
  @safe struct Room: TokenRoom {
    /// Unlike an array's, a place in it is not looked at before it is written.
    fileprivate let memory: UnsafeMutableBufferPointer<UInt32>
    fileprivate(set) var count: Int
    fileprivate let idsOfIndices: [UInt32]
    fileprivate let idsAreIndices: Bool

    @inline(__always)
    var left: Int { unsafe memory.count &- count }

    @inline(__always)
    private func id(of index: UInt32) -> UInt32 {
      idsAreIndices ? index : idsOfIndices[Int(index)]
    }

    @inline(__always)
    mutating func put(_ entry: ChunkCache.Entry, at scalar: UInt32) {
      let indices = entry.indices
      // What is no token has the index 0, and is written over by the next.
      unsafe memory[count] = id(of: indices.0)
      unsafe memory[count &+ 1] = id(of: indices.1)
      unsafe memory[count &+ 2] = id(of: indices.2)
      count &+= entry.count
    }

    @inline(__always)
    mutating func put(_ token: ChunkToken, at scalar: UInt32) {
      unsafe memory[count] = id(of: token.index)
      count &+= 1
    }

    @inline(__always)
    mutating func endWords(_ count: UInt32) {}
  }

  @inline(__always)
  mutating func withRoom<Result>(for more: Int, _ body: (inout Room) -> Result) -> Result {
    makeRoom(for: more)
    let (idsOfIndices, before) = (idsOfIndices, count)
    let (result, after) = unsafe storage.withUnsafeMutableBufferPointer { memory in
      var room = unsafe Room(
        memory: memory, count: before, idsOfIndices: idsOfIndices,
        idsAreIndices: idsOfIndices.isEmpty)
      let result = body(&room)
      return (result, room.count)
    }
    count = after
    return result
  }

  mutating func append(
    special id: UInt32, _ text: @autoclosure () -> String, _ range: Range<UInt32>
  ) {
    append(id)
  }

  mutating func endWords(_ count: UInt32) {}

  mutating func append(_ id: UInt32) {
    makeRoom(for: 1)
    storage[count] = id
    count += 1
  }

  /// Keeps only a part of the ids from a place on.
  mutating func keep(_ range: Range<Int>, from start: Int) {
    if range.lowerBound > 0 {
      for place in range { storage[start + place - range.lowerBound] = storage[start + place] }
    }
    count = start + range.count
  }
}

/// Tokens with their places and words.
struct PlacedSink: TokenSink {
  static let placesTokens = true

  /// An added token, or one whose text is not that of the vocabulary.
  struct Special {
    var id: UInt32
    var text: String
  }

  private var storage: [ChunkToken] = []
  private(set) var count = 0
  /// Tokens from this index on are in `specials`.
  static let specialBase: UInt32 = 1 << 31
  private(set) var specials: [Special] = []
  /// How many words there are so far.
  private var wordCount: UInt32 = 0

  /// The tokens so far, counted from the beginning of their text.
  var tokens: ArraySlice<ChunkToken> { storage[..<count] }

  /// Forgets the tokens, for another text.
  mutating func removeAll() {
    count = 0
    wordCount = 0
    specials.removeAll(keepingCapacity: true)
  }

  @inline(__always)
  private mutating func makeRoom(for more: Int) {
    if count &+ more > storage.count {
      let empty = ChunkToken(index: 0, start: 0, end: 0, word: 0)
      storage.append(contentsOf: repeatElement(empty, count: max(more, storage.count, 64)))
    }
  }

  /// What is written without a look at its place lies below `left`.
  @safe struct Room: TokenRoom {
    /// Unlike an array's, a place in it is not looked at before it is written.
    fileprivate let memory: UnsafeMutableBufferPointer<ChunkToken>
    fileprivate(set) var count: Int
    fileprivate(set) var wordCount: UInt32

    @inline(__always)
    var left: Int { unsafe memory.count &- count }

    @inline(__always)
    mutating func put(_ entry: ChunkCache.Entry, at scalar: UInt32) {
      let indices = entry.indices
      let ends = entry.ends
      let end0 = scalar &+ ends.0
      let end1 = scalar &+ ends.1
      unsafe memory[count] = ChunkToken(
        index: indices.0, start: scalar, end: end0, word: wordCount)
      unsafe memory[count &+ 1] = ChunkToken(
        index: indices.1, start: end0, end: end1, word: wordCount)
      unsafe memory[count &+ 2] = ChunkToken(
        index: indices.2, start: end1, end: scalar &+ ends.2, word: wordCount)
      count &+= entry.count
      wordCount &+= entry.count > 0 ? 1 : 0
    }

    @inline(__always)
    mutating func put(_ token: ChunkToken, at scalar: UInt32) {
      unsafe memory[count] = ChunkToken(
        index: token.index, start: scalar &+ token.start, end: scalar &+ token.end,
        word: wordCount &+ token.word)
      count &+= 1
    }

    @inline(__always)
    mutating func endWords(_ count: UInt32) {
      wordCount &+= count
    }
  }

  @inline(__always)
  mutating func withRoom<Result>(for more: Int, _ body: (inout Room) -> Result) -> Result {
    makeRoom(for: more)
    let (before, words) = (count, wordCount)
    let (result, after, wordsAfter) = unsafe storage.withUnsafeMutableBufferPointer { memory in
      var room = unsafe Room(memory: memory, count: before, wordCount: words)
      let result = body(&room)
      return (result, room.count, room.wordCount)
    }
    count = after
    wordCount = wordsAfter
    return result
  }

  mutating func append(
    special id: UInt32, _ text: @autoclosure () -> String, _ range: Range<UInt32>
  ) {
    makeRoom(for: 1)
    storage[count] = ChunkToken(
      index: Self.specialBase &+ UInt32(truncatingIfNeeded: specials.count),
      start: range.lowerBound, end: range.upperBound, word: wordCount)
    specials.append(Special(id: id, text: text()))
    count += 1
  }

  mutating func endWords(_ count: UInt32) {
    wordCount &+= count
  }

  /// The id of a token.
  @inline(__always)
  func id(of token: ChunkToken, _ vocabulary: Vocabulary) -> UInt32 {
    token.index < Self.specialBase
      ? vocabulary.ids[Int(token.index)] : specials[Int(token.index &- Self.specialBase)].id
  }

  /// The text of a token.
  func text(of token: ChunkToken, _ vocabulary: Vocabulary) -> String {
    token.index < Self.specialBase
      ? vocabulary.texts[Int(token.index)] : specials[Int(token.index &- Self.specialBase)].text
  }
}
