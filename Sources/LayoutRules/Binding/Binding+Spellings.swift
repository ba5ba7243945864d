internal import CheckpointBytes
internal import OrderedCollections
internal import WeightGraph

extension Binding {
  /// Weights of the body that are there a second time, behind another prefix: of what would be unexpected otherwise.
  mutating func findSpellings(_ model: RecognizedModel, _ placements: [Placement]) {
    let places = entries.indices.filter { entries[$0].outcome == .unexpected }
    var bare = TemplateValues()
    bare.body = model.table.bodies.bare
    bare.task = model.values.task
    guard !places.isEmpty,
      let short = try? model.table.placements(of: model.architecture, bare)
    else { return }
    var spellings: [ExactName: (stored: ExactName, layer: Int?)] = [:]
    for (placement, short) in zip(placements, short) where placement.rule.isOfBody {
      for (names, short) in zip(placement.foreign, short.foreign) {
        guard let stored = names.lazy.compactMap(find).first else { continue }
        let layer = placement.rule.isPerLayer ? placement.layer : nil
        for name in short { spellings[name] = (stored, layer) }
      }
    }
    var layers: Set<Int> = []
    for place in places {
      guard let name = entries[place].stored.first,
        let found = (WrapperSegments.unwrapped(name) ?? name).ends.lazy.compactMap({ spellings[$0] }
        ).first
      else { continue }
      entries[place].outcome = .claimedTwice
      entries[place].detail = "it is \(quoted(found.stored.string)) too"
      if let layer = found.layer { layers.insert(layer) }
    }
    if !layers.isEmpty {
      let numbers = folded(layers.sorted())
      remarks.append("layer \(numbers) is there under two spellings")
    }
  }
}

extension ExactName {
  /// The name, and what is left of it behind each of its first borders.
  fileprivate var ends: [ExactName] {
    var ends = [self]
    let borders = string.utf8.indices.lazy.filter {
      string.utf8[$0] == UInt8(ascii: ".") || string.utf8[$0] == UInt8(ascii: "/")
    }
    for border in borders.prefix(16) {
      ends.append(ExactName(String(string[string.utf8.index(after: border)...])))
    }
    return ends
  }
}
