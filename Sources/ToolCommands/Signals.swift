internal import Dispatch
internal import Synchronization
internal import Weighbridge

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What the tool does with signals: told to stop, it leaves no temporary files behind. Those that it was started without
/// (`nohup`, what a shell without job control runs in the background) it leaves ignored.
struct Signals {
  /// What people, schedulers and limits end a process with. SIGPIPE comes where it is of use, from the write itself.
  private static let ends = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGALRM, SIGUSR1, SIGUSR2,
  ]

  /// True if a pipe that nobody reads any more ends the process.
  private static let endsByBrokenPipe = Atomic(false)

  private let sources: [any DispatchSourceSignal]

  /// Begins to obey.
  init() {
    // A file that may not grow is an error of writing, and not the end.
    _ = signal(SIGXFSZ, SIG_IGN)
    Self.endsByBrokenPipe.store(Self.takes(SIGPIPE), ordering: .relaxed)
    sources = Self.ends.filter { Self.takes($0) }.map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        // Ctrl-\ waits for nothing.
        if number != SIGQUIT, Interruption.take() { return }
        TemporaryFiles.shared.removeAll()
        _exit(128 + number)
      }
      source.resume()
      return source
    }
  }

  /// Makes the process ignore a signal, so that its sources alone obey it; false if it did so when it was started.
  private static func takes(_ number: CInt) -> Bool {
    let before = unsafe unsafeBitCast(signal(number, SIG_IGN), to: Int.self)
    return unsafe before != unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Ends the process as SIGPIPE does, unless it was started without.
  static func endByBrokenPipe() {
    guard endsByBrokenPipe.load(ordering: .relaxed) else { return }
    TemporaryFiles.shared.removeAll()
    _ = signal(SIGPIPE, SIG_DFL)
    _ = raise(SIGPIPE)
  }
}
