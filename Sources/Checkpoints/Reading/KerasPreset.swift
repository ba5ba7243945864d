internal import CheckpointBytes
internal import LayoutRules
internal import OrderedCollections
internal import WeightGraph

/// A preset directory of KerasHub (0.32, `utils/preset_utils.py`): the backbone's weights lie in one file and the rest of
/// the task's in another. The names in each file start anew, so that `layers/dense` is the pooler in one and the
/// classifier in the other; put together, the backbone's stand where a file of the whole task has them.
package enum KerasPreset {
  /// The file of the backbone's weights; one of shards has its index instead.
  package static let backboneFiles = ["model.weights.h5", "model.weights.json"]
  /// The file of the other weights of a task.
  package static let taskFile = "task.weights.h5"
  /// The file that makes a preset one of a task; a task without weights of its own has no second file of weights.
  package static let taskDescription = "task.json"
  /// The file that tells the class of the backbone.
  private static let configurationFile = "config.json"

  /// Where a task keeps the weights of its backbone: `layers/bert_backbone/`.
  ///
  /// - Throws: `notFound` or `malformed` if the directory's configuration does not name the backbone's class.
  private static func prefix(in directory: String) throws(CheckpointError) -> String {
    let path = Directory.join(directory, configurationFile)
    let document = try SourceFile(path: path).document(context: "configuration")
    guard let name = document["class_name"]?.string, !name.isEmpty else {
      throw CheckpointError(
        .malformed, file: path, field: "class_name",
        "expected the class of the backbone, whose weights lie beside \(taskFile)")
    }
    return "layers/" + name.kerasName + "/"
  }

  /// Opens the backbone's weights and the task's as one checkpoint.
  static func open(
    _ directory: String, backbone: Checkpoint, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let prefix = try prefix(in: directory)
    let path = Directory.join(directory, taskFile)
    let task =
      try PathKind(path: path) == .file ? try Checkpoint.open(path, options: options) : nil
    var graph = WeightGraph()
    for (name, weight) in backbone.graph.weights {
      try graph.insert(weight, as: ExactName(prefix + name.string))
    }
    for (name, weight) in task?.graph.weights ?? [:] { try graph.insert(weight, as: name) }
    graph.facts = task?.graph.facts ?? CheckpointFacts()
    for (path, values) in backbone.graph.facts.attributes {
      graph.facts.attributes[ExactName(prefix + path.string)] = values
    }
    for (path, types) in backbone.graph.facts.attributeTypes {
      graph.facts.attributeTypes[ExactName(prefix + path.string)] = types
    }
    graph.facts.others += backbone.graph.facts.others.map {
      $0.renamed(ExactName(prefix + $0.name.string))
    }
    return Checkpoint(
      format: .hdf5, container: "keras preset", files: backbone.files + (task?.files ?? []),
      graph: graph,
      links: (task?.links ?? []).union(backbone.links.map { ExactName(prefix + $0.string) }),
      notes: backbone.notes + (task?.notes ?? []),
      incompleteness: backbone.incompleteness ?? task?.incompleteness)
  }
}
