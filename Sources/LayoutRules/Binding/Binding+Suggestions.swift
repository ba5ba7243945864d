internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

extension Binding {
  /// Parameters that are missing because the checkpoint holds what they are computed from: no part is the parameter, so
  /// that neither another name for it nor leaving the rest out makes the same model.
  mutating func explainParametrized(_ model: RecognizedModel) {
    let unexpected = entries.indices.filter { entries[$0].outcome == .unexpected }
    let found = ParametrizedNames(unexpected.flatMap { entries[$0].stored.map(names.bare) })
    // A head without its own parameters is not recognised, and its parts are what is left.
    var wanted = Set(model.namesOfOtherHeads.keys)
    for place in entries.indices where entries[place].outcome == .missing {
      guard let expected = entries[place].expected, let explained = found[expected] else {
        continue
      }
      entries[place].explain(explained)
      for parameter in entries[place].parameters { pending[parameter] = nil }
      wanted.insert(expected)
    }
    for place in unexpected {
      guard let name = entries[place].stored.first.map(names.bare),
        let parameter = ParametrizedName(name)?.parameter, wanted.contains(parameter),
        let explained = found[parameter]
      else { continue }
      entries[place].explain(explained)
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
        $0.distance(to: wanted.expected) < $1.distance(to: wanted.expected)
      }
    }
  }
}

extension LoadReport.Entry {
  fileprivate mutating func explain(_ explained: (reason: String, remedy: String)) {
    detail = explained.reason
    remedy = explained.remedy
  }
}
