public import CheckpointBytes
public import OrderedCollections

/// What a checkpoint holds beside its weights, as inert data.
public struct CheckpointFacts: Sendable {
  /// Text by key: safetensors' `__metadata__`, and the text attributes at the root of an HDF5 file.
  public var metadata = CheckpointMetadata.unstated
  /// The checkpoint's own structure, where it is more than a list of names: nested dictionaries, lists, plain values
  /// such as `epoch`; weights stand in it as `InertValue/weight(_:)`.
  public var tree: InertValue?
  /// Attributes of HDF5 groups and data sets, by path; the root's path is empty. Groups without attributes are listed too.
  public var attributes: OrderedDictionary<ExactName, OrderedDictionary<ExactName, InertValue>> =
    [:]
  /// How attributes are stored, where their values do not say it (`HDF5Format/HDF5AttributeType`, as inert data); of the
  /// metadata entries that were text attributes of the root too, under the empty path.
  public var attributeTypes:
    OrderedDictionary<ExactName, OrderedDictionary<ExactName, InertValue>> = [:]
  /// What is there and is no dense tensor: quantised, sparse, text, or refused…
  public var others: [OtherObject] = []

  /// No facts.
  public init() {}
}

/// Text by key that belongs to a checkpoint as a whole.
public enum CheckpointMetadata: Sendable, Hashable {
  /// The format has no place for it, so that nothing is known.
  case unstated
  /// The format has a place for it, and there is none.
  case absent
  /// The entries in their order; there may be none.
  case entries(OrderedDictionary<ExactName, String>)

  /// The entries; nil if none are stated.
  public var entries: OrderedDictionary<ExactName, String>? {
    guard case .entries(let entries) = self else { return nil }
    return entries
  }
}

/// Something in a checkpoint that is no dense tensor of numbers.
public struct OtherObject: Sendable, Hashable {
  /// Its name.
  public let name: ExactName
  /// What it is, for people.
  public let description: String
  /// Why it was not read, if it was refused; nil for what is something else than a tensor.
  public let refusal: CheckpointError?
  /// True for what the state of the model does not count: a conversion leaves it out and says so, without being asked.
  public let isOutsideState: Bool

  /// Makes an entry.
  public init(name: ExactName, description: String, isOutsideState: Bool = false) {
    self.name = name
    self.description = description
    self.isOutsideState = isOutsideState
    refusal = nil
  }

  /// Makes an entry for what was refused.
  public init(name: ExactName, refusal: CheckpointError) {
    self.name = name
    self.refusal = refusal
    isOutsideState = false
    var reason = refusal
    reason.site.file = nil
    reason.site.member = nil
    reason.tensor = nil
    description = reason.description
  }

  /// The entry under another name.
  public func renamed(_ name: ExactName) -> OtherObject {
    OtherObject(name, of: self)
  }

  private init(_ name: ExactName, of other: OtherObject) {
    self.name = name
    description = other.description
    refusal = other.refusal
    isOutsideState = other.isOutsideState
  }
}
