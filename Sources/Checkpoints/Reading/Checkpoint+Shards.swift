internal import CheckpointBytes
internal import LayoutRules
internal import OrderedCollections
internal import WeightGraph

extension Checkpoint {
  /// Opens all shards of an index as one checkpoint.
  static func openIndex(
    _ file: SourceFile, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let index = try ShardIndex(reading: file, limits: options.limits)
    let directory = splitPath(file.path).directory
    var shards: OrderedDictionary<ExactName, Checkpoint> = [:]
    for shard in index.shards {
      shards[shard] = try openShard(shard, in: directory, index: index, file, options: options)
    }
    guard let first = shards.values.first else {
      throw CheckpointError(
        .malformed, file: file.path, field: "weight_map", "the index names no shard")
    }
    if let other = shards.values.first(where: { $0.format != first.format }) {
      throw CheckpointError(
        .inconsistent, file: file.path,
        "the shards are of two formats: \(first.format.rawValue) and \(other.format.rawValue)")
    }
    if index.isKeras, first.format != .hdf5 {
      throw CheckpointError(
        .malformed, file: file.path, field: "weight_map",
        "the map holds lists of files, which only Keras's indices do; the shards are \(first.format.rawValue)"
      )
    }
    var repeats: [String] = []
    let graph =
      index.isKeras
      ? try mergeGroups(index, shards, file: file.path, &repeats)
      : try merge(
        index.inNamesOfShards(file: file.path) { shards[$0]?.graph.weights[$1] != nil }, shards,
        file: file.path, &repeats)
    var notes = shards.values.flatMap(\.notes) + (index.note.map { [$0] } ?? [])
    if let first = repeats.first {
      notes.append(
        first + (repeats.count > 1 ? ", and so \(repeats.count - 1) more" : "")
          + ", with the same bytes: it is taken once")
    }
    return Checkpoint(
      format: first.format, container: first.container + ", \(shards.count) shards",
      files: [file.path] + shards.values.flatMap(\.files), graph: graph, notes: notes,
      incompleteness: shards.values.lazy.compactMap(\.incompleteness).first)
  }

  /// A weight that is there already, from another shard: Transformers (5.23) takes the last shard's, whatever the index says,
  /// so that the two must be the same for anybody to know the model.
  private static func compareRepeated(
    _ name: ExactName, _ first: (shard: ExactName, weight: Weight),
    _ second: (shard: ExactName, weight: Weight), file: String
  ) throws(CheckpointError) -> String {
    var graph = WeightGraph()
    try graph.insert(first.weight, as: "first")
    try graph.insert(second.weight, as: "second")
    let places = "\(quoted(first.shard.string)) and in \(quoted(second.shard.string))"
    guard try graph.unequal([EqualPair(first: "first", second: "second")]).isEmpty else {
      throw CheckpointError(
        .inconsistent, file: file, field: "weight_map", tensor: name.string,
        "it lies in \(places), and the two differ", remedy: "leave the wrong shard's out")
    }
    return "\(quoted(name.string)) lies in \(places)"
  }

  private static func openShard(
    _ shard: ExactName, in directory: String, index: ShardIndex, _ file: SourceFile,
    options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let path = directory + shard.string
    if try PathKind(path: path) == .nothing {
      let lost = index.files.values.count { $0.contains { ExactName($0) == shard } }
      throw CheckpointError(
        .notFound, file: file.path, field: "weight_map",
        "the shard \(quoted(shard.string)) is missing; the index expects it to hold \(lost) of \(index.files.count) tensors"
      )
    }
    let source = try SourceFile(path: path)
    guard try CheckpointReader(of: source)?.name != CheckpointReader.index.name else {
      throw CheckpointError(
        .malformed, file: path, "expected a shard, found JSON text")
    }
    return try open(source, options: options)
  }

