internal import Synchronization
package import Weighbridge

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

  /// How text is laid out.
  package let style: TextStyle

  /// A console that hands its text to closures.
  package init(
    output: @escaping Sink, error: @escaping Sink, showsProgress: Bool = false,
    style: TextStyle = .plain
  ) {
    self.output = output
    self.error = error
    self.showsProgress = showsProgress
    self.style = style.ofTool
  }

  /// The same console with another style; without progress where it is to be quiet.
  func with(_ style: TextStyle) -> Console {
    Console(
      output: output, error: error, showsProgress: showsProgress && !style.isQuiet, style: style)
  }

  /// The process's standard output and standard error.
  public static let process = Console(
    output: { text in
      if let error = writeAll(text, to: 1) {
        _ = outputError.compareExchange(expected: 0, desired: error, ordering: .relaxed)
      }
    },
    error: { _ = writeAll($0, to: 2) },
    showsProgress: isatty(2) == 1, style: .process)

  /// The first number of an error in writing to the process's standard output; 0 if all is written, -1 once the error was thrown.
  private static let outputError = Atomic<CInt>(0)

  /// Throws if a result did not get to the process's standard output: a full disk must not look like success. It is said once.
  static func checkOutput() throws(CheckpointError) {
    let error = outputError.load(ordering: .relaxed)
    guard error > 0 else { return }
    outputError.store(-1, ordering: .relaxed)
    let reason = unsafe strerror(error).map { unsafe String(cString: $0) } ?? "error \(error)"
    throw CheckpointError(
      .inputOutput, CheckpointError.Site(field: "standard output"), "cannot be written: \(reason)")
  }

  /// Prints to standard output.
  public func write(_ text: String) { output(text) }

  /// Prints to standard error.
  public func writeError(_ text: String) { error(text) }
}

/// Writes a whole text to a descriptor, and gives the number of the error if that is not possible. A pipe that nobody reads
/// any more ends the process, as it ends all tools (``Signals``).
private func writeAll(_ text: String, to descriptor: CInt) -> CInt? {
  var text = text
  return text.withUTF8 { buffer in
    var done = 0
    while done < buffer.count, let start = buffer.baseAddress {
      let put = unsafe writeBytes(descriptor, start + done, buffer.count - done)
      if put < 0 {
        let error = errno
        if error == EINTR { continue }
        if error == EPIPE { Signals.endByBrokenPipe() }
        return error
      }
      done += put
    }
    return nil
  }
}

private func writeBytes(
  _ descriptor: CInt, _ bytes: UnsafePointer<UInt8>, _ count: Int
) -> Int {
  unsafe write(descriptor, bytes, count)
}
