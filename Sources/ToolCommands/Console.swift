#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Where the tool prints: results to standard output, progress and notes to standard error.
public struct Console: Sendable {
  /// Receives text.
  public typealias Sink = @Sendable (String) -> Void

  private let output: Sink
  private let error: Sink
  /// True if standard error is a terminal, so that a progress bar makes sense.
  public let showsProgress: Bool

  /// A console that hands its text to closures.
  public init(output: @escaping Sink, error: @escaping Sink, showsProgress: Bool = false) {
    self.output = output
    self.error = error
    self.showsProgress = showsProgress
  }

  /// The process's standard output and standard error.
  public static let process = Console(
    output: { writeAll($0, to: 1) }, error: { writeAll($0, to: 2) },
    showsProgress: isatty(2) == 1)

  /// Prints to standard output.
  public func write(_ text: String) { output(text) }

  /// Prints to standard error.
  public func writeError(_ text: String) { error(text) }
}

/// Writes a whole text to a descriptor; what cannot be written (a closed pipe) is given up.
private func writeAll(_ text: String, to descriptor: CInt) {
  var text = text
  text.withUTF8 { buffer in
    var done = 0
    while done < buffer.count, let start = buffer.baseAddress {
      let put = unsafe writeBytes(descriptor, start + done, buffer.count - done)
      if put < 0 {
        if errno == EINTR { continue }
        return
      }
      done += put
    }
  }
}

private func writeBytes(
  _ descriptor: CInt, _ bytes: UnsafePointer<UInt8>, _ count: Int
) -> Int {
  unsafe write(descriptor, bytes, count)
}
