internal import CZlib
package import CheckpointBytes

/// What comes out of a deflate stream whose size nobody announces: a gzip or zlib file, or a member of a broken archive. As
/// much as can be had is kept, because programs that read as they inflate see it too.
package struct Inflation: Sendable {
  /// What lies around the stream.
  package enum Wrapper: Int32, Sendable {
    /// Nothing (RFC 1951).
    case bare = -15
    /// A header and a checksum of zlib or gzip (RFC 1950, RFC 1952), told by the header.
    case detected = 47
  }

  /// The bytes that came out.
  package private(set) var bytes: [UInt8] = []
  /// The number of bytes that went in, up to the end of the stream.
  package private(set) var inputByteCount = 0
  /// True if the stream came to its end.
  package private(set) var isWhole = false
  /// True if more would have come out than was allowed.
  package private(set) var isCut = false

  private static let windowSize = 64 << 10

  /// Inflates the stream that begins at an offset of a source.
  ///
  /// - Parameter limit: The most bytes that may come out.
  /// - Throws: What reading the source throws. A damaged stream is not thrown, it ends what comes out.
  package init(
    of source: any ByteSource, at start: Int, wrapper: Wrapper, limit: Int
  ) throws(CheckpointError) {
    var stream = unsafe z_stream()
    guard unsafe weighbridge_inflate_init(&stream, wrapper.rawValue) == Z_OK else {
      throw CheckpointError(
        .inputOutput, CheckpointError.Site(member: source.origin), "zlib cannot be started")
    }
    defer { unsafe inflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: Self.windowSize)
    var position = start
    while position < source.byteCount, !isWhole, !isCut {
      var input = try source.bytes(
        at: position, count: min(Self.windowSize, source.byteCount - position))
      let count = input.count
      let used = unsafe input.withUnsafeMutableBufferPointer { input in
        unsafe inflate(&stream, input, into: &output, limit: limit)
      }
      position += used
      guard used == count || isWhole || isCut else { break }
    }
    inputByteCount = position - start
  }

  /// Inflates a piece of input; returns how much of it was used, less than all if the stream ended or is damaged.
  private mutating func inflate(
    _ stream: inout z_stream, _ input: UnsafeMutableBufferPointer<UInt8>,
    into output: inout [UInt8], limit: Int
  ) -> Int {
    unsafe stream.next_in = input.baseAddress
    unsafe stream.avail_in = UInt32(input.count)
    while true {
      let result = unsafe output.withUnsafeMutableBufferPointer { output in
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = UInt32(output.count)
        return unsafe CZlib.inflate(&stream, Z_NO_FLUSH)
      }
      let got = unsafe output.count - Int(stream.avail_out)
      let room = max(0, limit - bytes.count)
      bytes += output[..<min(got, room)]
      if got > room { isCut = true }
      if result == Z_STREAM_END, !isCut { isWhole = true }
      // Output that filled the window may have more behind it.
      guard result == Z_OK, got == output.count, !isCut else { break }
    }
    return unsafe input.count - Int(stream.avail_in)
  }
}
