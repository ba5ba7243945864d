/// A trie over scalars, its edges in one hash table.
struct ScalarTrie: Sendable {
  /// The root.
  static var root: UInt32 { 0 }
  private static var nothing: UInt32 { .max }

  private var edges: PairTable<UInt32>
  /// The index of the text that ends at each node.
  private var ends: [UInt32] = [ScalarTrie.nothing]

  /// The ASCII scalars that texts begin with, one bit each.
  private var firstASCII: (UInt64, UInt64) = (0, 0)

  /// The bytes that the UTF-8 of texts begins with.
  private(set) var firstBytes: [UInt8] = []

  /// A trie without texts, of which about so many are to come.
  init(expecting count: Int = 0) {
    // What vocabularies have for each token, or else the table grows.
    edges = PairTable(filler: 0, minimumCapacity: 2 * count)
  }

  /// The tokens of a vocabulary, by their indices.
  init(_ vocabulary: Vocabulary) {
    self.init(expecting: vocabulary.count)
    for (index, text) in vocabulary.texts.enumerated() {
      set(text.unicodeScalars.lazy.map(\.value), UInt32(index))
    }
  }

  /// True if a text may begin with this scalar: tells most of ASCII without a look into the table.
  @inline(__always)
  func mayBegin(with scalar: UInt32) -> Bool {
    guard scalar < 0x80 else { return true }
    let bits = scalar < 0x40 ? firstASCII.0 : firstASCII.1
    return bits & (1 << UInt64(scalar & 0x3F)) != 0
  }

  /// True if there is no text in it.
  var isEmpty: Bool { ends.count == 1 && ends[0] == Self.nothing }

  /// Adds a text; false if it is there already.
  mutating func insert(_ scalars: some Sequence<UInt32>, _ index: UInt32) -> Bool {
    let node = makeNode(after: scalars)
    guard ends[Int(node)] == Self.nothing else { return false }
    ends[Int(node)] = index
    return true
  }

  /// Adds a text, or gives one that is there another index.
  mutating func set(_ scalars: some Sequence<UInt32>, _ index: UInt32) {
    ends[Int(makeNode(after: scalars))] = index
  }

  private mutating func makeNode(after scalars: some Sequence<UInt32>) -> UInt32 {
    var node = Self.root
    for scalar in scalars {
      if node == Self.root {
        let first = Unicode.Scalar(scalar).flatMap { UTF8.encode($0)?.first }
        if let first, !firstBytes.contains(first) { firstBytes.append(first) }
        if scalar < 0x40 {
          firstASCII.0 |= 1 << UInt64(scalar)
        } else if scalar < 0x80 {
          firstASCII.1 |= 1 << UInt64(scalar & 0x3F)
        }
      }
      if let next = edges[node, scalar] {
        node = next
      } else {
        let next = UInt32(ends.count)
        edges.set(node, scalar, next)
        ends.append(Self.nothing)
        node = next
      }
    }
    return node
  }

  func node(after scalars: some Sequence<UInt32>, from start: UInt32 = root) -> UInt32? {
    var node = start
    for scalar in scalars {
      guard let next = edges[node, scalar] else { return nil }
      node = next
    }
    return node
  }

  func index(of scalars: some Sequence<UInt32>) -> UInt32? {
    guard let node = node(after: scalars) else { return nil }
    let end = ends[Int(node)]
    return end == Self.nothing ? nil : end
  }

  @inline(__always)
  func longestMatch(
    in text: some ScalarText, from start: Int, to end: Int, at node: UInt32
  ) -> (index: UInt32, end: Int)? {
    var node = node
    var position = start
    var match: (index: UInt32, end: Int)?
    while position < end, let next = edges[node, text.scalar(at: position)] {
      node = next
      position = text.position(after: position)
      let last = ends[Int(node)]
      if last != Self.nothing { match = (last, position) }
    }
    return match
  }

  @inline(__always)
  func node(after node: UInt32, _ scalar: UInt32) -> UInt32? {
    edges[node, scalar]
  }

  @inline(__always)
  func index(at node: UInt32) -> UInt32? {
    let end = ends[Int(node)]
    return end == Self.nothing ? nil : end
  }
}
