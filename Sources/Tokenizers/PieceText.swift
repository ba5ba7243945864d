/// Text on its way to the model: scalars, cut into pieces, some of which are added tokens already.
struct PieceText: Sendable {
  /// A part of the scalars.
  struct Piece: Sendable {
    var range: Range<Int>
    /// The id, if the piece is an added token.
    var addedToken: UInt32?
  }

  /// The scalars of all pieces, one piece after the other.
  private(set) var scalars: [AlignedScalar]
  /// The pieces; none is empty.
  private(set) var pieces: [Piece]

  /// A text in one piece.
  init(_ text: String) {
    scalars = Array(text)
    pieces = scalars.isEmpty ? [] : [Piece(range: 0..<scalars.count)]
  }

  /// Cuts every piece that is no added token: `cut` gets its scalars and appends its parts, in order; what it leaves out
  /// is dropped.
  mutating func split(_ cut: (ArraySlice<AlignedScalar>, inout [Piece]) -> Void) {
    var result: [Piece] = []
    result.reserveCapacity(pieces.count)
    for piece in pieces {
      guard piece.addedToken == nil else {
        result.append(piece)
        continue
      }
      cut(scalars[piece.range], &result)
    }
    pieces = result
  }

  /// Rewrites every piece that is no added token: `rewrite` appends what it becomes, and may cut it by the way.
  mutating func rewrite(
    _ rewrite: (ArraySlice<AlignedScalar>, inout Rewriting) -> Void
  ) {
    var result = Rewriting()
    result.scalars.reserveCapacity(scalars.count + scalars.count / 4 + 8)
    result.pieces.reserveCapacity(pieces.count)
    for piece in pieces {
      if piece.addedToken != nil {
        result.scalars += scalars[piece.range]
      } else {
        rewrite(scalars[piece.range], &result)
      }
      result.endPiece(addedToken: piece.addedToken)
    }
    scalars = result.scalars
    pieces = result.pieces
  }

  /// A text that is being written.
  struct Rewriting {
    /// The scalars so far.
    var scalars: [AlignedScalar] = []
    fileprivate(set) var pieces: [Piece] = []
    private var start = 0

    /// Makes a piece of the scalars since the last one.
    mutating func endPiece(addedToken: UInt32? = nil) {
      if start < scalars.count {
        pieces.append(Piece(range: start..<scalars.count, addedToken: addedToken))
      }
      start = scalars.count
    }
  }
}
