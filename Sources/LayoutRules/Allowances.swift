public import CheckpointBytes

/// What a caller lets pass when a checkpoint is bound to a model.
public struct Allowances: Sendable, Hashable {
  /// The parameters that may be left out of the model, by canonical name.
  public var mayMiss: [NamePattern]
  /// The names of the checkpoint that may be left aside.
  public var mayIgnore: [NamePattern]

  /// Takes patterns; by itself nothing is allowed.
  public init(mayMiss: [NamePattern] = [], mayIgnore: [NamePattern] = []) {
    self.mayMiss = mayMiss
    self.mayIgnore = mayIgnore
  }
}
