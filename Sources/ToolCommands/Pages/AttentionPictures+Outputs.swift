internal import Weighbridge

extension AttentionPictures {
  /// How many weights the pictures of a page hold together: about 4 MB of it.
  private static let limit = 2_000_000

  /// The pictures of what a model computed: one for each sequence, until the page is full.
  ///
  /// - Parameters:
  ///   - outputs: All results; those called `attentions.N`, `[sequences, heads, tokens, tokens]`, are drawn.
  ///   - tokens: What the sequences consist of.
  ///   - bad: The names of results that a reader is to look at first.
  static func all(
    of outputs: [(name: String, dimensions: [Int], values: [Float])], tokens: TokenTexts,
    bad: Set<String> = []
  ) -> [AttentionPictures] {
    let attentions = outputs.filter {
      let extents = $0.dimensions
      return $0.name.hasPrefix("attentions.") && extents.count == 4 && extents[2] == extents[3]
        && extents[3] > 0
    }
    guard let extents = attentions.first?.dimensions,
      attentions.allSatisfy({ $0.dimensions == extents })
    else { return [] }
    let (sequences, heads, length) = (extents[0], extents[1], extents[3])
    // The first sequence is there in any case, so far as there is room for its tokens.
    var shown = length
    while shown > 1, shown * shown * heads * attentions.count > limit { shown -= 1 }
    let room = max(1, limit / max(1, length * length * heads * attentions.count))
    let drawn = shown < length ? min(1, sequences) : min(room, sequences)
    return (0..<drawn).compactMap { sequence in
      var note: [String] = []
      if shown < length { note.append("the first \(shown) of \(length) tokens") }
      if drawn < sequences, sequence == drawn - 1 {
        note.append("\(sequences - drawn) more sequences are not drawn: there is no room")
      }
      if let hint = tokens.note { note.append(hint) }
      return AttentionPictures(
        sequences == 1 ? "Attention" : "Attention in sequence \(sequence)",
        tokens: (0..<shown).map { tokens.text($0, in: sequence, of: length) },
        layers: attentions.map { output in
          Layer(
            name: "layer " + output.name.dropFirst("attentions.".count),
            heads: (0..<heads).map { head -> [Float] in
              let start = (sequence * heads + head) * length * length
              return (0..<shown).flatMap { row in
                output.values[start + row * length..<start + row * length + shown]
              }
            }, isBad: bad.contains(output.name))
        }, note: note.isEmpty ? nil : note.joined(separator: "; "))
    }
  }
}

/// The tokens of sequences as text, where there is a tokenizer to tell it, and as their numbers where there is none.
struct TokenTexts {
  private let ids: TokenArray?
  private let tokenizer: Tokenizer?

  init(_ ids: TokenArray?, _ tokenizer: Tokenizer?) {
    self.ids = ids
    self.tokenizer = tokenizer
  }

  /// What a reader is to know of it.
  var note: String? {
    ids == nil
      ? "tokens are called after their places" : tokenizer == nil ? "tokens are called by id" : nil
  }

  /// A token of a sequence of such a length.
  func text(_ place: Int, in sequence: Int, of length: Int) -> String {
    guard let ids, ids.dimensions.last == length,
      ids.elements.indices.contains(sequence * length + place)
    else { return String(place) }
    let id = ids.elements[sequence * length + place]
    return tokenizer?.token(withID: id) ?? String(id)
  }
}
