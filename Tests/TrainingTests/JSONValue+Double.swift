import CheckpointBytes

extension JSONValue {
  /// The value of a number.
  var double: Double? {
    if case .number(let number) = self { number.double } else { nil }
  }
}
