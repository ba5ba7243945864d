import CheckpointBytes
import Checkpoints
import LanguageModels
import LayoutRules
import ModelFamilies
import OrderedCollections
import TestSupport
import Testing
import Verification
import WeightGraph

/// Models and recorded runs out of `fixtures/models` (its `make.py` describes the files).
enum RecordedCases {
  /// A record of one case, or of several together where they were run on the same inputs: the hidden states of a body beside
  /// the logits of a head on it.
  static func golden(_ family: ModelFamily, _ cases: [String], inputs: String) throws
    -> GoldenRecord
  {
    let file = try Checkpoint.open(Fixtures.path("models/\(family)-expected.safetensors")).graph
    var graph = WeightGraph()
    for (name, weight) in file.weights {
      let parts = name.string.split(separator: "/").map(String.init)
      if parts.count == 3, parts[1] == inputs {
        try graph.insert(weight, as: ExactName(parts[2]))
      } else if parts.count == 2, cases.contains(parts[0]) {
        try graph.insert(weight, as: ExactName(parts[1]))
      }
    }
    return try GoldenRecord(graph)
  }

  /// A record without some of its tensors, or with others in their place.
  static func golden(
    _ family: ModelFamily, _ cases: [String], inputs: String, without left: Set<ExactName> = [],
    with changed: [ExactName: Weight] = [:]
  ) throws -> GoldenRecord {
    let whole = try golden(family, cases, inputs: inputs)
    var graph = WeightGraph()
    for (name, weight) in changed { try graph.insert(weight, as: name) }
    for (name, weight) in [whole.inputs, whole.outputs].joined()
    where !left.contains(name) && changed[name] == nil {
      try graph.insert(weight, as: name)
    }
    return try GoldenRecord(graph)
  }

  /// A model of a class with the fixture's weights.
  ///
  /// - Parameters:
  ///   - changes: Settings other than those that the record was made with.
  ///   - weights: Weights other than those, by name.
  static func model(
    _ className: String, _ family: ModelFamily, changes: [JSONValue.Member] = [],
    weights changed: (ExactName, Weight) throws -> Weight = { $1 }
  ) throws -> any LanguageModel {
    let cases =
      try JSONValue(
        parsing: Fixture("models/cases.json").bytes(), context: "cases.json"
      ).elements ?? []
    let recorded = try #require(cases.first { $0["class"]?.string == className })
    var settings = try #require(recorded["configuration"]?.members)
    settings.removeAll { member in changes.contains { $0.key == member.key } }
    let modelClass = try #require(ModelClass(named: className))
    let isBody = modelClass.type.head == .base
    let usesPooler = modelClass.type.head.usesPooler(in: family)
    let named = try Checkpoint.open(Fixtures.path("models/\(family).safetensors")).graph
      .renamed { name in
        let parts = name.string.split(separator: "/", maxSplits: 1).map(String.init)
        if parts.count == 2 { return parts[0] == className ? ExactName(parts[1]) : nil }
        if name.string.hasPrefix("pooler"), !usesPooler { return nil }
        return isBody ? name : ExactName(family.bodyPrefix + name.string)
      }
    var graph = WeightGraph()
    for (name, weight) in named.weights { try graph.insert(try changed(name, weight), as: name) }
    return try modelClass.load(weights: graph, configuration: .object(settings + changes))
  }
}
