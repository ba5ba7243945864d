public import CheckpointBytes
internal import OrderedCollections
public import TensorEngine
public import TensorValues
public import WeightGraph

/// The parameters of a model, each once, in the model's order, by their names in Transformers.
///
///     for parameter in model.parameters { print(parameter.name, parameter.shape, parameter.dtype) }
///     let norm = model.parameters["bert.encoder.layer.0.output.LayerNorm.weight"]
///
/// Parameters are objects: what is done to one here, the model knows.
public struct ParameterSet: Sendable {
  private let parameters: [Parameter]
  /// Every name with the place of its parameter: tied parameters have several.
  private let places: OrderedDictionary<ExactName, Int>
  /// The types that parameters have in the file, where the engine keeps them in another.
  private let storedTypes: [ExactName: DType]

  /// Parameters under their own names, those of layers that somebody put together. One that comes again is listed once.
  ///
  /// - Throws: `inconsistent` if two of them have one name.
  public init(_ parameters: some Sequence<Parameter>) throws(CheckpointError) {
    var known: [ExactName: Parameter] = [:]
    for parameter in parameters {
      let name = ExactName(parameter.name)
      guard let other = known.updateValue(parameter, forKey: name), other !== parameter else {
        continue
      }
      throw CheckpointError(
        .inconsistent, tensor: parameter.name,
        "two parameters have this name")
    }
    self.init(parameters.map { (ExactName($0.name), $0) })
  }

  /// Parameters under names, several of which may be one parameter's.
  init(_ names: [(ExactName, Parameter)], storedTypes: [ExactName: DType] = [:]) {
    var parameters: [Parameter] = []
    var places: OrderedDictionary<ExactName, Int> = [:]
    var known: [ObjectIdentifier: Int] = [:]
    for (name, parameter) in names {
      let place = known[ObjectIdentifier(parameter)] ?? parameters.count
      if place == parameters.count {
        known[ObjectIdentifier(parameter)] = place
        parameters.append(parameter)
      }
      places[name] = place
    }
    self.parameters = parameters
    self.places = places
    self.storedTypes = storedTypes
  }

  /// The parameter of a name; nil if there is none. A tied parameter is found by each of its names.
  public subscript(name: String) -> Parameter? {
    places[ExactName(name)].map { parameters[$0] }
  }

  /// The names of all parameters in the model's order, those of tied ones too.
  public var names: [ExactName] { Array(places.keys) }

  /// For each name that is another name's parameter, that one.
  public var aliases: [ExactName: ExactName] {
    var first: [Int: ExactName] = [:]
    var aliases: [ExactName: ExactName] = [:]
    for (name, place) in places {
      if let known = first[place] { aliases[name] = known } else { first[place] = name }
    }
    return aliases
  }

  /// The type that a parameter is saved in: that of the file that it was read from, unless its values were replaced or the
  /// type holds what float32 does not (float64, integers). Then it is the type that the model keeps it in.
  public func storedType(of parameter: Parameter) -> DType {
    guard parameter.revision == 0, let stored = storedTypes[ExactName(parameter.name)],
      stored.category == .real, stored.bitWidth < DType.f32.bitWidth
    else { return parameter.dtype }
    return stored
  }

  /// The parameters as weights: what `LanguageModel/save(to:options:companions:)` writes. Tied names are one weight, and each has the type
  /// that it is stored in. Nothing is copied: numbers are taken out of the model when somebody reads them. Values that are
  /// replaced later are not in it.
  ///
  /// - Throws: `unsupported` for a parameter of a type that nothing is cast to.
  public func graph() throws(CheckpointError) -> WeightGraph {
    let weights = try parameters.map { (parameter) throws(CheckpointError) in
      let (weight, dtype) = (try parameter.weight, storedType(of: parameter))
      do throws(CheckpointError) {
        return dtype == weight.storedType ? weight : try weight.cast(to: dtype)
      } catch {
        throw error.about(ExactName(parameter.name))
      }
    }
    var graph = WeightGraph()
    for (name, place) in places { try graph.insert(weights[place], as: name) }
    return graph
  }

  /// Freezes the parameters whose names match: what is computed with them is not recorded, and no optimizer changes them.
  ///
  /// A tied parameter is frozen by each of its names.
  /// - Parameter patterns: All parameters if there are none. Each pattern must match something.
  /// - Returns: The number of parameters that match.
  /// - Throws: `inconsistent` for a pattern that matches no parameter; then none is changed.
  @discardableResult
  public func freeze(_ patterns: NamePattern...) throws(CheckpointError) -> Int {
    try setRequiresGradient(false, patterns)
  }

  /// Lets the parameters whose names match learn; the opposite of ``freeze(_:)``.
  @discardableResult
  public func unfreeze(_ patterns: NamePattern...) throws(CheckpointError) -> Int {
    try setRequiresGradient(true, patterns)
  }

  private func setRequiresGradient(
    _ value: Bool, _ patterns: [NamePattern]
  ) throws(CheckpointError) -> Int {
    var matching = patterns.isEmpty ? Set(parameters.indices) : []
    for pattern in patterns {
      let found = places.filter { pattern.matches($0.key) }.values
      guard !found.isEmpty else {
        throw CheckpointError(
          .inconsistent,
          "the pattern \(quoted(pattern.text)) matches no parameter")
      }
      matching.formUnion(found)
    }
    for place in matching { parameters[place].requiresGradient = value }
    return matching.count
  }
}

extension ParameterSet: RandomAccessCollection {
  /// The first place.
  public var startIndex: Int { 0 }
  /// The number of parameters, tied ones counted once.
  public var endIndex: Int { parameters.count }
  /// The parameter at a place in the model's order.
  public subscript(position: Int) -> Parameter { parameters[position] }
}

extension Sequence<Parameter> {
  /// The number of numbers.
  public var elementCount: Int { reduce(0) { $0 + $1.elementCount } }

  /// The number of numbers that are not frozen.
  public var trainableElementCount: Int {
    reduce(0) { $0 + ($1.requiresGradient ? $1.elementCount : 0) }
  }

  /// The bytes of all numbers in the types that the model keeps them in.
  public var byteCount: Int { reduce(0) { $0 + $1.byteCount } }
}
