internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

/// The state of binding one checkpoint.
struct Binding {
  let checkpoint: WeightGraph
  let names: WrapperSegments
  let fill: FillPolicy
  /// The names of the scales that belong to a name's steps; they are no names of `checkpoint`.
  let scaleNames: [ExactName: ExactName]
  var bound: [ExactName: Weight] = [:]
  var entries: [LoadReport.Entry] = []
  var remarks: [String] = []
  var mustEqual: [EqualPair] = []
  var statedTies: [EqualPair] = []
  /// What was looked for in vain, by parameter.
  var pending: [ExactName: (expected: ExactName, shape: Shape)] = [:]
  private var used: Set<ExactName> = []

  init(
    _ checkpoint: WeightGraph, _ names: WrapperSegments, _ fill: FillPolicy,
    scaleNames: [ExactName: ExactName] = [:]
  ) {
    self.scaleNames = scaleNames
    self.checkpoint = checkpoint
    self.names = names
    self.fill = fill
  }

  /// The checkpoint's own name of one that a template gives; nil if it is not there.
  func find(_ name: ExactName) -> ExactName? {
    let stored = names.stored(name)
    return checkpoint.weights[stored] == nil ? nil : stored
  }

  mutating func bind(_ placement: Placement) {
    var entry = LoadReport.Entry(
      outcome: .missing, stored: [], parameters: placement.canonical.map(\.name),
      rule: placement.rule.text)
    var weights: [Weight] = []
    var wrong: String?
    var isTwice = false
    for names in placement.foreign {
      let present = names.compactMap(find)
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
      entry.detail =
        entry.stored.map { quoted($0.string) }.joined(separator: " and ")
        + " are one parameter"
    } else if weights.count < placement.foreign.count {
      let absent = placement.foreign.first { names in
        !names.contains { find($0) != nil }
      }
      if let expected = absent?.first {
        entry.detail = "expected \(quoted(expected.string)), \(placement.shape)"
        entry.expected = expected
        for name in entry.parameters { pending[name] = (expected, placement.shape) }
      }
    } else if let wrong {
      entry.outcome = .misshaped
      entry.detail = wrong
    } else {
      bind(weights, to: placement, &entry)
    }
    entry.stored += entry.stored.compactMap { scaleNames[$0] }
    entries.append(entry)
    bindRepeats(of: placement, entry)
  }

  /// Weights of the right shapes.
  private mutating func bind(
    _ weights: [Weight], to placement: Placement, _ entry: inout LoadReport.Entry
  ) {
    let operation = placement.rule.operation
    var absent: Weight?
    if let rows = operation.absentRows {
      let text = "the layout does not hold rows 0…\(rows.count - 1): \(rows.reason)"
      guard entry.parameters.allSatisfy(fill.covers) else {
        entry.detail = text
        entry.isFillable = true
        return
      }
      absent = zeros(of: weights.first, rows: rows.count, like: placement.canonical.first?.shape)
      guard absent != nil else {
        entry.detail = text + "; its type has no zeros that can be filled in"
        return
      }
      entry.detail = "rows 0…\(rows.count - 1) are zeros: \(rows.reason)"
    }
    do throws(CheckpointError) {
      let parameters = try operation.reverted(
        weights, to: placement.canonical.map(\.shape), absent: absent)
      for (name, weight) in zip(entry.parameters, parameters) { bound[name] = weight }
      entry.outcome = placement.outcome(isWriting: false, stored: entry.stored)
    } catch {
      entry.outcome = .misshaped
      entry.detail = error.problem
    }
  }

  private func zeros(of weight: Weight?, rows: Int, like canonical: Shape?) -> Weight? {
    guard let weight, var dimensions = canonical?.dimensions, !dimensions.isEmpty else {
      return nil
    }
    dimensions[0] = rows
    return Shape(dimensions).flatMap { try? Weight.zeros(weight.dtype, $0) }
  }

