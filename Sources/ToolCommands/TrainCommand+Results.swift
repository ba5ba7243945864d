internal import Weighbridge

extension TrainCommand {
  /// What is told of a training that made some steps in some seconds, with so many examples (`_finalize_training`, Transformers 5.23).
  func results(
    _ trainer: Trainer, _ seconds: Double, steps: Int, of count: Int
  ) -> [(name: String, value: Double)] {
    let state = trainer.state
    let all =
      trainer.settings.steps.map { Double($0) * Double(batchSize * accumulate) }
      ?? Double(count) * epochs
    return [
      ("epoch", state.epoch), ("steps", Double(state.step)), ("train_loss", state.meanLoss ?? 0),
    ]
      + Self.speed(
        "train", seconds, examples: all * Double(steps) / Double(max(1, state.totalSteps)),
        steps: steps)
  }

  /// How fast something went (`speed_metrics`, Transformers 5.23).
  static func speed(
    _ name: String, _ seconds: Double, examples: Double, steps: Int
  ) -> [(name: String, value: Double)] {
    func rounded(_ value: Double, _ factor: Double) -> Double {
      (value * factor).rounded() / factor
    }
    let runtime = [(name + "_runtime", rounded(seconds, 10_000))]
    guard seconds > 0 else { return runtime }
    return runtime + [
      (name + "_samples_per_second", rounded(examples / seconds, 1000)),
      (name + "_steps_per_second", rounded(Double(steps) / seconds, 1000)),
    ]
  }

  func print(
    _ trainer: Trainer, _ trainable: TrainableModel, _ ending: TrainingResult.Ending,
    _ all: [(name: String, value: Double)], _ console: Console
  ) {
    if json {
      let report = JSONValue.object([
        JSONValue.Member("class", .string(type(of: trainable.model).className)),
        JSONValue.Member("output", .string(output)),
        JSONValue.Member("ending", .string(ending.word)),
        JSONValue.Member("new_parameters", .array(trainable.newParameters.map { .string($0) })),
        JSONValue.Member(
          "results", .object(all.map { JSONValue.Member(ExactName($0.name), .double($0.value)) })),
      ])
      console.write(JSONWriter.text(report) + "\n")
      return
    }
    let width = all.map(\.name.count).max() ?? 0
    let lines = all.map {
      "  " + $0.name + String(repeating: " ", count: width - $0.name.count + 2)
        + NumberText.significant($0.value)
    }
    console.write((["\(singleLine(output)): trained"] + lines).joined(separator: "\n") + "\n")
  }
}

extension TrainingResult.Ending {
  fileprivate var word: String {
    switch self {
    case .finished: "finished"
    case .stoppedEarly: "stopped_early"
    case .interrupted: "interrupted"
    }
  }
}
