internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules
internal import ModelFamilies
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

extension WeightGraph {
  /// The weights that `--include` and `--exclude` leave. Every pattern must match something.
  func selected(
    _ options: ConversionOptions, file: String
  ) throws(CheckpointError) -> ConversionStep {
    let names = Array(weights.keys) + facts.others.map(\.name)
    for pattern in options.include + options.exclude
    where !names.contains(where: pattern.matches) {
      throw CheckpointError(
        .inconsistent, file: file, "the pattern \(quoted(pattern.text)) matches no tensor")
    }
    let model = ModelPart(self)
    func asked(_ name: ExactName) -> Wording? {
      if options.weightsOnly, let reason = model.reason(forLeaving: name) { return Wording(reason) }
      if let pattern = options.exclude.first(where: { $0.matches(name) }) {
        return "matches \(remedy: .leaveOut([])) \(pattern.text)"
      }
      let isIncluded = options.include.isEmpty || options.include.contains { $0.matches(name) }
      return isIncluded ? nil : "matches no \(remedy: .takeOnly)"
    }
    // What is left out goes with its parts: a nested tensor's values and offsets are tensors with names of their own.
    let wholes = Set(
      facts.others.lazy.filter { !$0.isOutsideState && asked($0.name) != nil }.map(\.name))
    func reason(_ name: ExactName) -> Wording? {
      asked(name) ?? name.enclosing(in: wholes).map { "is a part of \(quoted($0.string))" }
    }
    var remarks = Remarks()
    for name in names {
      if let reason = reason(name) { remarks.omit("tensor " + quoted(name.string), reason) }
    }
    let rest = facts.others.filter { reason($0.name) == nil }
    for other in rest where other.isOutsideState {
      remarks.omit("tensor " + quoted(other.name.string), other.description)
    }
    let refused = rest.filter { !$0.isOutsideState }
    if let other = refused.first {
      let names = refused.prefix(8).map(\.name.string)
      var error =
        other.refusal?.about(other.name)
        ?? CheckpointError(
          .unsupported, file: file, tensor: other.name.string,
          "\(other.description) cannot be carried as it is")
      error.remedy =
        "leave \(refused.count == 1 ? "it" : "such tensors") out with \(remedy: .leaveOut(names))"
        + (refused.count > names.count
          ? " and so on: \(remedy: .inspect) lists all \(refused.count)" : "")
      throw error
    }
    var graph = try handingOnAttributes { reason($0) != nil }
      .renamed { reason($0) == nil ? $0 : nil }
      .movingAttributes(from: weights.keys) { reason($0) == nil ? $0 : nil }
    graph.facts.others = []
    let changes = ConversionChanges(remarks: remarks)
    guard options.weightsOnly else { return ConversionStep(graph: graph, changes: changes) }
    return try graph.reduced(to: model, changes, file: file)
  }

  /// Says how to be without what training leaves beside a model, if there is any.
  var noteOfTraining: [Wording] {
    let optimizers = OptimizerStates(self)
    let count = weights.keys.count {
      TrainingState.reason(for: $0) != nil || optimizers.contains($0)
    }
    guard count > 0, count < weights.count else { return [] }
    return [
      "\(count) of \(weights.count) tensors are what training leaves beside a model; \(remedy: .weightsOnly) leaves them aside"
    ]
  }

  /// Weights of the model, without what is around them in the file.
  private func reduced(
    to model: ModelPart, _ changes: ConversionChanges, file: String
  ) throws(CheckpointError) -> ConversionStep {
    guard !weights.isEmpty else {
      throw CheckpointError(
        .notFound, file: file, "no tensor is the model's: all are what training leaves beside it",
        remedy: "leave out \(remedy: .weightsOnly)")
    }
    var changes = changes
    if let tree = facts.tree, !tree.isFlatListOfWeights {
      changes.remarks.omit(
        "the nesting of the checkpoint and the plain values in it", "they are not the model")
    }
    var graph = self
    if !model.prefix.isEmpty {
      let bare = { (name: ExactName) -> ExactName in
        name.hasPrefix(model.prefix)
          ? ExactName(
            String(decoding: name.string.utf8.dropFirst(model.prefix.utf8.count), as: UTF8.self))
          : name
      }
      graph = try renamed(bare).movingAttributes(from: weights.keys, bare)
      changes.renamed = weights.keys.map { ($0, bare($0)) }.filter { $0.0 != $0.1 }
    }
    graph.facts.tree = nil
    return ConversionStep(graph: graph, changes: changes)
  }

  /// The graph, in which what a weight has as attributes under a name that goes stands under the first of its names that stay,
  /// where that has none.
  fileprivate func handingOnAttributes(_ goes: (ExactName) -> Bool) -> WeightGraph {
    guard !facts.attributes.isEmpty else { return self }
    let paths = HDF5Names.paths(of: weights.keys)
    var heirs: [ExactName: ExactName] = [:]
    for tie in ties where tie.names.count > 1 {
      guard let heir = tie.names.first(where: { !goes($0) }) else { continue }
      for name in tie.names where goes(name) {
        heirs[name] = heir
        if let path = paths[name] { heirs[path] = paths[heir] }
      }
    }
    func heir(_ key: ExactName) -> ExactName {
      heirs[key].flatMap { facts.attributes[$0] == nil ? $0 : nil } ?? key
    }
    var graph = self
    graph.facts.attributes = facts.attributes.renamingKeys(heir)
    graph.facts.attributeTypes = facts.attributeTypes.renamingKeys(heir)
    return graph
  }