  private mutating func bindRepeats(of placement: Placement, _ entry: LoadReport.Entry) {
    for name in (placement.repeats + placement.echoes).joined() {
      guard let name = find(name), let weight = checkpoint.weights[name],
        used.insert(name).inserted
      else { continue }
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

  /// Of two tied parameters the one without bytes of its own is the other: files hold the bias of a language model's output
  /// as the head's or as the decoder's.
  mutating func resolveTies(of architecture: ModelArchitecture) {
    let places = places()
    for parameter in architecture.parameters {
      guard let target = parameter.tiedTo else { continue }
      switch (bound[parameter.name], bound[target]) {
      case (.some, .some): statedTies.append(EqualPair(first: target, second: parameter.name))
      case (nil, let weight?): tie(parameter.name, to: target, weight, at: places[parameter.name])
      case (let weight?, nil): tie(target, to: parameter.name, weight, at: places[target])
      case (nil, nil): break
      }
    }
  }

  /// - Parameter place: Where in the entries the parameter is, if it is in one.
  private mutating func tie(
    _ name: ExactName, to target: ExactName, _ weight: Weight, at place: Int?
  ) {
    var entry = LoadReport.Entry(
      outcome: .tied, stored: [], parameters: [name], detail: "it is \(quoted(target.string))")
    if let place {
      guard entries[place].outcome == .missing else { return }
      entry.rule = entries[place].rule
      entries[place] = entry
    } else {
      entries.append(entry)
    }
    bound[name] = weight
  }

  /// What no rule speaks of: the layout does not hold it.
  mutating func resolveAbsences(of model: RecognizedModel) {
    let places = places()
    let known = model.table.absentParameters(of: model.architecture)
    let first = model.architecture.parameters.first { bound[$0.name] != nil }
    let dtype = first.flatMap { bound[$0.name]?.dtype }
    for parameter in model.architecture.parameters where places[parameter.name] == nil {
      var entry = LoadReport.Entry(
        outcome: .missing, stored: [], parameters: [parameter.name],
        detail: known[parameter.name]?.reason ?? "the layout has no place for it")
      if known[parameter.name]?.zeros != nil, let dtype,
        let weight = try? Weight.zeros(dtype, parameter.shape)
      {
        bound[parameter.name] = weight
        entry.outcome = .filled
      }
      entries.append(entry)
    }
  }

  /// What is left of the checkpoint: known to be none of the model's, or unexpected.
  mutating func dropKnown(_ model: RecognizedModel) {
    let drops = Drops(model)
    let others = model.namesOfOtherHeads
    for name in checkpoint.weights.keys where !used.contains(name) {
      let bare = names.bare(name)
      let reason = drops.reason(for: bare)
      entries.append(
        LoadReport.Entry(
          outcome: reason == nil ? .unexpected : .dropped, stored: [name], parameters: [],
          detail: reason ?? model.otherClasses(others[bare] ?? [])))
    }
  }

  /// Where in the entries a parameter is.
  private func places() -> [ExactName: Int] {
    var places: [ExactName: Int] = [:]
    for (place, entry) in entries.enumerated() {
      for name in entry.parameters { places[name] = place }
    }
    return places
  }
}

extension RecognizedModel {
  /// The names that the layout has for heads which the model does not have.
  var namesOfOtherHeads: [ExactName: [ModelHead]] {
    var found: [ExactName: [ModelHead]] = [:]
    for head in architecture.family.heads where head != architecture.head {
      let parameters = architecture.family.definition.ownParameters(head)
      let texts = Set(parameters.map(\.name.text))
      for rule in table.rules where rule.canonical.contains(where: { texts.contains($0.text) }) {
        for name in rule.places.flatMap({ $0.names(values) }) {
          found[name, default: []].append(head)
        }
      }
    }
    return found
  }

  /// What is wrong with a weight of other heads, in words; nil if it is of none.
  fileprivate func otherClasses(_ heads: [ModelHead]) -> String? {
    let names = heads.compactMap { $0.className(in: architecture.family) }
    guard !names.isEmpty else { return nil }
    return "it is of \(names.joined(separator: " or ")), and the model is "
      + (architecture.head.className(in: architecture.family) ?? "another")
  }
}

/// The names that a model is known to leave aside.
private struct Drops {
  private var names: [ExactName: String] = [:]
  private var patterns: [(pattern: NamePattern, reason: String)] = []

  init(_ model: RecognizedModel) {
    for drop in model.table.drops { take(drop, model.values, model.architecture.sizes.layers) }
    let ofTasks = model.table.rules.flatMap(\.places).filter {
      $0.around("task", model.values) != nil
    }
    for task in model.otherTasks {
      var values = model.values
      values.task = task
      for name in ofTasks.flatMap({ $0.names(values) }) {
        names[name] = "of the classification head \(quoted(task)), and another one is asked for"
      }
    }
  }

  private mutating func take(_ drop: KnownExtra, _ values: TemplateValues, _ layers: Int) {
    var values = values
    for layer in 0..<(drop.name.isPerLayer ? layers : 1) {
      values.layer = layer
      for name in drop.name.names(values) {
        if drop.name.text.contains("*") {
          patterns.append((NamePattern(name.string), drop.reason))
        } else {
          names[name] = drop.reason
        }
      }
    }
  }

  func reason(for name: ExactName) -> String? {
    names[name] ?? TrainingState.reason(for: name)
      ?? patterns.first { $0.pattern.matches(name) }?.reason
  }
}
