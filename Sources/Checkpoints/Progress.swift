internal import Synchronization

/// Is told how far a long operation has come. Called from several threads, often; must be quick.
public typealias ProgressHandler = @Sendable (ProgressReport) -> Void

/// How far a long operation has come.
public struct ProgressReport: Sendable {
  /// What is being done.
  public enum Phase: String, Sendable {
    /// Weights are being written.
    case writing
    /// What was written is being compared with the source.
    case verifying
    /// Weights are being read, to be compared or digested.
    case reading
  }

  /// What is being done.
  public let phase: Phase
  /// The bytes done.
  public let completed: Int
  /// The bytes to do.
  public let total: Int
}

/// Adds up the bytes that several threads have done.
package final class ProgressMeter: Sendable {
  private let completed = Atomic<Int>(0)
  private let phase: ProgressReport.Phase
  private let total: Int
  private let handler: ProgressHandler?

  package init(_ phase: ProgressReport.Phase, total: Int, _ handler: ProgressHandler?) {
    self.phase = phase
    self.total = total
    self.handler = handler
  }

  package func add(_ count: Int) {
    guard let handler else { return }
    let now = completed.add(count, ordering: .relaxed).newValue
    handler(ProgressReport(phase: phase, completed: now, total: total))
  }
}
