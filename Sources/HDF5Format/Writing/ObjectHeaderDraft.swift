internal import CheckpointBytes

/// An object header of version 1 in one block (HDF5 specification IV.A.1.a), as ``ObjectHeader`` reads it. All messages are
/// known when it is made, so that it needs no continuation.
///
/// ```
/// version │ number of messages │ references │ size ─► type, size, flags, body │ …
/// ```
struct ObjectHeaderDraft {
  /// What a message can take: its size has 16 bits and is a multiple of eight.
  static let mostMessageBytes = 65_528
  /// The number of messages has 16 bits too.
  static let mostMessages = 65_535

  private let start: Int
  private var messageCount = 0

  /// Begins a header at the end of a buffer.
  init(linkCount: Int, in buffer: inout StructureBuffer) {
    start = buffer.count
    buffer.append([1, 0])
    buffer.append(0 as UInt16)
    buffer.append(UInt32(clamping: linkCount))
    buffer.append(zeros: 8)
  }

  /// Appends a message, which must not be longer than ``mostMessageBytes``. One that never changes is marked so.
  mutating func add(
    _ kind: HeaderMessage.Kind, isConstant: Bool = false, to buffer: inout StructureBuffer,
    _ body: (inout StructureBuffer) -> Void
  ) {
    messageCount += 1
    buffer.append(kind.rawValue)
    let sizePlace = buffer.count
    buffer.append(0 as UInt16)
    buffer.append([isConstant ? 1 : 0, 0, 0, 0])
    let start = buffer.count
    body(&buffer)
    buffer.align(from: start)
    buffer.put(UInt16(truncatingIfNeeded: buffer.count - start), at: sizePlace)
  }

  /// Ends the header.
  func finish(in buffer: inout StructureBuffer) throws(ParseFailure) {
    guard messageCount <= Self.mostMessages,
      let byteCount = UInt32(exactly: buffer.count - start - 16)
    else {
      throw ParseFailure(
        .limitExceeded, "object header",
        "\(messageCount) attributes and links, at most \(Self.mostMessages) fit")
    }
    buffer.put(UInt16(truncatingIfNeeded: messageCount), at: start + 2)
    buffer.put(byteCount, at: start + 8)
  }
}
