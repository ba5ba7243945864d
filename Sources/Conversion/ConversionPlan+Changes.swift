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
    _ options: ConversionOptions, file: String, receipt: inout ConversionReceipt
  ) throws(CheckpointError) -> WeightGraph {
    let names = Array(weights.keys) + facts.others.map(\.name)
    for pattern in options.include + options.exclude
    where !names.contains(where: pattern.matches) {
      throw CheckpointError(
        .inconsistent, file: file, "the pattern \(quoted(pattern.text)) matches no tensor")
    }
    func asked(_ name: ExactName) -> String? {
      if let pattern = options.exclude.first(where: { $0.matches(name) }) {
        return "matches --exclude \(pattern.text)"
      }
      let isIncluded = options.include.isEmpty || options.include.contains { $0.matches(name) }
      return isIncluded ? nil : "matches no --include"
    }
    // What is left out goes with its parts: a nested tensor's values and offsets are tensors with names of their own.
    let wholes = Set(
      facts.others.lazy.filter { !$0.isOutsideState && asked($0.name) != nil }.map(\.name))
    func reason(_ name: ExactName) -> String? {
      asked(name) ?? name.enclosing(in: wholes).map { "is a part of \(quoted($0.string))" }
    }
    for name in names {
      if let reason = reason(name) {
        receipt.omissions.append(
          Omission("tensor " + quoted(name.string), reason))
      }
    }
    let rest = facts.others.filter { reason($0.name) == nil }
    receipt.omissions += rest.filter(\.isOutsideState).map {
      Omission("tensor " + quoted($0.name.string), $0.description)
    }
    let refused = rest.filter { !$0.isOutsideState }
    if let other = refused.first {
      let options = refused.prefix(8).map { "--exclude \(shellPattern($0.name.string))" }
      var error =
        other.refusal?.about(other.name)
        ?? CheckpointError(
          .unsupported, file: file, tensor: other.name.string,
          "\(other.description) cannot be carried as it is")
      error.remedy =
        (refused.count == 1 ? "leave it out with " : "leave such tensors out with ")
        + options.joined(separator: " ")
        + (refused.count > options.count ? " and so on: inspect lists all \(refused.count)" : "")
      throw error
    }
    var graph = try renamed { reason($0) == nil ? $0 : nil }
      .movingAttributes(from: weights.keys) { reason($0) == nil ? $0 : nil }
    graph.facts.others = []
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

  /// The weights under new names. Every rule must match something.
  func renamed(
    _ rules: [RenameRule], file: String, receipt: inout ConversionReceipt
  ) throws(CheckpointError) -> WeightGraph {
    if rules.isEmpty { return self }
    var used: Set<RenameRule> = []
    var newNames: [ExactName: ExactName] = [:]
    for name in weights.keys {
      // All rules are asked, so that one that never comes to act is told from one that matches nothing.
      for rule in rules {
        guard let newName = rule.newName(for: name) else { continue }
        used.insert(rule)
        if newNames[name] == nil { newNames[name] = newName }
      }
      if let newName = newNames[name], newName != name { receipt.renamed.append((name, newName)) }
    }
    if let idle = rules.first(where: { !used.contains($0) }) {
      throw CheckpointError(
        .inconsistent, file: file, "the rule \(quoted(idle.text)) matches no tensor")
    }
    do {
      return try renamed { newNames[$0] ?? $0 }
        .movingAttributes(from: weights.keys) { newNames[$0] ?? $0 }
    } catch {
      throw error.inFile(file)
    }
  }

  /// The weights cast to a type, as far as they are of its category.
  func cast(
    to dtype: DType?, file: String, receipt: inout ConversionReceipt
  ) throws(CheckpointError) -> WeightGraph {
    guard let dtype else { return self }
    var casts: [ConversionReceipt.Cast] = []
    let graph = try mapWeights { (name, weight) throws(CheckpointError) in
      guard weight.dtype != dtype, weight.dtype.category == dtype.category else { return weight }
      do throws(TransformError) {
        let cast = try weight.cast(to: dtype)
        casts.append(ConversionReceipt.Cast(name: name, from: weight.dtype, to: dtype))
        return cast
      } catch {
        throw CheckpointError(.unsupported, file: file, tensor: name.string, error.description)
      }
    }
    receipt.casts = casts
    return graph
  }

  /// The weights in types that TensorFlow reads from HDF5, which has no bfloat16 and no 8-bit floats.
  ///
  /// - Parameter dtype: The type that float weights have afterwards, if it was one of those.
  func widened(
    for dtype: inout DType?, file: String, receipt: inout ConversionReceipt
  ) throws(CheckpointError) -> WeightGraph {
    var casts = receipt.casts
    let known = Set(casts.map(\.name))
    var types: Set<DType> = []
    let graph = try mapWeights { (name, weight) throws(CheckpointError) in
      guard HDF5PackedType.opaqueTypes.contains(weight.dtype) else { return weight }
      do throws(TransformError) {
        let cast = try weight.cast(to: .f32)
        types.insert(weight.dtype)
        if !known.contains(name) {
          casts.append(ConversionReceipt.Cast(name: name, from: weight.dtype, to: .f32))
        }
        return cast
      } catch {
        throw CheckpointError(.unsupported, file: file, tensor: name.string, error.description)
      }
    }
    if types.isEmpty { return self }
    receipt.casts = casts
    dtype = .f32
    let names = types.map(\.rawValue).sorted().joined(separator: ", ")
    receipt.notes.append(
      "\(names) is written as F32, which holds every value of it: TensorFlow reads no such type from HDF5"
    )
    return graph
  }

  /// The layout whose framework reads these names as they are; nil if there is none.
  var layoutAsItIs: Layout? {
    guard let model = try? RecognizedModel(self), model.isAsWritten else { return nil }
    return model.layout
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
