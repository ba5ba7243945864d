internal import CheckpointBytes
internal import LayoutRules
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
    func reason(_ name: ExactName) -> String? {
      if let pattern = options.exclude.first(where: { $0.matches(name) }) {
        return "matches --exclude \(pattern.text)"
      }
      let isIncluded = options.include.isEmpty || options.include.contains { $0.matches(name) }
      return isIncluded ? nil : "matches no --include"
    }
    for name in names {
      if let reason = reason(name) {
        receipt.omissions.append(
          ConversionReceipt.Omission(item: "tensor " + quoted(name.string), reason: reason))
      }
    }
    if let other = facts.others.first(where: { reason($0.name) == nil }) {
      var error =
        other.refusal?.about(other.name)
        ?? CheckpointError(
          .unsupported, file: file, tensor: other.name.string,
          "\(other.description) cannot be carried as it is")
      error.remedy = "leave it out with --exclude \(quoted(other.name.string))"
      throw error
    }
    var graph = try renamed { reason($0) == nil ? $0 : nil }
    graph.facts.others = []
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
