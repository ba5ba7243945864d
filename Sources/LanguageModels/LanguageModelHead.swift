internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// `BertLMPredictionHead` (`modeling_bert.py`) and `RobertaLMHead` (`modeling_roberta.py`, Transformers 5.23): dense,
/// activation, norm, and the scores of all tokens.
struct LanguageModelHead: Sendable {
  private let dense: LinearWeights
  private let activation: Activation
  private let norm: LayerNormWeights
  /// `[vocabulary, hidden]`, mostly the word embeddings.
  let decoder: LinearWeights

  init<Family>(_ parameters: ModelParameters<EncoderConfig<Family>>) throws(CheckpointError) {
    let configuration = parameters.configuration
    switch Family.family {
    case .roberta:
      dense = try parameters["lm_head.dense"].linear()
      norm = try parameters["lm_head.layer_norm"].norm(epsilon: configuration.layerNormEpsilon)
      // Whatever hidden_act says: the reference calls gelu here.
      activation = .gelu
    case .bert, .gpt2:
      let transform = parameters["cls.predictions.transform"]
      dense = try transform["dense"].linear()
      norm = try transform["LayerNorm"].norm(epsilon: configuration.layerNormEpsilon)
      activation = try SettingsReader.activation(configuration.activation, key: "hidden_act")
    }
    decoder = try parameters[Self.decoderName(in: Family.family)].linear()
  }

  /// The name of the output matrix's layer.
  static func decoderName(in family: ModelFamily) -> String {
    family == .roberta ? "lm_head.decoder" : "cls.predictions.decoder"
  }

  /// `[rows, vocabulary]` of `[rows, hidden]`.
  func callAsFunction(
    _ hidden: Tensor, in context: ExecutionContext
  ) throws(EngineError) -> Tensor {
    let transformed = try layerNorm(
      try linear(hidden, dense, activation: activation, in: context), norm, in: context)
    return try linear(transformed, decoder, in: context)
  }
}
