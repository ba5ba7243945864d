import TestSupport
import Testing
import Weighbridge

/// A tiny model of each of Transformers' classes, with weights and inputs that the reference wrote (`fixtures/models`).
struct TinyModel: Sendable, CustomStringConvertible {
  let className: String
  /// The family that the reference wrote: that of the class, or the one whose variant it is.
  private let family: String
  private let configuration: JSONValue
  private let inputs: String

  var description: String { className }

  private init?(_ value: JSONValue) {
    guard let name = value["class"]?.string, let family = value["family"]?.string,
      let configuration = value["configuration"],
      let inputs = value["inputs"]?.string, ["right", "choices"].contains(inputs)
    else { return nil }
    className = name
    self.family = family
    self.configuration = configuration
    self.inputs = inputs
  }

  /// The same model as one of a family that computes the same under other names.
  private init(_ other: TinyModel, as variant: ModelClass) {
    className = variant.name
    family = other.family
    configuration = other.configuration.setting("model_type", to: .string(variant.family.name))
    inputs = other.inputs
  }

  /// The first recorded case of every class that there is.
  static let all: [TinyModel] = {
    let document = try? JSONValue(
      parsing: Fixture("models/cases.json").bytes(), context: "cases.json")
    let recorded = (document?.elements ?? []).compactMap { TinyModel($0) }
    return ModelClass.names.compactMap { ModelClass(named: $0) }.compactMap { known in
      if let own = recorded.first(where: { $0.className == known.name }) { return own }
      guard let base = known.family.definition.variantOf.flatMap({ ModelFamily(named: $0) }),
        let name = known.type.head.className(in: base)
      else { return nil }
      return recorded.first { $0.className == name }.map { TinyModel($0, as: known) }
    }
  }()

  private func modelClass() throws -> ModelClass {
    try #require(ModelClass(named: className))
  }

  /// The weights as `save_pretrained` names them.
  private func weights() throws -> WeightGraph {
    let (type, prefix) = try (modelClass().type, modelClass().family.bodyPrefix)
    let hasPooler = try type.head.usesPooler(in: modelClass().family)
    // The file names heads by the classes that the reference wrote.
    let written = ModelFamily(named: family).flatMap { type.head.className(in: $0) }
    return try Checkpoint.open(Fixtures.path("models/\(family).safetensors")).graph.renamed {
      name in
      let parts = name.string.split(separator: "/", maxSplits: 1).map { String($0) }
      if parts.count == 2 { return parts[0] == written ? ExactName(parts[1]) : nil }
      if name.string.hasPrefix("pooler"), !hasPooler { return nil }
      return type.head == .base ? name : ExactName(prefix + name.string)
    }
  }

  /// The model with its weights in a type.
  ///
  /// - Parameter activation: What the settings name, if it is not what they say.
  func load(_ dtype: DType = .f32, activation: String? = nil) throws -> any LanguageModel {
    let graph = try weights().mapWeights { (name, weight) throws(CheckpointError) in
      return try weight.cast(to: dtype)
    }
    var settings = configuration
    if let activation {
      settings = .object(
        (settings.members ?? []).map { member in
          ["hidden_act", "activation_function", "activation"].contains(member.key)
            ? JSONValue.Member(member.key, .string(activation)) : member
        })
    }
    return try modelClass().load(weights: graph, configuration: settings)
  }

  /// What a model computes from the recorded inputs, as bits.
  func outputs(_ model: any LanguageModel) throws -> [[UInt32]] {
    let graph = try Checkpoint.open(
      Fixtures.path("models/\(family)-expected.safetensors")
    ).graph
    func array(_ argument: String) throws -> TokenArray? {
      guard let weight = graph.weights[ExactName("inputs/\(inputs)/\(argument)")] else {
        return nil
      }
      let bytes = try weight.packedBytes()
      return try TokenArray(
        dimensions: weight.shape.dimensions,
        elements: unsafe bytes.withUnsafeBytes {
          unsafe $0.bindMemory(to: Int64.self).map { Int($0) }
        })
    }
    let given = ModelInputs(
      inputIDs: try #require(try array("input_ids")), attentionMask: try array("attention_mask"),
      tokenTypeIDs: try array("token_type_ids"), positionIDs: try array("position_ids"),
      choiceTokenIDs: try array("mc_token_ids"))
    return try model.run(given, RunOptions()).all.map { $0.values.map(\.bitPattern) }
  }
}

/// A parameter, as far as two models that are one agree.
struct SavedParameter: Hashable {
  let names: [String]
  let shape: Shape
  let dtype: DType
  let bytes: [UInt8]

  static func all(of model: any LanguageModel) throws -> [SavedParameter] {
    let parameters = model.parameters
    return try parameters.graph().ties.map { tie in
      SavedParameter(
        names: tie.names.map(\.string), shape: tie.weight.shape, dtype: tie.weight.dtype,
        bytes: try tie.weight.packedBytes())
    }
  }
}
