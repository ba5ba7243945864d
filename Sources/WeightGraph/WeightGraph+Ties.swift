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
    // Most weights have a storage of their own: what would make them one with others need not be put together.
    var users: [ObjectIdentifier: Int] = [:]
    users.reserveCapacity(weights.count)
    for weight in weights.values {
      if let storage = weight.firstStorage { users[storage, default: 0] += 1 }
    }
    for (name, weight) in weights {
      let isAlone = weight.firstStorage.map { users[$0] == 1 } ?? false
      guard weight.shape.elementCount > 0, !isAlone else {
        groups.append(Tie(names: [name], weight: weight))
        continue
      }
      let identity = WeightIdentity(weight)
      let place = groups.count
      // Found or put in, it is looked for once.
      let first = { (first: inout Int) in first }(&places[identity, default: place])
      if first < place {
        groups[first].names.append(name)
      } else {
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

  /// Weights that overlap another weight in one storage without being the same: names in pairs, the earlier first. Each
  /// weight that begins inside another one gives one pair. Written out, each gets bytes of its own.
  ///
  /// What is compared is the span from the first element to the last: columns of one matrix count as overlapping.
  public var overlaps: [(ExactName, ExactName)] {
    let ties = ties
    var byStorage: [ObjectIdentifier: [(place: Int, bytes: Range<Int>)]] = [:]
    for (place, tie) in ties.enumerated() {
      guard let extent = tie.weight.extent else { continue }
      byStorage[extent.storage, default: []].append((place, extent.bytes))
    }
    var pairs: [(first: Int, second: Int)] = []
    for group in byStorage.values where group.count > 1 {
      let sorted = group.sorted {
        ($0.bytes.lowerBound, $0.place) < ($1.bytes.lowerBound, $1.place)
      }
      // Of those that began before, the one that reaches furthest.
      var widest = sorted[0]
      for current in sorted.dropFirst() {
        if current.bytes.lowerBound < widest.bytes.upperBound {
          pairs.append((min(widest.place, current.place), max(widest.place, current.place)))
        }
        if current.bytes.upperBound > widest.bytes.upperBound { widest = current }
      }
    }
    pairs.sort { ($0.second, $0.first) < ($1.second, $1.first) }
    return pairs.map { (ties[$0.first].names[0], ties[$0.second].names[0]) }
  }
}
