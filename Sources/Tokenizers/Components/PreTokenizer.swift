/// A pre-tokenizer of `tokenizer.json`: cuts text into the words that the model sees.
///
/// Named and defined by tokenizers 0.23.3, `src/pre_tokenizers/`.
package indirect enum PreTokenizer: Sendable {
  /// At white space, and around punctuation.
  case bert
  case byteLevel(addsPrefixSpace: Bool, usesPattern: Bool)
  case metaspace(Metaspace)
  /// `\w+|[^\w\s]+`
  case whitespace
  case whitespaceSplit
  case punctuation(SplitBehavior)
  case digits(individually: Bool)
  case split(TextPattern, SplitBehavior, inverted: Bool)
  /// At one scalar, which is dropped.
  case delimiter(UInt32)
  case sequence([PreTokenizer])

  /// The pieces of a text, as they are given to the model.
  package func pieces(of text: String) -> [String] {
    var pieces = PieceText(text)
    apply(to: &pieces)
    return pieces.pieces.map { pieces.scalars[$0.range].text }
  }

  /// Cuts the text. A sequence that makes more than `most` scalars of it goes no further.
  func apply(to text: inout PieceText, most: Int = .max) {
    switch self {
    case .bert: Self.splitAsBERT(&text)
    case .byteLevel(let addsPrefixSpace, let usesPattern):
      Self.writeBytes(&text, addsPrefixSpace: addsPrefixSpace, usesPattern: usesPattern)
    case .metaspace(let metaspace): metaspace.apply(to: &text)
    case .whitespace: Self.splitWords(&text)
    case .whitespaceSplit: Self.split(&text, at: .whitespace, .removed)
    case .punctuation(let behavior): Self.split(&text, at: .punctuation, behavior)
    case .digits(let individually):
      Self.split(&text, at: .numeric, individually ? .isolated : .contiguous)
    case .split(let pattern, let behavior, let inverted):
      text.split { source, pieces in
        var cutter = PieceCutter(behavior)
        pattern.forEachPart(of: source) { part, isMatch in
          cutter.add(part, isMatch: isMatch != inverted, to: &pieces)
        }
        cutter.finish(&pieces)
      }
    case .delimiter(let delimiter):
      Self.split(&text, .removed) { $0 == delimiter }
    case .sequence(let preTokenizers):
      for preTokenizer in preTokenizers where text.scalars.count <= most {
        preTokenizer.apply(to: &text, most: most)
      }
    }
  }

  private static func split(
    _ text: inout PieceText, at classes: ScalarClasses, _ behavior: SplitBehavior
  ) {
    split(&text, behavior) { !ScalarClasses.of($0).isDisjoint(with: classes) }
  }

  /// Cuts at each scalar that matches.
  private static func split(
    _ text: inout PieceText, _ behavior: SplitBehavior, where matches: (UInt32) -> Bool
  ) {
    text.split { source, pieces in
      var cutter = PieceCutter(behavior)
      var start = source.startIndex
      for index in source.indices where matches(source[index].value) {
        if start < index { cutter.add(start..<index, isMatch: false, to: &pieces) }
        cutter.add(index..<index + 1, isMatch: true, to: &pieces)
        start = index + 1
      }
      if start < source.endIndex {
        cutter.add(start..<source.endIndex, isMatch: false, to: &pieces)
      }
      cutter.finish(&pieces)
    }
  }

  /// What `split(at: .whitespace, .removed)` and `split(at: .punctuation, .isolated)` do one after the other.
  private static func splitAsBERT(_ text: inout PieceText) {
    text.split { source, pieces in
      var start = source.startIndex
      for index in source.indices {
        let classes = ScalarClasses.of(source[index].value)
        guard !classes.isDisjoint(with: [.whitespace, .punctuation]) else { continue }
        pieces.append(start..<index)
        if !classes.contains(.whitespace) { pieces.append(index..<index + 1) }
        start = index + 1
      }
      pieces.append(start..<source.endIndex)
    }
  }

  /// Runs of word scalars, and runs of what is neither word nor white space.
  private static func splitWords(_ text: inout PieceText) {
    text.split { source, pieces in
      var position = source.startIndex
      while position < source.endIndex {
        let start = position
        let kind = ScalarClasses.of(source[start].value).intersection([.word, .whitespace])
        repeat {
          position += 1
        } while position < source.endIndex
          && ScalarClasses.of(source[position].value).intersection([.word, .whitespace]) == kind
        if !kind.contains(.whitespace) { pieces.append(start..<position) }
      }
    }
  }

  /// Cuts by the pattern of GPT-2, and writes each byte in the alphabet of byte-level vocabularies.
  private static func writeBytes(
    _ text: inout PieceText, addsPrefixSpace: Bool, usesPattern: Bool
  ) {
    text.rewrite { source, result in
      var source = source
      if addsPrefixSpace, let first = source.first, first.value != AlignedScalar.space {
        source = [first.replaced(by: AlignedScalar.space)] + source
      }
      guard usesPattern else {
        for scalar in source { ByteAlphabet.append(scalar, to: &result.scalars) }
        return
      }
      var position = source.startIndex
      while position < source.endIndex {
        let end = GPT2Words.end(of: source, from: position)
        for index in position..<end { ByteAlphabet.append(source[index], to: &result.scalars) }
        result.endPiece()
        position = end
      }
    }
  }
}

/// Spaces written as a scalar of their own, and words that begin with it (pre_tokenizers/metaspace.rs).
package struct Metaspace: Sendable {
  /// U+2581, a low block.
  static let usualReplacement: UInt32 = 0x2581

  /// When a space is put before a text.
  enum Prepending: String, Sendable { case always, never, first }

  /// What a space is written as, usually U+2581.
  var replacement: UInt32
  /// When one is prepended.
  var prepending: Prepending
  /// Whether words are cut off.
  var splits: Bool

  func apply(to text: inout PieceText) {
    text.rewrite { source, result in
      let begins = source.first.map { $0.value == replacement || $0.value == AlignedScalar.space }
      if let first = source.first, begins == false,
        prepending == .always || prepending == .first && first.start == 0
      {
        result.scalars.append(first.replaced(by: replacement))
      }
      for (offset, scalar) in source.enumerated() {
        let isSpace = scalar.value == AlignedScalar.space || scalar.value == replacement
        if isSpace, splits, offset > 0 { result.endPiece() }
        result.scalars.append(isSpace ? scalar.replaced(by: replacement) : scalar)
      }
    }
  }
}
