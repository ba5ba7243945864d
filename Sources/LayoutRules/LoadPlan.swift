public import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

/// Two names whose bytes have to agree. Structure cannot show it, so whoever has the files compares them.
public struct EqualPair: Sendable, Hashable {
  /// The name that the other repeats.
  public let first: ExactName
  /// The other name.
  public let second: ExactName

  /// Makes a pair.
  public init(first: ExactName, second: ExactName) {
    self.first = first
    self.second = second
  }
}

/// A checkpoint bound to a model's parameters, before a byte is read.
public struct LoadPlan: Sendable {
  /// The weights under their canonical names, in the model's order. Ties are one weight under several names.
  public let graph: WeightGraph
  /// What became of every name.
  public let report: LoadReport
  /// Names in the checkpoint that hold one weight twice: different bytes make the checkpoint inconsistent.
  public let mustEqual: [EqualPair]
  /// Canonical names that Transformers ties, of which the checkpoint holds both: different bytes make the model untied.
  public let statedTies: [EqualPair]

  /// Binds what was recognised. Problems are in the report, and what they concern is not in the graph.
  ///
  /// - Throws: `inconsistent` if the layout's rules do not fit the model.
  public init(_ checkpoint: WeightGraph, as model: RecognizedModel) throws(CheckpointError) {
    let placements = try model.table.placements(of: model.architecture, model.values)
    var binding = Binding(checkpoint)
    for placement in placements { binding.bind(placement) }
    binding.resolveTies(of: model.architecture)
    binding.dropKnown(model)
    binding.suggest()
    var graph = WeightGraph()
    graph.facts.metadata = checkpoint.facts.metadata
    for parameter in model.architecture.parameters {
      if let weight = binding.bound[parameter.name] {
        try graph.insert(weight, as: parameter.name)
      }
    }
    self.graph = graph
    report = LoadReport(entries: binding.entries)
    mustEqual = binding.mustEqual
    statedTies = binding.statedTies
  }
}

/// The state of binding one checkpoint.
private struct Binding {
  let checkpoint: WeightGraph
  var bound: [ExactName: Weight] = [:]
  var entries: [LoadReport.Entry] = []
  var mustEqual: [EqualPair] = []
  var statedTies: [EqualPair] = []
  private var used: Set<ExactName> = []
  private var pending: [ExactName: (expected: ExactName, shape: Shape)] = [:]

  init(_ checkpoint: WeightGraph) {
    self.checkpoint = checkpoint
  }

  mutating func bind(_ placement: Placement) {
    let rule = placement.rule
    var entry = LoadReport.Entry(
      outcome: .missing, stored: [], parameters: [placement.canonical.name], rule: rule.text)
    var weights: [Weight] = []
    var wrong: String?
    var isTwice = false
    for names in placement.foreign {
      let present = names.filter { checkpoint.weights[$0] != nil }
      used.formUnion(present)
      entry.stored += present
      isTwice = isTwice || present.count > 1
      guard let name = present.first, let weight = checkpoint.weights[name] else { continue }
      if weight.shape != placement.shape {
        wrong = "expected \(placement.shape), found \(weight.shape)"
      }
      weights.append(weight)
    }
    if isTwice {
      entry.outcome = .claimedTwice
      entry.detail = "one parameter under two names"
    } else if weights.count < placement.foreign.count {
      let absent = placement.foreign.first { names in
        !names.contains { checkpoint.weights[$0] != nil }
      }
      if let expected = absent?.first {
        entry.detail = "expected \(quoted(expected.string)), \(placement.shape)"
        for name in entry.parameters { pending[name] = (expected, placement.shape) }
      }
    } else if let wrong {
      entry.outcome = .misshaped
      entry.detail = wrong
    } else {
      do throws(TransformError) {
        bound[placement.canonical.name] = try rule.operation.reverted(
          weights, to: placement.canonical.shape)
        entry.outcome = outcome(of: placement, stored: entry.stored)
      } catch {
        entry.outcome = .misshaped
        entry.detail = error.description
      }
    }
    entries.append(entry)
    bindRepeats(of: placement, entry)
  }

