internal import ArgumentParser
internal import Weighbridge

/// Factors that learn in place of a model's weights.
struct LowRankArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Train low-rank factors of this rank (LoRA), and write an adapter of PEFT in place of a model.",
      valueName: "rank"))
  var loraRank: Int?

  @Option(
    help: ArgumentHelp(
      "What the factors add is multiplied by this and divided by the rank; otherwise by 8.",
      valueName: "alpha"))
  var loraAlpha: Double?

  @Option(
    help: ArgumentHelp(
      "The share of the factors' inputs that training leaves out; otherwise none.",
      valueName: "share"))
  var loraDropout: Double?

  @Option(
    help: ArgumentHelp(
      "Modules that get factors, by the ends of their names, or all-linear; otherwise queries and values. Repeatable.",
      valueName: "module"))
  var loraTarget: [String] = []

  func validate() throws {
    guard loraRank != nil || (loraAlpha == nil && loraDropout == nil && loraTarget.isEmpty) else {
      throw ValidationError("--lora-alpha, --lora-dropout and --lora-target need a --lora-rank")
    }
  }

  /// The settings; nil for none.
  var settings: LowRankSettings? {
    loraRank.map {
      LowRankSettings(
        rank: $0, alpha: loraAlpha ?? LowRankSettings().alpha, dropout: loraDropout ?? 0,
        targets: loraTarget.isEmpty ? nil : loraTarget)
    }
  }

  /// Refuses to go on with an adapter of other settings, or of another model that is there.
  func check(
    against found: AdapterConfiguration, of model: String
  ) throws(CheckpointError) {
    guard let settings else { return }
    if let begun = found.baseModel, let place = Directory.identity(of: begun),
      place != Directory.identity(of: model)
    {
      throw CheckpointError(
        .mismatch, file: found.file, field: "base_model_name_or_path",
        "the run was begun with \(singleLine(begun, limit: 100)) and cannot go on with "
          + singleLine(model, limit: 100))
    }
    for (field, wanted, stored) in [
      ("r", Double(settings.rank), Double(found.rank)),
      ("lora_alpha", settings.alpha, found.alpha),
      ("lora_dropout", settings.dropout, found.dropout),
    ] where wanted != stored {
      throw CheckpointError(
        .mismatch, file: found.file, field: field,
        "the adapter that is to go on has \(text(stored)), \(text(wanted)) is asked for")
    }
  }

  private func text(_ number: Double) -> String {
    Int(exactly: number).map { "\($0)" } ?? "\(number)"
  }
}
