public import CheckpointBytes
public import LayoutRules
internal import ModelFamilies
public import WeightGraph

extension ModelConfiguration {
  /// The configuration in a model directory or in a `.keras` archive; nil if the path is neither, or has no `config.json`.
  ///
  /// - Parameter graph: The weights, which tell the family where the file does not.
  /// - Throws: what ``DirectoryCompanions/configuration(family:)`` throws.
  public init?(inDirectory path: String, of graph: WeightGraph? = nil) throws(CheckpointError) {
    guard
      let configuration = try PathKind(path: path) == .directory
        ? try DirectoryCompanions(path).configuration(
          family: graph.flatMap { try? RecognizedModel($0) }?.architecture.family)
        : try KerasArchive.configuration(in: path, limits: ReadLimits())
    else { return nil }
    self = configuration
  }
}
