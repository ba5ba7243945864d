internal import CheckpointBytes
internal import LayoutRules
internal import ModelDirectories
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

/// The weights after steps and scales were looked after, and what their configuration has to say.
struct QuantizedWeights {
  var step: ConversionStep
  var change = QuantizationChange.kept
}

extension ConversionOptions {
  /// True if matrices are to become int8. Names and shapes that are kept say of no matrix that it is one of a product: there,
  /// and where there is no matrix of real numbers, the type is one of integers like others.
  func quantizes(_ graph: WeightGraph) -> Bool {
    dtype == .i8 && layout != .flat
      && graph.weights.values.contains { $0.shape.rank == 2 && $0.dtype.category == .real }
  }
}

extension WeightGraph {
  /// The weights, with 8-bit floats and the scales of their blocks as one where a type of numbers is asked for or an
  /// adapter goes on top, and the settings beside the weights say how large blocks are.
  ///
  /// - Parameters:
  ///   - options: What is asked for.
  ///   - settings: `config.json` of the source, nil where there is none; asked for only where names are of such scales.
  func joiningBlocks(
    _ options: ConversionOptions, settings: () throws(CheckpointError) -> JSONValue?
  ) throws(CheckpointError) -> WeightGraph {
    guard options.dtype?.category == .real || options.adapter != nil, mayHaveScaledBlocks,
      let block = try settings().flatMap(QuantizationSettings.blocks(in:))
    else { return self }
    return try joiningScales(of: block)
  }
}

extension WeightGraph {
  /// Refuses steps whose scales are not understood, where others than what is stored are to be written.
  ///
  /// - Parameters:
  ///   - options: What is asked for.
  ///   - types: True for the types of steps that become others.
  ///   - kept: What leaves them as they are, where the caller does not say it.
  func checkScales(
    _ options: ConversionOptions, beside types: (DType) -> Bool = { _ in true },
    otherwise kept: Wording? = nil
  ) throws(CheckpointError) {
    do throws(CheckpointError) {
      try checkNoScalesAreLeft(beside: types)
    } catch {
      var refusal = error
      let numbers: Wording? =
        if !mayHaveScaledBlocks {
          nil
        } else if options.dtype?.category == .real {
          "have config.json beside the weights, whose quantization_config says how large blocks are"
        } else {
          "\(remedy: .cast(to: DType.f32.rawValue)) makes numbers of them"
        }
      refusal.remedy = numbers.map { way in kept.map { "\(way); or \($0)" } ?? way } ?? kept
      throw refusal
    }
  }
}

extension LaidOutWeights {
  /// The weights with the matrices of the model's layers, and a decoder's output matrix, as int8, if that is asked for; else with what is stored as steps and scales in
  /// the form that the destination has for it: the same again in Transformers' names, numbers in others, and where a type of
  /// numbers is asked for.
  func quantized(
    _ options: ConversionOptions, file: String
  ) throws(CheckpointError) -> QuantizedWeights {
    if options.quantizes(graph) { return try quantizing(file: file) }
    if let dtype = options.dtype {
      let joined = try graph.joiningScales()
      do throws(CheckpointError) {
        // Scales are numbers, and change with them; of integers those alone are cast that are of another type.
        try joined.checkScales(
          options,
          beside: { dtype.category == .real || $0.category == dtype.category && $0 != dtype },
          otherwise:
            "leave out \(remedy: .cast(to: dtype.rawValue)), which keeps them as they are")
      } catch {
        throw error.inFile(file)
      }
      if dtype.category == .real { return Self.widened(joined, to: dtype) }
    }
    let names = graph.namesOfScaled
    guard !names.isEmpty else { return QuantizedWeights(step: ConversionStep(graph: graph)) }
    guard layout == .transformers, let model else { return Self.widened(graph, to: .f32) }
    return QuantizedWeights(
      step: ConversionStep(graph: try graph.splittingScales()),
      change: .stated(model.model.architecture, quantized: names, hasMore: false))
  }

  /// Numbers where there were steps.
  private static func widened(_ graph: WeightGraph, to dtype: DType) -> QuantizedWeights {
    var changes = ConversionChanges()
    for (name, weight) in graph.weights where weight.scaledParts != nil {
      changes.casts.append(.init(name: name, from: weight.storedType, to: dtype))
    }
    return QuantizedWeights(
      step: ConversionStep(graph: graph, changes: changes),
      change: changes.casts.isEmpty ? .kept : .removed)
  }

  private func quantizing(file: String) throws(CheckpointError) -> QuantizedWeights {
    guard layout == .transformers, let model else {
      let found = layout.map { "the layout \($0.rawValue) has no place for them" }
      throw CheckpointError(
        .unsupported, file: file,
        "int8 weights and their scales are of a model in Transformers' names: \(found ?? "none was recognised, and which matrices are products' is not known")",
        remedy: layout == nil
          ? "\(remedy: .layout("transformers")) says what keeps it from being one, \(remedy: .layout("flat")) casts tensors of integers and nothing else"
          : "name a destination that ends in .safetensors or .bin, or a directory")
    }
    let architecture = model.model.architecture
    let aliases = graph.aliases
    func root(_ name: ExactName) -> ExactName { aliases[name] ?? name }
    var matrices = Dictionary(
      architecture.layerMatrices.map { ($0.name, $0.outputAxis) }, uniquingKeysWith: { $1 })
    if let output = architecture.outputMatrix {
      matrices[output.name] = 0
      // Word embeddings that are only looked up stay numbers.
      if graph.weights[output.name] == nil || root(output.name) == root(output.words) {
        matrices[output.words] = 0
      }
    }
    var changes = ConversionChanges()
    var known: [ExactName: Weight] = [:]
    let scaled = try graph.mapWeights { (name, weight) throws(CheckpointError) in
      guard let axis = matrices[name], weight.scaledParts == nil else { return weight }
      if let quantized = known[root(name)] { return quantized }
      let quantized: Weight
      do throws(CheckpointError) {
        quantized = try weight.quantized(axis: axis)
      } catch {
        throw error.about(name).inFile(file)
      }
      changes.casts.append(.init(name: name, from: weight.dtype, to: .i8))
      known[root(name)] = quantized
      return quantized
    }
    return QuantizedWeights(
      step: ConversionStep(graph: try scaled.splittingScales(), changes: changes),
      change: .stated(
        architecture, quantized: scaled.namesOfScaled, hasMore: !changes.casts.isEmpty))
  }
}

extension WeightGraph {
  fileprivate var namesOfScaled: Set<ExactName> {
    Set(weights.lazy.filter { $0.value.scaledParts != nil }.map(\.key))
  }
}
