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
  /// Memory of the last rewriting or cutting, for the next.
  private var spare = Rewriting()

  /// A text in one piece.
  init(_ text: String) {
    let bytes = TextBytes(text)
    self.init(bytes, bytes.count == 0 ? [] : [TextPart(range: 0..<bytes.count)])
  }

  /// Parts of a text, none of them empty. Positions are counted from the first of them.
  init(_ text: TextBytes, _ parts: [TextPart]) {
    self.init()
    scalars.reserveCapacity(parts.reduce(0) { $0 + $1.range.count })
    var position: UInt32 = 0
    var end = 0
    for part in parts {
      // A token may take along what the next one is made of.
      if part.range.lowerBound < end {
        position &-= text.scalarCount(in: part.range.lowerBound..<end)
      }
      end = part.range.upperBound
      append(part, of: text, at: &position)
    }
  }

  /// No text.
  init() {
    scalars = []
    pieces = []
  }

  /// Takes a part of a text instead, in the memory that is there.
  mutating func replace(by range: Range<Int>, of text: TextBytes) {
    scalars.removeAll(keepingCapacity: true)
    pieces.removeAll(keepingCapacity: true)
    var position: UInt32 = 0
    append(TextPart(range: range), of: text, at: &position)
  }

  private mutating func append(_ part: TextPart, of text: TextBytes, at position: inout UInt32) {
    let start = scalars.count
    var byte = part.range.lowerBound
    while byte < part.range.upperBound {
      scalars.append(
        AlignedScalar(value: text.scalar(at: byte), start: position, end: position &+ 1))
      position &+= 1
      byte = text.position(after: byte)
    }
    pieces.append(start..<scalars.count, addedToken: part.addedToken)
  }

  /// Cuts every piece that is no added token: `cut` gets its scalars and appends its parts, in order; what it leaves out
  /// is dropped.
  mutating func split(_ cut: (ArraySlice<AlignedScalar>, inout [Piece]) -> Void) {
    spare.pieces.removeAll(keepingCapacity: true)
    for piece in pieces {
      guard piece.addedToken == nil else {
        spare.pieces.append(piece)
        continue
      }
      cut(scalars[piece.range], &spare.pieces)
    }
    swap(&pieces, &spare.pieces)
  }

  /// Rewrites every piece that is no added token: `rewrite` appends what it becomes, and may cut it by the way.
  mutating func rewrite(
    _ rewrite: (ArraySlice<AlignedScalar>, inout Rewriting) -> Void
  ) {
    spare.removeAll()
    spare.scalars.reserveCapacity(scalars.count + scalars.count / 4 + 8)
    for piece in pieces {
      if piece.addedToken != nil {
        spare.scalars += scalars[piece.range]
      } else {
        rewrite(scalars[piece.range], &spare)
      }
      spare.endPiece(addedToken: piece.addedToken)
    }
    swap(&scalars, &spare.scalars)
    swap(&pieces, &spare.pieces)
  }

  /// A text that is being written.
  struct Rewriting {
    /// The scalars so far.
    var scalars: [AlignedScalar] = []
    fileprivate(set) var pieces: [Piece] = []
    private var start = 0

    fileprivate mutating func removeAll() {
      scalars.removeAll(keepingCapacity: true)
      pieces.removeAll(keepingCapacity: true)
      start = 0
    }

    /// Makes a piece of the scalars since the last one.
    mutating func endPiece(addedToken: UInt32? = nil) {
      if start < scalars.count {
        pieces.append(Piece(range: start..<scalars.count, addedToken: addedToken))
      }
      start = scalars.count
    }
  }
}
