internal import LanguageModels
internal import LayoutRules

/// What the stages of a model are called in the names of its weights, so that a report points at where to look.
struct ModuleNames: Sendable {
  private let body: BodyDescription
  private let layerCount: Int
  private let normsLastState: Bool

  init(_ model: some LanguageModel) {
    body = type(of: model).family.definition.body
    layerCount = model.configuration.layerCount
    normsLastState = model.configuration.normsLastHiddenState
  }

  /// The module that a stage is the result of: `encoder.layer.1`; nil for a head, whose outputs have names of their own.
  func module(of stage: OutputStage) -> String? {
    switch (body, stage) {
    case (.encoder, .embeddings): "embeddings"
    case (.encoder(let names), .attention(let layer)):
      "\(names.layers).\(layer).\(names.attention)"
    case (.encoder(let names), .layer(let layer)): "\(names.layers).\(layer)"
    case (_, .module(let name)): name
    case (.encoder, .body), (_, .head): nil
    case (.decoder(let names), .embeddings): "\(names.words), \(names.positions)"
    case (.decoder(let names), .attention(let layer)):
      "\(names.layers).\(layer).\(names.attention)"
    // The last hidden state has gone through the norm that follows the layers.
    case (.decoder(let names), .layer(let layer)):
      "\(names.layers).\(layer)"
        + (layer == layerCount - 1 && normsLastState ? ", \(names.finalNorm)" : "")
    case (.decoder(let names), .body): names.finalNorm
    }
  }
}
