package import CheckpointBytes
internal import OrderedCollections
package import WeightGraph

/// The weights of the modules that follow a model: sentence-transformers (6.2) keeps each in a folder of its own, which `modules.json`
/// names (`3_Dense`).
package enum ModuleWeights {
  /// More than any list of modules is long.
  private static let mostListBytes = 1 << 20

  /// The folders that the list of a directory names, but the directory itself and what leads out of it; none where there is no list.
  package static func folders(in directory: String) throws(CheckpointError) -> [String] {
    let path = Directory.join(directory, "modules.json")
    guard try PathKind(path: path) == .file else { return [] }
    let file = try SourceFile(path: path)
    let bytes = try file.bytes(at: 0, count: min(file.size, mostListBytes))
    // Of a file that is no such list whoever needs the modules complains.
    guard let list = try? JSONValue(parsing: bytes, context: "modules"), let entries = list.elements
    else { return [] }
    return entries.compactMap { $0["path"]?.string }.filter { !leadsOut($0) }.map { path in
      let parts = path.utf8.split(separator: UInt8(ascii: "/")).map {
        String(decoding: $0, as: UTF8.self)
      }
      return parts.filter { $0 != "." }.joined(separator: "/")
    }.filter { !$0.isEmpty }
  }

  /// The weights by their names behind that of the folder: `3_Dense/linear.weight`.
  ///
  /// - Throws: What opening a module's weights throws.
  static func weights(
    in directory: String, _ options: OpenOptions
  ) throws(CheckpointError) -> [(name: ExactName, weight: Weight)] {
    var found: [(name: ExactName, weight: Weight)] = []
    for folder in try folders(in: directory) {
      let path = Directory.join(directory, folder)
      guard try PathKind(path: path) == .directory,
        try Directory.names(in: path).contains(where: Checkpoint.preferredNames.contains)
      else { continue }
      for (name, weight) in try Checkpoint.open(path, options: options).graph.weights {
        found.append((ExactName(folder + "/" + name.string), weight))
      }
    }
    return found
  }
}

extension WeightGraph {
  /// The graph with the weights of the modules that follow a checkpoint's model.
  ///
  /// - Throws: What opening these weights threw; `inconsistent` for a name that the graph has.
  package func addingModules(of checkpoint: Checkpoint) throws(CheckpointError) -> WeightGraph {
    var graph = self
    for (name, weight) in try checkpoint.modules.get() { try graph.insert(weight, as: name) }
    return graph
  }
}
