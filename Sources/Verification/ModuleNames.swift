internal import LanguageModels
internal import LayoutRules

/// What the stages of a model are called in the names of its weights, so that a report points at where to look.
struct ModuleNames: Sendable {
  private let family: ModelFamily
  private let layerCount: Int
  private let normsLastState: Bool

  init(_ model: some LanguageModel) {
    family = type(of: model).Configuration.family
    layerCount = model.configuration.layerCount
    normsLastState = (model.configuration as? GPT2Config)?.normsLastHiddenState ?? false
  }

  /// The module that a stage is the result of: `encoder.layer.1`; nil for a head, whose outputs have names of their own.
  func module(of stage: OutputStage) -> String? {
    switch (family, stage) {
    case (.gpt2, .embeddings): "wte, wpe"
    case (.gpt2, .attention(let layer)): "h.\(layer).attn"
    // The last hidden state has gone through the norm that follows the layers.
    case (.gpt2, .layer(let layer)):
      layer == layerCount - 1 && normsLastState ? "h.\(layer), ln_f" : "h.\(layer)"
    case (.gpt2, .body): "ln_f"
    case (_, .embeddings): "embeddings"
    case (_, .attention(let layer)): "encoder.layer.\(layer).attention.self"
    case (_, .layer(let layer)): "encoder.layer.\(layer)"
    case (_, .body), (_, .head): nil
    }
  }
}
