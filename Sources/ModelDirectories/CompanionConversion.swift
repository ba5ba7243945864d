internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules

/// The files of one framework in the form of another.
struct CompanionConversion {
  let directory: ModelDirectory?
  let configuration: ModelConfiguration?
  let architecture: ModelArchitecture
  let attentionHeads: Int?
  let limits: ReadLimits

  var family: ModelFamily { architecture.family }

  /// Files that say in Transformers' way what the model and its tokenizer are (5.23).
  static let transformersFiles: Set<ExactName> = [
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt",
    "sentencepiece.bpe.model",
    "chat_template.jinja", "chat_template.json", "preprocessor_config.json",
    "processor_config.json",
  ]

  /// Files that say it in KerasHub's way (0.32).
  static let kerasHubFiles: Set<ExactName> = [
    "config.json", "task.json", "metadata.json", "tokenizer.json", "preprocessor.json",
  ]

  /// What belongs to a file of weights that lies beside it.
  static let knownFiles = transformersFiles.union(kerasHubFiles).union([
    "assets/tokenizer/vocabulary.txt", "assets/tokenizer/vocabulary.json",
    "assets/tokenizer/merges.txt", "assets/tokenizer/vocabulary.spm", "assets", "assets/tokenizer",
  ])

  /// A configuration where there is none.
  func addConfiguration(_ plan: inout CompanionPlan) throws(CheckpointError) {
    if plan.files.contains(where: { $0.path == "config.json" }) { return }
    let document = try ConfigurationDocument.transformers(
      for: architecture, attentionHeads: attentionHeads, vocabulary: try vocabulary())
    put(document, into: &plan)
  }

  /// The ids of the tokenizer's tokens; nil if there is no tokenizer, or one of another kind.
  private func vocabulary() throws(CheckpointError) -> [ExactName: Int]? {
    do {
      guard let directory else { return nil }
      return try TokenizerDescription.read(directory, family, limits)?.identifiers
    } catch {
      guard error.kind == .unsupported else { throw error }
      return nil
    }
  }

  func put(_ document: ConfigurationDocument, into plan: inout CompanionPlan) {
    plan.put(
      CompanionFile(
        path: "config.json", content: .bytes(document.bytes),
        note: "written from the weights' sizes"))
    plan.remarks.note(document.assumptions.map { "assumed: " + $0 })
    for loss in document.losses { plan.remarks.omit(loss.setting, loss.reason) }
    plan.losses += document.losses
  }

  /// Copies what is neither framework's own.
  func copyOthers(
    than own: Set<ExactName>, below prefix: String? = nil, into plan: inout CompanionPlan
  ) {
    for entry in directory?.entries ?? [] {
      if own.contains(ExactName(entry.path)) { continue }
      if let prefix, entry.path.hasPrefix(prefix) { continue }
      plan.put(
        CompanionFile(
          path: entry.path, content: entry.content, note: nil))
    }
  }
}
