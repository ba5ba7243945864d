internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

extension LowRankAdapter {
  /// What the settings of two adapters make another number of, a sentence each: scales, rows of tables, the way square matrices lie. Tensors are
  /// not compared.
  public func differences(from other: LowRankAdapter) -> [String] {
    let theirs = Dictionary(
      other.modules.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let pairs = modules.compactMap { own in theirs[own.name].map { (own, $0) } }
    var sentences: [String] = []
    // One sentence for all modules that have the same two scales.
    var groups: OrderedDictionary<[Double], [ExactName]> = [:]
    for (own, their) in pairs where own.scale != their.scale {
      groups[[own.scale, their.scale], default: []].append(own.name)
    }
    for (scales, names) in groups {
      let more = names.count > 1 ? " and \(names.count - 1) more" : ""
      sentences.append(
        "the scale of \(quoted(names[0].string))\(more): \(scales[0]) and \(scales[1])")
    }
    let rows = Dictionary(
      other.tokens.map { ($0.module, $0.rows) }, uniquingKeysWith: { first, _ in first })
    for table in tokens {
      guard let their = rows[table.module], their != table.rows else { continue }
      sentences.append("other rows of \(quoted(table.module.string))")
    }
    let isSquare = pairs.contains { own, _ in
      !own.isTable && own.up.shape.dimensions[0] == own.down.shape.dimensions.last
    }
    let (own, their) = (configuration.statesInputsInRows, other.configuration.statesInputsInRows)
    if isSquare, own != their { sentences.append("fan_in_fan_out: \(own) and \(their)") }
    return sentences
  }
}
