public import CheckpointBytes
public import Checkpoints
internal import LayoutRules
internal import ModelDirectories
internal import ModelFamilies
internal import OrderedCollections
internal import WeightGraph

extension CheckpointManifest {
  /// Reads a checkpoint, and writes down what it has.
  ///
  /// - Parameters:
  ///   - checkpoint: The checkpoint.
  ///   - path: Where it was read: a `config.json` there says of a model what weights leave open.
  ///   - progress: Is told how far it is.
  /// - Throws: what reading throws; what kept a tensor from being read when it was opened; `unsupported` for
  ///   what is no dense tensor and in the state all the same.
  public init(
    of checkpoint: Checkpoint, at path: String, progress: ProgressHandler? = nil
  ) throws(CheckpointError) {
    for other in checkpoint.graph.facts.others where !other.isOutsideState {
      if let refusal = other.refusal { throw refusal }
      // What has no digest could be another one, and nobody would tell.
      throw CheckpointError(
        .unsupported, file: path, tensor: other.name.string,
        "is \(other.description), of which there is no digest")
    }
    let ties = checkpoint.graph.ties
    let digests = try WeightDigest.sha256(
      ties.map { (name: $0.names[0], weight: $0.weight) }, progress: progress)
    var known: [ExactName: String] = [:]
    for (tie, digest) in zip(ties, digests) {
      for name in tie.names { known[name] = digest }
    }
    let modules = try checkpoint.modules.get()
    for (module, digest) in zip(modules, try WeightDigest.sha256(modules)) {
      known[module.name] = digest
    }
    var tensors: OrderedDictionary<ExactName, Tensor> = [:]
    for (name, weight) in try checkpoint.manifestNames() {
      tensors[name] = Tensor(weight, known[name] ?? "")
    }
    let digest = try ModelDigest(
      Self.model(in: checkpoint, at: path), of: checkpoint.graph, known: known, progress: progress)
    self.init(tensors: tensors, sha256: digest.text)
  }

  /// The model that a checkpoint holds, whole; nil if it is none that is known.
  private static func model(in checkpoint: Checkpoint, at path: String) -> BoundModel? {
    let recognition = Recognition.result(of: checkpoint.graph)
    do throws(CheckpointError) {
      var settings: ModelConfiguration?
      do throws(CheckpointError) {
        settings = try ModelConfiguration(
          inDirectory: path, family: (try? recognition.get().model())?.architecture.family)
      } catch {
        // Another kind of model is none that names could tell better; a faulty file leaves the names.
        guard error.kind != .unsupported else { throw error }
      }
      let model = try recognition.get().model(configuration: settings)
      let bound = try BoundModel(checkpoint.graph, as: model)
      try bound.report.check()
      return try bound.settled()
    } catch {
      return nil
    }
  }
}
