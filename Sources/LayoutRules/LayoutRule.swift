/// One line of a layout's table: a canonical name, foreign names, and what happens between.
struct LayoutRule {
  let canonical: NameTemplate
  let foreign: [NameTemplate]
  let operation: LayoutOperation
  /// Further places at which the layout repeats the weight; reading checks that they agree, writing fills them.
  var repeats: [NameTemplate] = []

  init(
    _ canonical: String, _ foreign: [String], _ operation: LayoutOperation = .same,
    repeats: [String] = []
  ) {
    self.canonical = NameTemplate(canonical)
    self.foreign = foreign.map { NameTemplate($0) }
    self.operation = operation
    self.repeats = repeats.map { NameTemplate($0) }
  }

  /// The rule as a person writes it.
  var text: String {
    canonical.text + " <=> " + foreign.map(\.text).joined(separator: " + ")
  }

  /// A linear layer whose matrix is `[in, out]` in the layout, as TensorFlow has it.
  static func dense(
    _ canonical: String, _ weight: String, _ bias: String
  ) -> [LayoutRule] {
    [
      LayoutRule(canonical + ".weight", [weight], .transposed),
      LayoutRule(canonical + ".bias", [bias]),
    ]
  }

  /// A weight and a bias that stay as they are.
  static func pair(_ canonical: String, _ weight: String, _ bias: String) -> [LayoutRule] {
    [
      LayoutRule(canonical + ".weight", [weight]), LayoutRule(canonical + ".bias", [bias]),
    ]
  }
}

/// Names that a layout is known to hold and that no parameter comes from, or parameters that it does not hold, with
/// the reason.
struct KnownAbsence {
  let name: NameTemplate
  let reason: String

  init(_ name: String, _ reason: String) {
    self.name = NameTemplate(name)
    self.reason = reason
  }
}
