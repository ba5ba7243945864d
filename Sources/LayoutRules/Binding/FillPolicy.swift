public import CheckpointBytes

/// Which parameters become zeros in those rows that a layout does not hold. Without being asked, none does; what is
/// zeros by definition, such as the token types of a layout without any, needs no asking.
public struct FillPolicy: Sendable, Hashable {
  /// Nothing is filled.
  public static let nothing = FillPolicy(patterns: [])

  /// The patterns of canonical names.
  public let patterns: [NamePattern]

  /// Zeros for what the layout is known not to hold, if its canonical name matches. A parameter that the layout holds
  /// and the checkpoint lacks is missing, whatever the patterns say.
  public static func zeros(for patterns: [NamePattern]) -> FillPolicy {
    FillPolicy(patterns: patterns)
  }

  func covers(_ name: ExactName) -> Bool {
    patterns.contains { $0.matches(name) }
  }
}
