public import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

extension ModelInputs {
  /// Inputs that a checkpoint holds under Transformers' names of the arguments, and nothing else.
  ///
  /// - Throws: `notFound` without `input_ids`, `unsupported` for any other name, what
  ///   ``TokenArray/init(_:named:)`` throws.
  public init(_ graph: WeightGraph) throws(CheckpointError) {
    var arguments: [String: TokenArray] = [:]
    var labels = ModelLabels()
    for (name, weight) in graph.weights {
      if ModelLabels.names.contains(name.string) {
        _ = labels.take(name.string, try LabelArray(weight, named: name))
        continue
      }
      guard Self.argumentNames.contains(name.string) else {
        throw CheckpointError(
          .unsupported, tensor: name.string,
          "no model takes such an input",
          remedy: "there are \((Self.argumentNames + ModelLabels.names).joined(separator: ", "))")
      }
      arguments[name.string] = try TokenArray(weight, named: name)
    }
    try self.init(arguments: arguments)
    self.labels = labels
  }
}

extension TokenArray {
  /// The values of a weight of any integer type; `attention_mask` may be of booleans.
  ///
  /// - Throws: `malformed`, naming the tensor, for another type or a number beyond 2⁵³; what reading throws.
  public init(_ weight: Weight, named name: ExactName) throws(CheckpointError) {
    func malformed(_ problem: String) -> CheckpointError {
      CheckpointError(.malformed, tensor: name.string, problem)
    }
    guard weight.dtype.category == .integer || weight.dtype == .bool && name == "attention_mask"
    else {
      throw malformed("an input of type \(weight.dtype), expected whole numbers")
    }
    let elements = try weight.doubles(named: name).map { (value) throws(CheckpointError) in
      // Doubles hold every whole number up to here; a token is far below.
      guard value.magnitude <= 0x1p53, let number = Int(exactly: value) else {
        throw malformed("\(value) is too large a number for an input")
      }
      return number
    }
    try self.init(dimensions: weight.shape.dimensions, elements: elements)
  }
}

extension Weight {
  /// The values as doubles in row-major order; whole numbers beyond 2⁵³ are rounded.
  ///
  /// - Throws: What reading throws, with the name.
  package func doubles(named name: ExactName) throws(CheckpointError) -> [Double] {
    var values: [Double] = []
    do throws(CheckpointError) {
      let bytes = try unsafe withNewBytes(count: byteCount) { (buffer) throws(CheckpointError) in
        try unsafe read(at: 0, into: buffer)
      }
      unsafe bytes.withUnsafeBytes { unsafe dtype.doubles($0, into: &values) }
    } catch {
      throw error.about(name)
    }
    return values
  }
}
