public import CheckpointBytes
public import LayoutRules

extension ModelConfiguration {
  /// The configuration in a model directory or in a `.keras` archive; nil if the path is neither, or has no `config.json`.
  ///
  /// - Throws: what ``DirectoryCompanions/configuration()`` throws.
  public init?(inDirectory path: String) throws(CheckpointError) {
    guard
      let configuration = try PathKind(path: path) == .directory
        ? try DirectoryCompanions(path).configuration()
        : try KerasArchive.configuration(in: path, limits: ReadLimits())
    else { return nil }
    self = configuration
  }
}
