internal import Synchronization

/// Ctrl-C, for a command that has something to finish: the first one asks it to end, the second ends the tool.
final class Interruption: Sendable {
  private static let current = Mutex<Interruption?>(nil)
  private let asked = Atomic(false)

  /// Whether the command has been asked to end.
  var isAsked: Bool { asked.load(ordering: .relaxed) }

  /// Runs a closure that asks ``isAsked`` now and then.
  func whileCatching<Result>(_ body: () throws -> Result) rethrows -> Result {
    Self.current.withLock { $0 = self }
    defer { Self.current.withLock { $0 = nil } }
    return try body()
  }

  /// Takes a signal to end: true if a command will.
  static func take() -> Bool {
    current.withLock { current in
      guard let current else { return false }
      return !current.asked.exchange(true, ordering: .relaxed)
    }
  }
}