  /// One graph of all shards, in the order of the index. The index and the shards must say the same.
  private static func merge(
    _ index: ShardIndex, _ shards: OrderedDictionary<ExactName, Checkpoint>, file: String,
    _ repeats: inout [String]
  ) throws(CheckpointError) -> WeightGraph {
    var graph = WeightGraph()
    var holders: [ExactName: ExactName] = [:]
    for (name, files) in index.files {
      let shard = ExactName(files[0])
      guard let weight = shards[shard]?.graph.weights[name] else {
        let holder = shards.first { $0.value.graph.weights[name] != nil }
        throw CheckpointError(
          .inconsistent, file: file, field: "weight_map", tensor: name.string,
          holder.map {
            "the index puts it into \(quoted(shard.string)), which lacks it; \(quoted($0.key.string)) has it"
          } ?? "the index puts it into \(quoted(shard.string)), and no shard has it")
      }
      try graph.insert(weight, as: name)
      holders[name] = shard
    }
    for (shard, checkpoint) in shards {
      let aliases = checkpoint.graph.aliases
      for (name, weight) in checkpoint.graph.weights {
        if let holder = holders[name], let other = graph.weights[name] {
          guard holder != shard else { continue }
          repeats.append(
            try compareRepeated(name, (holder, other), (shard, weight), file: file))
          continue
        }
        // Tied names live in the shard's metadata; indices do not list them.
        guard let kept = aliases[name], index.files[kept]?.first == shard.string else {
          throw CheckpointError(
            .inconsistent, file: file, field: "weight_map", tensor: name.string,
            "the shard \(quoted(shard.string)) holds it, and the index does not list it")
        }
        try graph.insert(weight, as: name)
        holders[name] = shard
      }
    }
    try graph.mergeFacts(of: shards.values.map(\.graph.facts), file: file)
    return graph
  }

  /// Keras: all data sets of all shards; a group may span several.
  private static func mergeGroups(
    _ index: ShardIndex, _ shards: OrderedDictionary<ExactName, Checkpoint>, file: String,
    _ repeats: inout [String]
  ) throws(CheckpointError) -> WeightGraph {
    var graph = WeightGraph()
    var holders: [ExactName: ExactName] = [:]
    for (shard, checkpoint) in shards {
      for (name, weight) in checkpoint.graph.weights {
        if let holder = holders[name], let other = graph.weights[name] {
          repeats.append(
            try compareRepeated(name, (holder, other), (shard, weight), file: file))
          continue
        }
        holders[name] = shard
        try graph.insert(weight, as: name)
      }
    }
    for group in index.files.keys {
      let prefix = String(group.string.drop { $0 == "/" })
      guard graph.weights.keys.contains(where: { $0.string.hasPrefix(prefix) }) else {
        throw CheckpointError(
          .inconsistent, file: file, field: "weight_map", tensor: group.string,
          "no shard holds the group")
      }
    }
    try graph.mergeFacts(of: shards.values.map(\.graph.facts), file: file)
    return graph
  }
}

extension WeightGraph {
  /// Takes over what the shards say of the whole: metadata must not contradict each other. The shards' own structures
  /// are flat lists of names and say nothing of the whole.
  fileprivate mutating func mergeFacts(
    of shards: [CheckpointFacts], file: String
  ) throws(CheckpointError) {
    facts.metadata = shards.first?.metadata ?? .unstated
    var merged = facts.metadata.entries
    for shard in shards.dropFirst() {
      for (key, value) in shard.metadata.entries ?? [:] {
        if let other = merged?[key], ExactName(other) != ExactName(value) {
          throw CheckpointError(
            .inconsistent, file: file, field: "metadata",
            "the shards give \(quoted(key.string)) as \(quoted(other)) and as \(quoted(value))")
        }
        merged = merged ?? [:]
        merged?[key] = value
      }
    }
    if let merged { facts.metadata = .entries(merged) }
    for shard in shards {
      facts.attributes.merge(shard.attributes) { first, second in
        first.merging(second) { first, _ in first }
      }
      facts.attributeTypes.merge(shard.attributeTypes) { first, second in
        first.merging(second) { first, _ in first }
      }
      facts.others += shard.others
    }
  }
}
