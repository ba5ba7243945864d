internal import CheckpointBytes

/// One line of a layout's table: canonical names, foreign names, and what happens between. One of the two sides is a
/// single name.
package struct LayoutRule: Sendable {
  package let canonical: [NameTemplate]
  package let foreign: [NameTemplate]
  let operation: LayoutOperation
  /// Further places at which the layout repeats the weight; reading checks that they agree, writing fills them.
  var repeats: [NameTemplate] = []
  /// Places at which some files hold the weight once more; reading checks that they agree, writing leaves them out.
  var echoes: [NameTemplate] = []

  package init(
    _ canonical: [String], _ foreign: [String], _ operation: LayoutOperation = .same,
    repeats: [String] = []
  ) {
    self.canonical = canonical.map { NameTemplate($0) }
    self.foreign = foreign.map { NameTemplate($0) }
    self.operation = operation
    self.repeats = repeats.map { NameTemplate($0) }
  }

  package init(_ canonical: String, _ foreign: String, _ operation: LayoutOperation = .same) {
    self.init([canonical], [foreign], operation)
  }

  /// The rule with further places for what it holds.
  ///
  /// - Parameter place: Of each name in the layout the other.
  package func repeated(at place: (String) -> String) -> LayoutRule {
    var rule = self
    rule.repeats = foreign.map { NameTemplate(place($0.text)) }
    return rule
  }

  /// The rule with places at which some files hold the weight once more.
  ///
  /// - Parameter place: Of each name in the layout the other.
  package func echoed(at place: (String) -> String) -> LayoutRule {
    var rule = self
    rule.echoes = foreign.map { NameTemplate(place($0.text)) }
    return rule
  }

  /// Every name that the layout may hold its weights under.
  var places: [NameTemplate] { foreign + repeats + echoes }

  /// The rule as a person writes it.
  package var text: String {
    canonical.map(\.text).joined(separator: " + ") + " <=> "
      + foreign.map(\.text).joined(separator: " + ")
  }

  /// True if there is one weight for each layer.
  var isPerLayer: Bool { canonical.contains(where: \.isPerLayer) }

  /// True if its weights lie under the body's prefix.
  var isOfBody: Bool { foreign.contains { $0.text.contains("{body}") } }

  /// The extents of one weight in the layout, from those of one canonical weight.
  func extents(from canonical: [Extent]) -> [Extent] {
    if let shape = operation.shape { return shape }
    var extents = canonical
    if self.canonical.count != foreign.count, extents.indices.contains(operation.axis) {
      // Query, key and value are the only weights that come apart and together.
      extents[operation.axis] = foreign.count == 1 ? .tripleHidden : .hidden
    }
    return operation.isTransposed ? extents.reversed() : extents
  }

  /// A linear layer whose matrix is `[in, out]` in the layout, as TensorFlow has it.
  package static func dense(
    _ canonical: String, _ weight: String, _ bias: String
  ) -> [LayoutRule] {
    [
      LayoutRule(canonical + ".weight", weight, .transposed),
      LayoutRule(canonical + ".bias", bias),
    ]
  }

  /// GPT-2's Conv1D as TensorFlow has it: `[in, out]` on both sides, the bias a row.
  package static func row(
    _ canonical: String, _ weight: String, _ bias: String, _ width: Extent
  ) -> [LayoutRule] {
    [
      LayoutRule(canonical + ".weight", weight),
      LayoutRule(canonical + ".bias", bias, LayoutOperation(shape: [.fixed(1), width])),
    ]
  }

  /// A weight and a bias that stay as they are.
  package static func pair(_ canonical: String, _ weight: String, _ bias: String) -> [LayoutRule] {
    [
      LayoutRule(canonical + ".weight", weight), LayoutRule(canonical + ".bias", bias),
    ]
  }
}

/// Names that a layout is known to hold and that no parameter comes from, with the reason.
package struct KnownExtra: Sendable {
  /// The names; with a `*` in it, once filled in, a ``NamePattern``.
  let name: NameTemplate
  let reason: String

  package init(_ name: String, _ reason: String) {
    self.name = NameTemplate(name)
    self.reason = reason
  }
}

/// A weight that a layout's own reader asks for and that is no parameter of the family: zeros are written.
package struct SurplusWeight: Sendable {
  /// What it would be called in Transformers.
  let name: String
  /// Its names in the layout, of which the first that no parameter has is its own.
  let foreign: NameTemplate
  let shape: [Extent]
  let reason: String

  package init(_ name: String, _ foreign: String, _ shape: [Extent], _ reason: String) {
    self.name = name
    self.foreign = NameTemplate(foreign)
    self.shape = shape
    self.reason = reason
  }
}

/// Parameters that a layout does not hold, with the reason.
package struct AbsentParameter: Sendable {
  let name: NameTemplate
  let reason: String
  /// If zeros in its place make the same model: the sizes that it is taken to have where no shape shows them.
  let zeros: [Extent: Int]?

  package init(_ name: String, _ reason: String, zeros: [Extent: Int]? = nil) {
    self.name = NameTemplate(name)
    self.reason = reason
    self.zeros = zeros
  }
}
