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
