internal import Weighbridge

/// A line on a terminal while a model is trained.
final class TrainingProgress {
  private let console: Console
  private var began: ContinuousClock.Instant?
  private var first = 0
  private var smoothed: Double?

  init(_ console: Console) { self.console = console }

  func show(_ progress: Trainer.Progress) {
    guard console.showsProgress else { return }
    let state = progress.state
    let now = ContinuousClock.now
    if began == nil {
      began = now
      first = state.step
    }
    smoothed = smoothed.map { 0.9 * $0 + 0.1 * progress.loss } ?? progress.loss
    let elapsed = began.map { (now - $0) / .seconds(1) } ?? 0
    let done = state.step - first
    let left = done > 0 ? elapsed / Double(done) * Double(state.totalSteps - state.step) : 0
    console.writeError(
      "\r\u{1B}[Kstep \(state.step) of \(state.totalSteps), loss "
        + "\(NumberText.fixed(smoothed ?? 0, digits: 4)), "
        + "\(NumberText.fixed(progress.rate, digits: 1)) examples/s, "
        + "\(Int(min(left, 1e9).rounded(.up))) s left")
  }

  func clear() {
    if began != nil { console.writeError("\r\u{1B}[K") }
  }
}
