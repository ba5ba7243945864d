internal import CheckpointBytes
internal import PickleFormat

/// Pickles and numbers that follow one another in a part of a file, read in order. How long a pickle is shows only when
/// it is read, so a window of the file is read and enlarged where it turns out too short.
struct PickleStream {
  private let file: SourceFile
  private let member: String?
  /// The part of the file.
  let range: Range<Int>
  private let limits: ReadLimits
  /// The offset in the file of the next byte.
  private(set) var position: Int
  /// Subtracted from offsets of the file in failures: where the member begins.
  private let base: Int
  /// Where in the file the pickles lay that were read.
  private(set) var pickles: [Range<Int>] = []

  private static let firstWindow = 64 << 10

  init(
    _ file: SourceFile, _ range: Range<Int>, member: String? = nil, limits: ReadLimits
  ) {
    self.file = file
    self.member = member
    self.range = range
    position = range.lowerBound
    base = member == nil ? 0 : range.lowerBound
    self.limits = limits
  }

  /// The number of bytes left.
  var remaining: Int { range.upperBound - position }

  func failure(_ kind: FailureKind, _ field: String, _ problem: String) -> CheckpointError {
    CheckpointError(
      kind, file: file.path, member: member, offset: position - base, field: field, problem)
  }

  /// Reads the next pickle. Offsets in the document count from the beginning of the file, or of the member.
  mutating func pickle(_ policy: GlobalPolicy) throws(CheckpointError) -> PickleDocument {
    let limit = limits.pickleBytes
    var window = PickleStream.firstWindow
    while true {
      let count = min(window, remaining, limit)
      var cursor = ByteCursor(try file.bytes(at: position, count: count), base: position - base)
      do {
        let document = try PickleDocument(parsing: &cursor, policy: policy, limits: limits)
        pickles.append(position..<(position + cursor.position))
        position += cursor.position
        return document
      } catch {
        guard error.kind == .truncated, count < remaining else {
          throw error.located(file: file.path, member: member)
        }
        guard count < limit else {
          throw failure(.limitExceeded, "pickle", "has more than \(limit) bytes")
        }
        window *= 2
      }
    }
  }

  /// Reads a little-endian number.
  mutating func read<Number: FixedWidthInteger & Sendable>(
    _ type: Number.Type, _ field: String
  ) throws(CheckpointError) -> Number {
    let width = Number.bitWidth / 8
    guard width <= remaining else {
      throw failure(.truncated, field, "expected \(width) bytes, found \(remaining)")
    }
    let bytes = try file.bytes(at: position, count: width)
    position += width
    return bytes.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  /// Moves past the bytes of a storage and returns them as a source.
  mutating func storage(_ byteCount: Int) throws(CheckpointError) -> FileBytes {
    guard byteCount >= 0, byteCount <= remaining else {
      throw failure(.truncated, "storage", "expected \(byteCount) bytes, found \(remaining)")
    }
    defer { position += byteCount }
    return try FileBytes(file, at: position, count: byteCount, member: member)
  }
}
