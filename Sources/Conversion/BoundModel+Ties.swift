internal import CheckpointBytes
internal import LayoutRules
internal import WeightGraph

extension BoundModel {
  /// The weights, those that are one each for itself where the settings say that nothing is tied: a file would have them once, and
  /// Transformers look for the others in vain.
  func untiedAsStated() throws(CheckpointError) -> WeightGraph {
    guard configuration?.tiesWordEmbeddings == false else { return graph }
    let aliases = graph.aliases
    return try graph.mapWeights { (name, weight) throws(CheckpointError) in
      aliases[name] == nil ? weight : try weight.apart()
    }
  }

  /// The parameters that are what they are tied to. Transformers' files (5.23) hold such a weight under the name that
  /// others are tied to, and under no other.
  var tied: Set<ExactName> {
    if configuration?.tiesWordEmbeddings == false {
      // Frameworks that always tie hold once what Transformers is to find twice; its own files are as whole as they were.
      guard model.layout == .transformers else { return [] }
      return Set(report.entries.filter { $0.outcome == .tied }.flatMap(\.parameters))
    }
    let different = Set(untied.map(\.second))
    return Set(
      model.architecture.parameters.filter { $0.tiedTo != nil && !different.contains($0.name) }
        .map(\.name))
  }
}
