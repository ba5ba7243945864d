public import CheckpointBytes
public import Checkpoints
public import LayoutRules
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

/// One digest of a whole model, whatever container, shards, order and layout it lies in.
public struct ModelDigest: Sendable, Hashable {
  /// The SHA-256 as hexadecimal text.
  public let text: String

  /// Digests a model, or, if no model was recognised, the weights under their own names.
  ///
  /// The digest is that of the lines `name dtype shape sha256`, separated by one space and ended by a line feed, in the
  /// order of the names' bytes; a shape is written as `2,3`. Of a matrix of steps and scales it is the dtype of the steps and
  /// the digest of the values as float32. Names are Transformers' with the body's prefix left out, a tied weight has the line
  /// of its first name only, and what the model has no parameter for has no line: so a body alone and the same body under a
  /// tied language model agree. Weights without a recognised model have a line for each name.
  /// - Parameters:
  ///   - model: The model; nil if none was recognised.
  ///   - graph: The checkpoint's weights.
  ///   - known: Digests of weights that are known already, by name in `graph`.
  ///   - progress: Is told how far it is.
  /// - Throws: what reading throws.
  public init(
    _ model: BoundModel?, of graph: WeightGraph, known: [ExactName: String] = [:],
    progress: ProgressHandler? = nil
  ) throws(CheckpointError) {
    var lines: [(name: ExactName, weight: Weight, digest: String?)] = []
    if let model {
      let prefix = model.model.architecture.family.bodyPrefix
      for tie in model.graph.ties {
        let name = tie.names[0].string
        let bare = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
        lines.append((ExactName(bare), tie.weight, nil))
      }
    } else {
      for (name, weight) in graph.weights { lines.append((name, weight, known[name])) }
    }
    let unknown = lines.indices.filter { lines[$0].digest == nil }
    let digests = try WeightDigest.sha256(
      unknown.map { (lines[$0].name, lines[$0].weight) }, progress: progress)
    for (place, digest) in zip(unknown, digests) { lines[place].digest = digest }
    lines.sort { $0.name < $1.name }
    var hash = SHA256()
    for line in lines {
      let shape = line.weight.shape.dimensions.map(String.init).joined(separator: ",")
      let type = line.weight.storedType.rawValue
      let text = "\(line.name.string) \(type) \(shape) \(line.digest ?? "")\n"
      hash.update(Array(text.utf8))
    }
    text = Hexadecimal.text(hash.finalize())
  }
}
