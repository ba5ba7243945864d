/// Why an operator of the engine did not run: its arguments do not fit together, or there is no memory.
///
/// Equality is on kind, operation and argument, never on wording. ``description`` is the one line that a person reads.
public struct EngineError: Error, Sendable {
  /// What kind of failure it is.
  public enum Kind: Sendable, Hashable {
    /// Shapes that do not fit together.
    case mismatch
    /// An index beyond what it points into, or a number that makes no sense.
    case outOfRange
    /// More memory than there is, or than can be counted.
    case outOfMemory
    /// A gradient that there is not: the operator has no derivative, nothing was recorded, or what was has been used.
    case noGradient
  }

  /// What kind of failure it is.
  public let kind: Kind
  /// The operator: `linear`.
  public let operation: String
  /// The argument that does not fit: `residual`.
  public let argument: String
  /// Expected against found.
  public let problem: String

  /// Makes an error of its parts.
  public init(_ kind: Kind, _ operation: String, _ argument: String, _ problem: String) {
    self.kind = kind
    self.operation = operation
    self.argument = argument
    self.problem = problem
  }
}

extension EngineError: Hashable {
  /// Same kind and same place.
  public static func == (left: EngineError, right: EngineError) -> Bool {
    left.kind == right.kind && left.operation == right.operation && left.argument == right.argument
  }

  /// Hashes what equality compares.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(kind)
    hasher.combine(operation)
    hasher.combine(argument)
  }
}

extension EngineError: CustomStringConvertible {
  /// One line: what, where, expected against found.
  public var description: String {
    let what =
      switch kind {
      case .mismatch: "shapes do not fit"
      case .outOfRange: "out of range"
      case .outOfMemory: "out of memory"
      case .noGradient: "no gradient"
      }
    return "\(what): \(operation), \(argument): \(problem)"
  }
}

/// Throws a mismatch unless both numbers are equal.
func expect(
  _ found: Int, equals expected: Int, _ operation: String, _ argument: String, _ what: String
) throws(EngineError) {
  guard found == expected else {
    throw EngineError(
      .mismatch, operation, argument, "expected \(expected) \(what), found \(found)")
  }
}
