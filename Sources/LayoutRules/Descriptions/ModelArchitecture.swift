public import CheckpointBytes
public import TensorValues

/// A model as its canonical parameters: the names, shapes, order and ties of Transformers 5.23.
public struct ModelArchitecture: Sendable, Hashable {
  /// The family.
  public let family: ModelFamily
  /// The head.
  public let head: ModelHead
  /// The numbers behind the shapes.
  public let sizes: ModelSizes
  /// True if the body has a pooler. It follows from the head, except that a body alone may be without.
  public let hasPooler: Bool
  /// The parameters in the order of Transformers' `state_dict`.
  public let parameters: [ModelParameter]

  /// Works out the parameters.
  ///
  /// - Throws: `inconsistent` if the family has no such head, or a size is not positive or too large to count.
  public init(
    family: ModelFamily, head: ModelHead, sizes: ModelSizes, hasPooler: Bool? = nil
  ) throws(CheckpointError) {
    func refusal(_ problem: String) -> CheckpointError {
      CheckpointError(.inconsistent, problem)
    }
    guard head.className(in: family) != nil else {
      throw refusal("\(family) has no head \(head)")
    }
    guard (1...Self.mostLayers).contains(sizes.layers) else {
      throw refusal("\(sizes.layers) layers: expected 1 to \(Self.mostLayers)")
    }
    let usesPooler = head.usesPooler(in: family)
    self.family = family
    self.head = head
    self.sizes = sizes
    self.hasPooler = head == .base ? hasPooler ?? usesPooler : usesPooler
    var values = TemplateValues()
    values.body = head == .base ? "" : family.bodyPrefix
    var parameters: [ModelParameter] = []
    let templates = family.definition.parameters(head, hasPooler: self.hasPooler).filter {
      $0.exists(in: sizes)
    }
    for run in ParameterTemplate.runs(of: templates) {
      for layer in 0..<(run[0].name.isPerLayer ? sizes.layers : 1) {
        values.layer = layer
        for template in run {
          var dimensions: [Int] = []
          for extent in template.extents {
            guard let value = sizes.value(of: extent), value > 0 else {
              throw refusal("no size for the \(extent) of \(template.name.text)")
            }
            dimensions.append(value)
          }
          guard let shape = Shape(dimensions) else {
            throw refusal("the shape \(dimensions) of \(template.name.text) cannot be counted")
          }
          parameters.append(
            ModelParameter(
              name: template.name.names(values)[0], shape: shape,
              tiedTo: template.tiedTo?.names(values)[0]))
        }
      }
    }
    self.parameters = parameters
  }

  /// More layers than any model has: a number from a file never makes a longer list.
  public static let mostLayers = 10_000
}

/// One parameter of an architecture.
public struct ModelParameter: Sendable, Hashable {
  /// Its name in Transformers.
  public let name: ExactName
  /// Its shape there: `[out, in]` for linear layers, `[in, out]` for GPT-2's Conv1D.
  public let shape: Shape
  /// The parameter that it is, unless the model is untied.
  public let tiedTo: ExactName?
}

extension ModelArchitecture {
  /// The architecture with the number of attention heads, as far as it is known.
  ///
  /// - Parameters:
  ///   - heads: Their number as the caller knows it.
  ///   - configuration: What the configuration says, if there is one.
  /// - Throws: `inconsistent` if it is another one than the weights or the configuration have, or does not divide the
  ///   width.
  public func withHeads(
    _ heads: Int? = nil, configuration: ModelConfiguration?
  ) throws(CheckpointError) -> ModelArchitecture {
    let known = sizes.heads ?? configuration?.sizes.heads
    func refusal(_ problem: String) -> CheckpointError {
      CheckpointError(.inconsistent, CheckpointError.Site(field: "attention heads"), problem)
    }
    if let heads, let known, heads != known {
      throw refusal("\(heads) are stated, the model has \(known)")
    }
    guard let number = heads ?? known else { return self }
    guard number > 0, sizes.hidden.isMultiple(of: number) else {
      throw refusal("\(number) do not divide the width \(sizes.hidden)")
    }
    var sizes = sizes
    sizes.heads = number
    return try ModelArchitecture(family: family, head: head, sizes: sizes, hasPooler: hasPooler)
  }
}
