public import CheckpointBytes

/// Something of a model that a layout does not hold.
public struct LayoutLoss: Sendable, Hashable {
  /// The canonical name.
  public let name: ExactName
  /// The rows that are left out; nil for the whole parameter.
  public let rows: Range<Int>?
  /// Why, in words.
  public let reason: String
  /// True if nothing is lost as long as all the elements are zeros: reading fills in zeros.
  public let isNothingIfZero: Bool
  /// True if it is the other way round: the layout has the parameter and the model has not, and zeros are written.
  public var isSurplus = false
}