  /// The graph, with the attributes of tensors under the paths of their new names; those of tensors that are gone go, too.
  fileprivate func movingAttributes(
    from old: some Collection<ExactName>, _ newName: (ExactName) -> ExactName?
  ) -> WeightGraph {
    guard !facts.attributes.isEmpty else { return self }
    let paths = HDF5Names.paths(of: old)
    let newPaths = HDF5Names.paths(of: weights.keys)
    var moves: [ExactName: ExactName?] = [:]
    for (name, path) in paths { moves[path] = newName(name).flatMap { newPaths[$0] } }
    var graph = self
    graph.facts.attributes = [:]
    for (path, values) in facts.attributes {
      guard let newPath = moves[path] ?? path else { continue }
      graph.facts.attributes[newPath, default: [:]].merge(values) { first, _ in first }
    }
    return graph
  }

  /// The weights under new names, of each the first rule's that matches. Every rule must give one.
  func renamed(
    _ rules: [RenameRule], file: String
  ) throws(CheckpointError) -> ConversionStep {
    if rules.isEmpty { return ConversionStep(graph: self) }
    var changes = ConversionChanges()
    var used: Set<RenameRule> = []
    // Rules that match names for which others come first, and such a one.
    var hidden: [RenameRule: RenameRule] = [:]
    var newNames: [ExactName: ExactName] = [:]
    for name in weights.keys {
      var acting: RenameRule?
      for rule in rules {
        guard let newName = rule.newName(for: name) else { continue }
        if let acting {
          if hidden[rule] == nil { hidden[rule] = acting }
        } else {
          acting = rule
          used.insert(rule)
          newNames[name] = newName
        }
      }
      if let newName = newNames[name], newName != name { changes.renamed.append((name, newName)) }
    }
    if let idle = rules.first(where: { !used.contains($0) }) {
      throw CheckpointError(
        .inconsistent, file: file,
        "the rule \(quoted(idle.text)) "
          + (hidden[idle].map { "never counts: \(quoted($0.text)) comes before it" }
            ?? "matches no tensor"))
    }
    do {
      let graph = try renamed { newNames[$0] ?? $0 }
        .movingAttributes(from: weights.keys) { newNames[$0] ?? $0 }
      return ConversionStep(graph: graph, changes: changes)
    } catch {
      throw error.inFile(file)
    }
  }

  /// The weights cast to a type, as far as they are of its category.
  ///
  /// - Parameter widens: True if types that TensorFlow does not read from HDF5, which has no bfloat16 and no 8-bit floats,
  ///   become float32.
  /// - Returns: with the weights, the type that float weights have afterwards, if it is another one.
  func cast(
    to dtype: DType?, widens: Bool, file: String
  ) throws(CheckpointError) -> (step: ConversionStep, dtype: DType?) {
    if dtype == nil, !widens { return (ConversionStep(graph: self), nil) }
    var changes = ConversionChanges()
    if let dtype, !weights.isEmpty,
      !weights.values.contains(where: { $0.dtype.category == dtype.category })
    {
      changes.remarks.note(
        "nothing is cast: no tensor holds the kind of numbers that becomes \(dtype.rawValue)")
    }
    var widened: Set<DType> = []
    let graph = try mapWeights { (name, weight) throws(CheckpointError) in
      var types: [DType] = []
      if let dtype, weight.dtype.category == dtype.category { types.append(dtype) }
      if widens, HDF5PackedType.opaqueTypes.contains(types.last ?? weight.dtype) {
        widened.insert(types.last ?? weight.dtype)
        types.append(.f32)
      }
      do throws(CheckpointError) {
        var cast = weight
        for type in types where cast.dtype != type {
          // What is listed is what was asked for. Of steps it is listed already.
          if cast.dtype == weight.dtype, weight.scaledParts == nil {
            changes.casts.append(.init(name: name, from: weight.dtype, to: type))
          }
          cast = try cast.cast(to: type)
        }
        return cast
      } catch {
        var refusal = error.about(name).inFile(file)
        refusal.remedy = "\(remedy: .leaveOut([name.string])) leaves it out"
        throw refusal
      }
    }
    if widened.isEmpty { return (ConversionStep(graph: graph, changes: changes), dtype) }
    let names = widened.map(\.rawValue).sorted().joined(separator: ", ")
    changes.remarks.note(
      "\(names) is written as F32, which holds every value of it: TensorFlow reads no such type from HDF5"
    )
    return (ConversionStep(graph: graph, changes: changes), .f32)
  }
}

extension ExactName {
  /// The shortest of these names that this one lies below.
  fileprivate func enclosing(in names: Set<ExactName>) -> ExactName? {
    guard !names.isEmpty else { return nil }
    let bytes = string.utf8
    for index in bytes.indices where bytes[index] == UInt8(ascii: ".") {
      let name = ExactName(String(string[..<index]))
      if names.contains(name) { return name }
    }
    return nil
  }
}