  private func outcome(of placement: Placement, stored: [ExactName]) -> LoadReport.Outcome {
    let operation = placement.rule.operation
    if placement.foreign.count > 1 { return .merged }
    if operation.isTransposed { return .transposed }
    if operation.shape != nil { return .reshaped }
    return stored == [placement.canonical.name] ? .kept : .renamed
  }

  private mutating func bindRepeats(of placement: Placement, _ entry: LoadReport.Entry) {
    for name in placement.repeats.joined() {
      guard let weight = checkpoint.weights[name], used.insert(name).inserted else { continue }
      var repeated = LoadReport.Entry(
        outcome: .repeated, stored: [name], parameters: [], rule: entry.rule)
      if weight.shape != placement.shape {
        repeated.outcome = .misshaped
        repeated.detail = "expected \(placement.shape), found \(weight.shape)"
      } else if let first = entry.stored.first {
        mustEqual.append(EqualPair(first: first, second: name))
      } else {
        repeated.outcome = .unexpected
        repeated.detail = "it repeats a weight that is not there"
      }
      entries.append(repeated)
    }
  }

  /// A tied parameter without bytes of its own is the one it is tied to.
  mutating func resolveTies(of architecture: ModelArchitecture) {
    var places: [ExactName: Int] = [:]
    for (place, entry) in entries.enumerated() {
      for name in entry.parameters { places[name] = place }
    }
    for parameter in architecture.parameters {
      guard let target = parameter.tiedTo else {
        if places[parameter.name] == nil {
          entries.append(
            LoadReport.Entry(
              outcome: .missing, stored: [], parameters: [parameter.name],
              detail: "the layout has no place for it"))
        }
        continue
      }
      let place = places[parameter.name]
      if bound[parameter.name] != nil {
        if bound[target] != nil {
          statedTies.append(EqualPair(first: target, second: parameter.name))
        }
      } else if let weight = bound[target] {
        var entry = LoadReport.Entry(
          outcome: .tied, stored: [], parameters: [parameter.name],
          detail: "it is \(quoted(target.string))")
        if let place {
          guard entries[place].outcome == .missing else { continue }
          entry.rule = entries[place].rule
          entries[place] = entry
        } else {
          entries.append(entry)
        }
        bound[parameter.name] = weight
      }
    }
  }

  /// What is left of the checkpoint: known to be none of the model's, or unexpected.
  mutating func dropKnown(_ model: RecognizedModel) {
    var reasons: [ExactName: String] = [:]
    var values = model.values
    for drop in model.table.drops {
      for layer in 0..<(drop.name.isPerLayer ? model.architecture.sizes.layers : 1) {
        values.layer = layer
        for name in drop.name.names(values) { reasons[name] = drop.reason }
      }
    }
    for name in checkpoint.weights.keys where !used.contains(name) {
      let reason = reasons[name]
      entries.append(
        LoadReport.Entry(
          outcome: reason == nil ? .unexpected : .dropped, stored: [name], parameters: [],
          detail: reason))
    }
  }

  /// For each missing parameter, the nearest unexpected name of its shape.
  mutating func suggest() {
    let spare = entries.filter { $0.outcome == .unexpected }.prefix(200).compactMap(\.stored.first)
    var searches = 0
    for place in entries.indices where entries[place].outcome == .missing && searches < 200 {
      searches += 1
      guard let name = entries[place].parameters.first, let wanted = pending[name] else { continue }
      let fitting = spare.filter { checkpoint.weights[$0]?.shape == wanted.shape }
      entries[place].suggestion = fitting.min {
        distance($0, wanted.expected) < distance($1, wanted.expected)
      }
    }
  }
}

/// The number of single bytes to insert, remove or change, over the first 200 bytes of each name.
private func distance(_ left: ExactName, _ right: ExactName) -> Int {
  let first = Array(left.string.utf8.prefix(200))
  let second = Array(right.string.utf8.prefix(200))
  var row = Array(0...second.count)
  for (index, byte) in first.enumerated() {
    var diagonal = row[0]
    row[0] = index + 1
    for place in second.indices {
      let changed = diagonal + (byte == second[place] ? 0 : 1)
      diagonal = row[place + 1]
      row[place + 1] = min(changed, row[place] + 1, diagonal + 1)
    }
  }
  return row[second.count]
}
