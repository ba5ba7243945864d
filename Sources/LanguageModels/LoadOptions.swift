public import CheckpointBytes
public import TensorEngine

/// How a model takes its weights.
public struct LoadOptions: Sendable {
  /// What is done about weights that are infinite or no number.
  public enum NonFinite: Sendable, Hashable {
    /// They are taken as they are.
    case kept
    /// They are an error that names the tensor and the first place.
    case refused
  }

  /// The threads and the memory that the model is to compute with; nil for those that all models share.
  public var context: ExecutionContext?
  /// What is done about weights that are infinite or no number. Looking for them costs a little time.
  public var nonFinite: NonFinite
  /// The names of the checkpoint that are no parameters of the model and may be left aside. What belongs to another head of
  /// the same family always may, and is in the report.
  public var mayIgnore: [NamePattern]
  /// The parameters that become zeros where the checkpoint's layout has no place for them (``LayoutRules/FillPolicy``). Token
  /// types that a layout does not have need no asking: it adds none, and adding zeros is the same.
  public var fill: [NamePattern]

  /// Makes options; those left out are the defaults.
  public init(
    context: ExecutionContext? = nil, nonFinite: NonFinite = .kept, mayIgnore: [NamePattern] = [],
    fill: [NamePattern] = []
  ) {
    self.context = context
    self.nonFinite = nonFinite
    self.mayIgnore = mayIgnore
    self.fill = fill
  }
}

extension LoadOptions {
  /// The defaults, with threads of the model's own. Results have the same bits for any number of them.
  ///
  /// - Parameter threads: Their number; less than one counts as one.
  /// - Throws: `limitExceeded` if there is no memory for so many.
  public init(threads: Int) throws(CheckpointError) {
    self.init(
      context: try engine { () throws(EngineError) in try ExecutionContext(threads: threads) })
  }

  /// The threads of all models that were given none of their own: one for each processor.
  private static let shared: Result<ExecutionContext, EngineError> = {
    do throws(EngineError) {
      return .success(try ExecutionContext())
    } catch {
      return .failure(error)
    }
  }()

  /// The context to use.
  func resolvedContext() throws(CheckpointError) -> ExecutionContext {
    if let context { return context }
    return try engine { () throws(EngineError) in try Self.shared.get() }
  }
}

/// Runs operators of the engine; what goes wrong there becomes an error that names operator and argument.
func engine<Result>(
  _ body: () throws(EngineError) -> Result
) throws(CheckpointError) -> Result {
  do {
    return try body()
  } catch {
    throw CheckpointError(
      error.kind == .outOfMemory ? .limitExceeded : .inconsistent,
      CheckpointError.Site(field: "\(error.operation), \(error.argument)"), error.problem)
  }
}
