internal import Synchronization
internal import Weighbridge

/// A line on a terminal: what is being done, how far it is, how fast, how long it will take. Appears after a second.
final class ProgressBar: Sendable {
  private struct State {
    var phase: ProgressReport.Phase?
    var began = ContinuousClock.now
    var drawn = ContinuousClock.now
    var isVisible = false
  }

  private let console: Console
  private let state = Mutex(State())

  init(_ console: Console) {
    self.console = console
  }

  /// The handler to give to an operation, or nil where nobody would see it.
  var handler: ProgressHandler? {
    guard console.showsProgress else { return nil }
    return { [self] report in update(report) }
  }

  private func update(_ report: ProgressReport) {
    let line = state.withLock { state -> String? in
      let now = ContinuousClock.now
      if state.phase != report.phase {
        state.phase = report.phase
        state.began = now
      }
      let elapsed = (now - state.began) / .seconds(1)
      let sinceDrawn = (now - state.drawn) / .seconds(1)
      guard elapsed > 1, sinceDrawn > 0.1 || report.completed == report.total else { return nil }
      state.drawn = now
      state.isVisible = true
      return ProgressBar.line(report, elapsed: elapsed)
    }
    if let line { console.writeError("\r\u{1B}[K" + line) }
  }

  private static func line(_ report: ProgressReport, elapsed: Double) -> String {
    let rate = Double(report.completed) / max(elapsed, 0.001)
    let left = rate > 0 ? Double(report.total - report.completed) / rate : 0
    let percent = report.total > 0 ? report.completed * 100 / report.total : 100
    return "\(report.phase.rawValue) \(ByteSize.text(report.completed)) of "
      + "\(ByteSize.text(report.total)) (\(percent) %), \(ByteSize.text(Int(rate)))/s, "
      + "\(Int(min(left, 1e9).rounded(.up))) s left"
  }

  /// Takes the line away.
  func clear() {
    let wasVisible = state.withLock { state in
      defer { state.isVisible = false }
      return state.isVisible
    }
    if wasVisible { console.writeError("\r\u{1B}[K") }
  }
}
