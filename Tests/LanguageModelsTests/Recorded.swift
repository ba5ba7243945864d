import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import OrderedCollections
import SafetensorsFormat
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// The tensors of a fixture.
func tensors(_ name: String) throws -> WeightGraph {
  let file = try SourceFile(path: Fixture("models/" + name).path)
  let header = try SafetensorsHeader(reading: file)
  var graph = WeightGraph()
  for tensor in header.tensors {
    let bytes = try file.bytes(
      at: header.dataOffset + tensor.range.lowerBound, count: tensor.range.count)
    let stored = try StoredTensor(
      source: MemoryBytes(bytes, origin: tensor.name.string), dtype: tensor.dtype,
      layout: StridedLayout(packed: tensor.shape))
    try graph.insert(Weight(stored), as: tensor.name)
  }
  return graph
}

/// A JSON fixture, a list of cases.
func cases(_ name: String) throws -> [JSONValue] {
  try JSONValue(parsing: try Fixture("models/" + name).bytes(), context: name).elements ?? []
}

extension Weight {
  /// The elements as doubles.
  var doubles: [Double] {
    get throws {
      let bytes = try unsafe withNewBytes(count: byteCount) { (buffer) throws(CheckpointError) in
        try unsafe read(at: 0, into: buffer)
      }
      var values: [Double] = []
      unsafe bytes.withUnsafeBytes { unsafe dtype.doubles($0, into: &values) }
      return values
    }
  }
}

/// One recorded run of the reference.
struct RecordedCase: Sendable, CustomStringConvertible {
  let family: ModelFamily
  let name: String
  let className: String
  let configuration: JSONValue
  let inputs: String
  let options: RunOptions
  /// The largest error of torch's float32 run, by output.
  let errors: [String: Double]

  var description: String { "\(className) \(name)" }

  init(_ value: JSONValue) throws {
    family = try #require(value["family"]?.string.flatMap { ModelFamily(named: $0) })
    name = try #require(value["case"]?.string)
    className = try #require(value["class"]?.string)
    configuration = try #require(value["configuration"])
    inputs = try #require(value["inputs"]?.string)
    var extras: RunOptions.Extras = []
    if value["hidden_states"] == .boolean(true) { extras.insert(.hiddenStates) }
    if value["attentions"] == .boolean(true) { extras.insert(.attentions) }
    options = RunOptions(extras: extras)
    var errors: [String: Double] = [:]
    for member in value["float32_errors"]?.members ?? [] {
      guard case .number(let number) = member.value else { continue }
      errors[member.key.string] = number.double
    }
    self.errors = errors
  }

  static let all: [RecordedCase] = {
    (try? cases("cases.json").map { try RecordedCase($0) }) ?? []
  }()

  /// The inputs, by Transformers' names.
  func modelInputs() throws -> ModelInputs {
    let graph = try tensors("\(family)-expected.safetensors")
    func array(_ argument: String) throws -> TokenArray? {
      guard let weight = graph.weights[ExactName("inputs/\(inputs)/\(argument)")] else {
        return nil
      }
      return try TokenArray(
        dimensions: weight.shape.dimensions, elements: try weight.doubles.map { Int($0) })
    }
    return ModelInputs(
      inputIDs: try #require(try array("input_ids")), attentionMask: try array("attention_mask"),
      tokenTypeIDs: try array("token_type_ids"), positionIDs: try array("position_ids"),
      choiceTokenIDs: try array("mc_token_ids"))
  }

  /// What a float64 run gives.
  func expected() throws -> [String: (shape: [Int], values: [Double])] {
    let graph = try tensors("\(family)-expected.safetensors")
    var expected: [String: (shape: [Int], values: [Double])] = [:]
    for output in errors.keys {
      let weight = try #require(graph.weights[ExactName("\(name)/\(output)")])
      expected[output] = (weight.shape.dimensions, try weight.doubles)
    }
    return expected
  }
}

/// The weights of a class as `save_pretrained` would name them: the family's body under its prefix, and the class's head.
func weights(
  of className: String, in family: ModelFamily, file: String? = nil
) throws -> WeightGraph {
  let isBody = ModelHead.base.className(in: family) == className
  return try tensors((file ?? "\(family)") + ".safetensors").renamed { name in
    let parts = name.string.split(separator: "/", maxSplits: 1)
    if parts.count == 2 { return parts[0] == className ? ExactName(String(parts[1])) : nil }
    if name.string.hasPrefix("pooler"), !usesPooler(className) { return nil }
    return isBody ? name : ExactName(family.bodyPrefix + name.string)
  }
}

private func usesPooler(_ className: String) -> Bool {
  for family in FamilyList.all.families {
    if let head = ModelHead.allCases.first(where: { $0.className(in: family) == className }) {
      return head.usesPooler(in: family)
    }
  }
  return false
}

/// Any of the models, loaded from a fixture.
func load(
  _ className: String, _ configuration: JSONValue, _ weights: WeightGraph,
  options: LoadOptions = LoadOptions()
) throws -> any LanguageModel {
  try #require(ModelClass(named: className)).load(
    weights: weights, configuration: configuration, options: options)
}

/// What went wrong, or nil.
func failure(_ body: () throws -> Void) -> CheckpointError? {
  do {
    try body()
    return nil
  } catch {
    return error as? CheckpointError
  }
}
