/// What a run of a trainer came to.
public struct TrainingResult: Sendable, CustomStringConvertible {
  /// What ends a run.
  public enum Ending: Sendable, Hashable {
    /// All steps were made.
    case finished
    /// The loss of evaluations did not fall any more.
    case stoppedEarly
    /// It was asked to end.
    case interrupted
  }

  /// What ended it.
  public let ending: Ending
  /// How far it came, with the log.
  public let state: TrainerState
  /// How long it took, in seconds, evaluations and checkpoints among it.
  public let seconds: Double

  init(_ ending: Ending, of state: TrainerState, seconds: Double) {
    self.ending = ending
    self.state = state
    self.seconds = seconds
  }

  /// The mean loss of the steps; nil if there was none.
  public var loss: Double? { state.meanLoss }

  /// Loss and metrics of the latest evaluation by name; empty if there was none.
  public var metrics: [(name: String, value: Double)] {
    let latest = state.log.last { $0["eval_loss"] != nil }
    return (latest?.values ?? []).map { (String($0.name.trimmingPrefix("eval_")), $0.value) }
  }

  /// `9 of 9 steps, loss 0.4248; evaluation: loss 0.3, accuracy 0.81`.
  public var description: String {
    func rounded(_ value: Double) -> String {
      "\((value * 10_000).rounded() / 10_000)"
    }
    var text = "\(state.step) of \(state.totalSteps) steps"
    if let loss { text += ", loss \(rounded(loss))" }
    if !metrics.isEmpty {
      text +=
        "; evaluation: "
        + metrics.map { "\($0.name) \(rounded($0.value))" }.joined(separator: ", ")
    }
    return text
  }
}
