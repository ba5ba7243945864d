internal import CZlib
internal import CheckpointBytes
internal import Synchronization

/// The content of a deflated member, inflated as it is read.
///
/// Reading forward decodes each byte once, in 64 KiB of input at a time; a jump back begins again. Never more bytes come
/// out than the central directory announces, and at the end the stream must be over, all its input used and the CRC-32
/// the recorded one.
final class InflatedMember: ByteSource {
  private let member: ZipMember
  private let dataOffset: Int
  private let file: SourceFile
  private let decoder = Mutex<InflateStream?>(nil)

  /// Takes a member whose data was found to lie inside the file.
  init(_ member: ZipMember, dataOffset: Int, in file: SourceFile) {
    self.member = member
    self.dataOffset = dataOffset
    self.file = file
  }

  var byteCount: Int { member.byteCount }
  var fileRange: FileRange? { nil }
  var origin: String { "\(file.path): \(member.name) @ \(dataOffset) (deflated)" }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard offset >= 0, offset <= byteCount, destination.count <= byteCount - offset else {
      throw CheckpointError(
        .truncated, file: file.path, member: member.name.string, offset: offset,
        "expected \(destination.count) bytes, there are \(byteCount)")
    }
    try unsafe advance(to: offset, thenInto: destination)
  }

  /// Inflates to the end, which compares the checksum; the file must not have changed since it was opened.
  func verifyIntegrity() throws(CheckpointError) {
    try file.checkUnchanged()
    try unsafe advance(
      to: byteCount, thenInto: UnsafeMutableRawBufferPointer(start: nil, count: 0))
  }

  private func advance(
    to offset: Int, thenInto destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    // Typed throws do not pass through `withLock`.
    let failure: CheckpointError? = decoder.withLock { decoder in
      do throws(CheckpointError) {
        let stream: InflateStream
        if let current = decoder, current.position <= offset {
          stream = current
        } else {
          stream = try InflateStream(member, dataOffset: dataOffset, in: file)
        }
        // Put back only if nothing fails: a stream that failed is begun anew and fails again.
        decoder = nil
        try stream.skip(to: offset)
        try unsafe stream.inflate(into: destination)
        if stream.position == member.byteCount { try stream.finish() }
        decoder = stream
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }
}

/// A running inflation of one member. Only ever used under the lock of its ``InflatedMember``, and the pointers it holds
/// are its own.
@safe
private final class InflateStream: @unchecked Sendable {
  /// The number of bytes that have come out.
  private(set) var position = 0

  private let member: ZipMember
  private let file: SourceFile
  private let stream: UnsafeMutablePointer<z_stream>
  private let input: UnsafeMutableRawBufferPointer
  private var inputOffset: Int
  private let inputEnd: Int
  private var checksum = CRC32()
  private var isFinished = false
  private var isChecked = false

  private static let windowSize = 64 << 10

  init(_ member: ZipMember, dataOffset: Int, in file: SourceFile) throws(CheckpointError) {
    self.member = member
    self.file = file
    inputOffset = dataOffset
    inputEnd = dataOffset + member.compressedByteCount
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    unsafe input = .allocate(byteCount: Self.windowSize, alignment: 16)
    guard unsafe weighbridge_inflate_init(stream, -15) == Z_OK else {
      throw CheckpointError(
        .inputOutput, file: file.path, member: member.name.string, "zlib cannot be started")
    }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
    unsafe input.deallocate()
  }

  private func failure(_ kind: FailureKind, _ problem: String) -> CheckpointError {
    CheckpointError(
      kind, file: file.path, member: member.name.string, offset: position, field: "deflate stream",
      problem)
  }

  /// Inflates and drops bytes up to a position.
  func skip(to target: Int) throws(CheckpointError) {
    guard position < target else { return }
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(Self.windowSize, target - position), alignment: 16)
    defer { unsafe scratch.deallocate() }
    while position < target {
      let piece = min(scratch.count, target - position)
      try unsafe inflate(into: UnsafeMutableRawBufferPointer(rebasing: scratch[..<piece]))
    }
  }

  /// Fills a buffer with the next bytes.
  func inflate(into destination: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    guard let start = destination.baseAddress else { return }
    var done = 0
    while done < destination.count {
      let room = min(destination.count - done, 1 << 30)
      let got = try unsafe step(into: start + done, room: room)
      done += got
      position += got
      if isFinished, done < destination.count {
        throw failure(
          .truncated, "the stream ends here, expected \(member.byteCount) bytes in all")
      }
    }
    unsafe checksum.update(UnsafeRawBufferPointer(destination))
  }

  /// Makes sure that the stream ends at the announced size, used all its input, and has the recorded checksum.
  func finish() throws(CheckpointError) {
    guard !isChecked else { return }
    var extra: UInt8 = 0
    while !isFinished {
      let got = try unsafe withUnsafeMutablePointer(to: &extra) {
        (byte) throws(CheckpointError) in
        try unsafe step(into: UnsafeMutableRawPointer(byte), room: 1)
      }
      guard got == 0 else {
        throw failure(
          .malformed, "the stream goes on beyond the announced \(member.byteCount) bytes")
      }
    }
    guard inputOffset == inputEnd, unsafe stream.pointee.avail_in == 0 else {
      throw failure(
        .malformed, "the stream ends before the announced \(member.compressedByteCount) bytes")
    }
    try member.check(checksum.value, in: file)
    isChecked = true
  }

  /// One call of `inflate`; returns the number of bytes that came out.
  private func step(
    into destination: UnsafeMutableRawPointer, room: Int
  ) throws(CheckpointError) -> Int {
    if unsafe stream.pointee.avail_in == 0, inputOffset < inputEnd {
      let count = min(Self.windowSize, inputEnd - inputOffset)
      try unsafe file.read(
        at: inputOffset, into: UnsafeMutableRawBufferPointer(rebasing: input[..<count]))
      inputOffset += count
      unsafe stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
      unsafe stream.pointee.avail_in = UInt32(count)
    }
    unsafe stream.pointee.next_out = destination.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = UInt32(room)
    let result = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
    let got = unsafe room - Int(stream.pointee.avail_out)
    switch result {
    case Z_STREAM_END: isFinished = true
    case Z_OK: break
    case Z_BUF_ERROR where got == 0:
      throw failure(
        .truncated, "the compressed data ends here, expected \(member.byteCount) bytes in all")
    default: throw failure(.malformed, "the compressed data is damaged")
    }
    return got
  }
}
