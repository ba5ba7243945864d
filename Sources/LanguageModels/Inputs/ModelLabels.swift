public import CheckpointBytes
internal import TensorValues
public import WeightGraph

/// Labels in a grid: classes, or numbers for a regression and for several classes at a time.
public struct LabelArray: Sendable, Hashable {
  /// The extents, outermost first; none for a single one.
  public let dimensions: [Int]
  /// The numbers in row-major order.
  public let elements: [Double]
  /// True if they are whole numbers by their type, so that they are classes.
  public let areClasses: Bool

  /// Classes: one for each text, or for each token; -100 is ignored.
  public init(_ classes: TokenArray) {
    dimensions = classes.dimensions
    elements = classes.elements.map(Double.init)
    areClasses = true
  }

  /// Numbers in row-major order.
  ///
  /// - Throws: `mismatch` if there are not as many as the extents say.
  public init(dimensions: [Int], numbers: [Double]) throws(CheckpointError) {
    _ = try TokenArray(dimensions: dimensions, elements: Array(repeating: 0, count: numbers.count))
    self.dimensions = dimensions
    elements = numbers
    areClasses = false
  }

  /// The values of a weight: classes if its type is an integer's.
  ///
  /// - Throws: `malformed`, naming the tensor, for a type that is no number's; what reading throws.
  public init(_ weight: Weight, named name: ExactName) throws(CheckpointError) {
    if weight.dtype.category == .integer {
      self.init(try TokenArray(weight, named: name))
      return
    }
    guard weight.dtype.category == .real else {
      throw CheckpointError(
        .malformed, tensor: name.string, "labels of type \(weight.dtype), expected numbers")
    }
    try self.init(dimensions: weight.shape.dimensions, numbers: try weight.doubles(named: name))
  }

  /// The numbers as classes.
  var classes: [Int] { elements.map { Int(exactly: $0.rounded(.towardZero)) ?? Int.max } }
}

/// What a model's outputs should have been, under Transformers' names.
public struct ModelLabels: Sendable, Hashable {
  /// `labels`: classes `[batch]` or `[batch, sequence]`, tokens `[batch, sequence]`, choices `[batch]`; numbers for a
  /// regression, 0 and 1 `[batch, classes]` for several classes at a time.
  public var labels: LabelArray?
  /// `start_positions` of answers, `[batch]`; those outside the text are ignored.
  public var startPositions: LabelArray?
  /// `end_positions` of answers, `[batch]`.
  public var endPositions: LabelArray?
  /// `next_sentence_label` of `BertForPreTraining`, `[batch]`.
  public var nextSentence: LabelArray?
  /// `mc_labels` of `GPT2DoubleHeadsModel`, `[batch]`.
  public var choices: LabelArray?

  /// No labels.
  public init() {}

  /// The names of all labels.
  public static let names = [
    "labels", "start_positions", "end_positions", "next_sentence_label", "mc_labels",
  ]

  /// Takes labels by their name; false if it is none of them.
  mutating func take(_ name: String, _ array: LabelArray) -> Bool {
    switch name {
    case "labels": labels = array
    case "start_positions": startPositions = array
    case "end_positions": endPositions = array
    case "next_sentence_label": nextSentence = array
    case "mc_labels": choices = array
    default: return false
    }
    return true
  }
}
