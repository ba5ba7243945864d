public import CheckpointBytes
internal import OrderedCollections
internal import TensorValues

/// One weight with all its names.
public struct Tie: Sendable {
  /// The names in the order of the graph; the first is the one that others are said to be tied to.
  public var names: [ExactName]
  /// The weight.
  public let weight: Weight
}

extension WeightGraph {
  /// The weights in order, each once, with all the names it has.
  ///
  /// Two names are tied if they lead to the same elements of the same storage; equal bytes in two places are no tie.
  /// Weights without elements are never tied.
  public var ties: [Tie] {
    var groups: [Tie] = []
    groups.reserveCapacity(weights.count)
    var places: [WeightIdentity: Int] = [:]
    for (name, weight) in weights {
      guard weight.shape.elementCount > 0 else {
        groups.append(Tie(names: [name], weight: weight))
        continue
      }
      let identity = WeightIdentity(weight)
      if let place = places[identity] {
        groups[place].names.append(name)
      } else {
        places[identity] = groups.count
        groups.append(Tie(names: [name], weight: weight))
      }
    }
    return groups
  }

  /// For each name that is tied to an earlier one, the earlier one.
  public var aliases: [ExactName: ExactName] {
    var aliases: [ExactName: ExactName] = [:]
    for tie in ties {
      for name in tie.names.dropFirst() { aliases[name] = tie.names[0] }
    }
    return aliases
  }

  /// Weights that overlap another weight in one storage without being the same: names in pairs, the earlier first.
  /// Written out, each gets bytes of its own.
  public var overlaps: [(ExactName, ExactName)] {
    var byStorage: [ObjectIdentifier: [(name: ExactName, bytes: Range<Int>)]] = [:]
    for tie in ties {
      guard let extent = tie.weight.extent else { continue }
      byStorage[extent.storage, default: []].append((tie.names[0], extent.bytes))
    }
    var pairs: [(ExactName, ExactName)] = []
    for tie in ties {
      guard let extent = tie.weight.extent, let group = byStorage[extent.storage], group.count > 1
      else { continue }
      let name = tie.names[0]
      guard let place = group.firstIndex(where: { $0.name == name }) else { continue }
      if let other = group[..<place].first(where: { $0.bytes.overlaps(extent.bytes) }) {
        pairs.append((other.name, name))
      }
    }
    return pairs
  }
}
