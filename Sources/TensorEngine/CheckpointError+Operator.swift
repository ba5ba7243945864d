package import CheckpointBytes

extension CheckpointError {
  /// Why an operator did not run: its place is the operator and the argument that does not fit, `linear, residual`.
  ///
  /// `mismatch` are shapes and types that do not fit together, `inconsistent` an index beyond what it points into, a number
  /// that makes no sense or a graph that was walked already, `limitExceeded` more memory than there is or can be counted,
  /// `unsupported` an operator without a derivative.
  package init(
    _ kind: FailureKind, _ operation: String, _ argument: String, _ problem: String
  ) {
    self.init(kind, Site(field: "\(operation), \(argument)"), problem)
  }
}

/// Throws a mismatch unless both numbers are equal.
func expect(
  _ found: Int, equals expected: Int, _ operation: String, _ argument: String, _ what: String
) throws(CheckpointError) {
  guard found == expected else {
    throw CheckpointError(
      .mismatch, operation, argument, "expected \(expected) \(what), found \(found)")
  }
}
