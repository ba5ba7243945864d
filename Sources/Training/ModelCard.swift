internal import CheckpointBytes
internal import LanguageModels
internal import TensorEngine
internal import TensorValues

/// The `README.md` of a model that was trained: what it is, how it was made, and what was measured.
struct ModelCard {
  let trainer: Trainer
  /// The model that it began with, as it was named.
  let base: String?
  let training: [(name: String, value: Double)]
  let evaluation: [(name: String, value: Double)]?

  /// What the Hub calls the task.
  private var pipeline: String {
    switch trainer.task.kind {
    case .classification: "text-classification"
    case .tokenClassification: "token-classification"
    case .questionAnswering: "question-answering"
    case .maskedLM, .preTraining: "fill-mask"
    case .causalLM: "text-generation"
    }
  }

  private func table(_ rows: [(String, String)]) -> [String] {
    ["| | |", "|---|--:|"] + rows.map { "| \($0) | \($1) |" }
  }

  var text: String {
    let (settings, state) = (trainer.settings, trainer.state)
    let name = type(of: trainer.model).className
    let factors = trainer.model.adapterParameters
    let library = factors.isEmpty ? "transformers" : "peft"
    var lines = [
      "---", "library_name: \(library)", "pipeline_tag: \(pipeline)", "---", "", "# \(name)", "",
      "Trained for \(trainer.task.kind.rawValue)"
        + (base.map { ", from `\(singleLine($0, limit: 200).replacingASCII(["`": "'"]))`" } ?? "")
        + ".", "",
    ]
    if trainer.task.labels.count > 0 {
      let labels = trainer.task.labels.names.map { quoted($0) }.joined(separator: ", ")
      lines += ["Labels: \(singleLine(labels, limit: 1000)).", ""]
    }
    if let evaluation {
      lines += ["## Results", ""]
      lines += table(evaluation.map { ($0.name, NumberText.significant($0.value)) }) + [""]
    }
    lines += ["## Training", ""]
    var rows = [
      ("steps", "\(state.step)"), ("epochs", NumberText.significant(state.epoch)),
      ("batch size", "\(settings.batchSize)"), ("batches of a step", "\(settings.accumulation)"),
      ("optimizer", settings.method.rawValue),
      ("learning rate", NumberText.significant(settings.learningRate)),
      ("schedule", settings.schedule.rawValue),
      ("warm-up", NumberText.significant(settings.warmup)),
      ("weight decay", NumberText.significant(settings.weightDecay)),
      ("clipping", settings.clipping.map { NumberText.significant($0) } ?? "none"),
      ("seed", "\(settings.seed)"),
    ]
    if !factors.isEmpty {
      rows.append(
        (
          "low-rank factors",
          "\(factors.elementCount) numbers beside \(factors.count / 2) matrices"
        ))
    }
    if let teacher = trainer.teacher {
      rows += [
        ("teacher", type(of: teacher.model).className),
        ("temperature", NumberText.significant(teacher.temperature)),
        ("share of the teacher", NumberText.significant(teacher.mix)),
      ]
      if !teacher.states.isEmpty {
        let states = teacher.states.map { "\($0.pupil) like \($0.teacher)" }
        rows += [
          ("hidden states", states.joined(separator: ", ")),
          ("weight of hidden states", NumberText.significant(teacher.statesWeight)),
        ]
      }
    }
    rows += training.filter { $0.name == "train_loss" }
      .map { ("training loss", NumberText.significant($0.value)) }
    return (lines + table(rows)).joined(separator: "\n") + "\n"
  }
}
