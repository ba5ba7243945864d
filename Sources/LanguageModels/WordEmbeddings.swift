internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// Rows for tokens: a table of its own, or the rows of a language model's output matrix where both are one weight.
enum WordEmbeddings: Sendable {
  case table(StoredMatrix)
  case decoder(PackedMatrix)

  /// The embeddings of some tokens.
  func lookup(_ ids: [Int]) -> EmbeddingLookup {
    switch self {
    case .table(let table): EmbeddingLookup(table, ids)
    case .decoder(let matrix): EmbeddingLookup(matrix, ids)
    }
  }
}

extension ModelParameters {
  /// The word embeddings, packed once if the output matrix is the same weight.
  func wordEmbeddings(
    _ name: String, decoder: NamedDecoder?
  ) throws(CheckpointError) -> WordEmbeddings {
    let scope = body[name]
    if let decoder, isTied(scope.name + ".weight", decoder.name + ".weight") {
      return .decoder(
        try engine { () throws(EngineError) in try decoder.weights.matrix(in: context) })
    }
    return .table(try scope.storedTable())
  }

  private func isTied(_ first: String, _ second: String) -> Bool {
    let names = [ExactName(first), ExactName(second)].map { aliases[$0] ?? $0 }
    return names[0] == names[1]
  }
}

extension PretrainedConfig {
  /// The activation of the feed-forward part.
  func bodyActivation() throws(CheckpointError) -> Activation {
    try Self.activation(activation, key: Family.family.definition.settings.activation.key)
  }

  /// The activation that Transformers knows by a name.
  static func activation(_ name: String, key: String) throws(CheckpointError) -> Activation {
    guard let activation = Activation(transformersName: name) else {
      throw inputFailure(
        .unsupported, key, "the activation \(quoted(name)) is not known",
        remedy: "supported are \(Activation.transformersNames.joined(separator: ", "))")
    }
    return activation
  }
}
