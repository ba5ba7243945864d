package import CheckpointBytes
internal import OrderedCollections
package import WeightGraph

/// The weights of the modules that follow a model: sentence-transformers (6.2) keeps each in a folder of its own, which `modules.json`
/// names (`3_Dense`).
package enum ModuleWeights {
  /// The folders that the list of a directory names, but the directory itself and what leads out of it; none where there is no list.
  ///
  /// - Throws: `limitExceeded` and `malformed` for a file of that name that cannot be read: what it names is not known.
  package static func folders(
    in directory: String, _ limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) -> [String] {
    let path = Directory.join(directory, "modules.json")
    guard try PathKind(path: path) == .file else { return [] }
    let list = try SourceFile(path: path).document(context: "modules", limits: limits)
    // Of a document that is no list whoever needs the modules complains.
    return (list.elements ?? []).compactMap { $0["path"]?.string }.filter { !leadsOut($0) }.map {
      path in
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
      guard try PathKind(path: path) == .directory else { continue }
      let graph: WeightGraph
      do throws(CheckpointError) {
        // As whoever runs the module opens it, and without what a list in the folder might name.
        graph = try Checkpoint.openDirectory(path, options: options).graph
      } catch {
        // A pooling has settings only.
        guard error.kind == .notFound else { throw error }
        continue
      }
      for (name, weight) in graph.weights {
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
