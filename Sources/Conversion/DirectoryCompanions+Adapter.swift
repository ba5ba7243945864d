package import Adapters
package import CheckpointBytes
internal import Checkpoints
package import LayoutRules
package import ModelDirectories

extension DirectoryCompanions {
  /// The companions of a model that has an adapter: `config.json` says of the head what the one beside the adapter says, if there is one.
  ///
  /// PEFT keeps labels nowhere; training here puts the model's settings beside the adapter.
  /// - Throws: `malformed` for settings that are no JSON object, what reading throws.
  package func taking(
    headOf adapter: LowRankAdapter?
  ) throws(CheckpointError) -> DirectoryCompanions {
    guard let stated = try adapter?.modelSettings(limits), let own = try settings() else {
      return self
    }
    // Of another form or another kind of model, they say nothing of this one.
    guard stated["model_type"] != nil, stated["model_type"] == own["model_type"] else {
      return self
    }
    let keys: [ExactName] = [
      "architectures", "id2label", "label2id", "num_labels", "problem_type", "pad_token_id",
    ]
    let document = keys.reduce(own) { $0.setting($1, to: stated[$1] ?? $0[$1]) }
    return replacing(settings: document)
  }

  /// The companions of a model whose classifier an adapter brought: settings with another number of labels are those of another one, and
  /// have as many as it from here on.
  ///
  /// - Throws: What reading `config.json` throws.
  package func taking(
    labelsOf adapter: LowRankAdapter?, in model: ModelArchitecture?
  ) throws(CheckpointError) -> DirectoryCompanions {
    guard let adapter, let model, model.head.hasLabels, let own = try settings(),
      own["model_type"] != nil, try ClassLabels(own, file: nil).count != model.sizes.labels
    else { return self }
    let head = Set(
      model.parameters.map(\.name).filter { !$0.hasPrefix(model.family.bodyPrefix) })
    guard adapter.replacements.contains(where: { head.contains($0.name) }) else { return self }
    return replacing(settings: own.labelled((0..<model.sizes.labels).map(String.init)))
  }

  /// The companions of a model whose output matrix is not that of its word embeddings any more; loaders would make them one again.
  ///
  /// - Throws: What reading `config.json` throws.
  func untied() throws(CheckpointError) -> DirectoryCompanions {
    guard let own = try settings() else { return self }
    return replacing(settings: own.setting("tie_word_embeddings", to: .boolean(false)))
  }
}
