internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

extension Binding {
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
