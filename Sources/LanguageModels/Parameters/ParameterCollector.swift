internal import CheckpointBytes
internal import LayoutRules
internal import OrderedCollections
internal import Synchronization
internal import TensorEngine
internal import TensorValues

/// The parameters that a model has made while it took its weights: each once, whatever it is called.
final class ParameterCollector: Sendable {
  private struct Found {
    var parameters: [ExactName: Parameter] = [:]
    var storedTypes: [ExactName: DType] = [:]
    /// The factors of an adapter, by the weight that they stand beside.
    var factors: [ExactName: [Parameter]] = [:]
  }

  private let aliases: [ExactName: ExactName]
  private let found = Mutex(Found())

  /// - Parameter aliases: The names of a checkpoint that are another name's weight.
  init(aliases: [ExactName: ExactName]) { self.aliases = aliases }

  /// The name that a weight is listed under.
  func canonical(_ name: String) -> ExactName {
    let name = ExactName(name)
    return aliases[name] ?? name
  }

  /// The parameter of a name; nil if the model has not taken it yet.
  subscript(name: String) -> Parameter? {
    found.withLock { $0.parameters[canonical(name)] }
  }

  /// Takes a parameter that is stored as another type than it is kept in, or as the same.
  func insert(_ parameter: Parameter, storedAs dtype: DType) {
    let name = ExactName(parameter.name)
    found.withLock {
      $0.parameters[name] = parameter
      if dtype != parameter.dtype { $0.storedTypes[name] = dtype }
    }
  }

  /// Takes the factors that an adapter has beside a weight.
  func insert(_ factors: [Parameter], beside weight: String) {
    found.withLock { $0.factors[ExactName(weight)] = factors }
  }

  /// The factors of an adapter, in the order of the model's weights.
  func factors(of architecture: ModelArchitecture) -> ParameterSet {
    let factors = found.withLock { $0.factors }
    return ParameterSet(
      architecture.parameters.flatMap { factors[$0.name] ?? [] }
        .map { (ExactName($0.name), $0) })
  }

  /// The parameters of a model, by its names and in its order.
  func parameters(of architecture: ModelArchitecture) -> ParameterSet {
    let found = found.withLock { $0 }
    var names: [(ExactName, Parameter)] = []
    for described in architecture.parameters {
      let own = found.parameters[canonical(described.name.string)]
      let tied = described.tiedTo.flatMap { found.parameters[canonical($0.string)] }
      if let parameter = own ?? tied { names.append((described.name, parameter)) }
    }
    return ParameterSet(names, storedTypes: found.storedTypes)
  }
}
