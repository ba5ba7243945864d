internal import CheckpointBytes

/// The frames of protocol 4 and 5 (PEP 3154): `FRAME` announces how many bytes of operations follow in one piece.
///
/// ```
/// FRAME 12 │ operation operation operation │ FRAME 7 │ … │ BINBYTES of 100 KB, between frames │ FRAME …
/// ```
///
/// An operation that passes the end of its frame, and a frame within a frame, are malformed, as in CPython's own Python
/// version (`Lib/pickle.py`, `_Unframer`). CPython's C version before 3.13.15 and 3.14.7 steps out of the frame instead
/// and runs what lies behind it (python/cpython#154848), so that such bytes mean different things to different readers.
struct PickleFrames {
  /// The offset of the first byte behind the open frame.
  private(set) var end = 0

  /// True if the operation at an offset lies in a frame.
  func contains(_ offset: Int) -> Bool { offset < end }

  /// Follows an operation that was read up to an offset, with so many bytes left behind it.
  ///
  /// - Throws: `malformed` if it passes the end of its frame or opens one inside another, `truncated` if it opens one that
  ///   the bytes do not hold.
  mutating func take(
    _ instruction: PickleInstruction, endingAt offset: Int, remaining: Int
  ) throws(ParseFailure) {
    if contains(instruction.offset), offset > end {
      throw ParseFailure(
        .malformed, at: instruction.offset, instruction.opcode.name,
        "the operation ends at byte \(offset), its frame at byte \(end)")
    }
    guard instruction.opcode == .frame, case .unsigned(let length) = instruction.argument else {
      return
    }
    guard offset >= end else {
      throw ParseFailure(
        .malformed, at: instruction.offset, instruction.opcode.name,
        "a frame begins before the one around it ends at byte \(end)")
    }
    guard length <= UInt64(remaining) else {
      throw ParseFailure(
        .truncated, at: instruction.offset, instruction.opcode.name,
        "a frame of \(length) bytes, \(remaining) are left")
    }
    end = offset + Int(length)
  }

  /// Forgets the open frame.
  mutating func leave() { end = 0 }
}
