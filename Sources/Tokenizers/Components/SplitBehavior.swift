/// What becomes of the matches that text is cut at (`SplitDelimiterBehavior`, tokenizer/normalizer.rs).
package enum SplitBehavior: String, Sendable, CaseIterable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"
}

/// Makes pieces of the parts of a text, matches and what lies between them, as a behaviour says.
struct PieceCutter {
  private let behavior: SplitBehavior
  /// The piece that the next part may still join, and whether its last part is a match.
  private var open: Range<Int>?
  private var endsWithMatch = false

  init(_ behavior: SplitBehavior) {
    self.behavior = behavior
  }

  /// Takes the next part.
  mutating func add(_ part: Range<Int>, isMatch: Bool, to pieces: inout [PieceText.Piece]) {
    if behavior == .removed, isMatch { return }
    if let start = open?.lowerBound, joins(isMatch) {
      open = start..<part.upperBound
    } else {
      finish(&pieces)
      open = part
    }
    endsWithMatch = isMatch
  }

  /// Ends the last piece.
  mutating func finish(_ pieces: inout [PieceText.Piece]) {
    if let open { pieces.append(open) }
    open = nil
  }

  /// Whether a part goes with the one before it.
  private func joins(_ isMatch: Bool) -> Bool {
    switch behavior {
    case .removed, .isolated: false
    case .contiguous: isMatch == endsWithMatch
    case .mergedWithPrevious: isMatch && !endsWithMatch
    case .mergedWithNext: !isMatch && endsWithMatch
    }
  }
}

extension [PieceText.Piece] {
  /// Appends a piece unless it is empty.
  @inline(__always)
  mutating func append(_ range: Range<Int>, addedToken: UInt32? = nil) {
    if !range.isEmpty { append(PieceText.Piece(range: range, addedToken: addedToken)) }
  }
}
