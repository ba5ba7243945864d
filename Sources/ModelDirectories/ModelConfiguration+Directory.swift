public import CheckpointBytes
public import LayoutRules

extension ModelConfiguration {
  /// The configuration in a model directory or in a `.keras` archive; nil if the path is neither, or has no `config.json`.
  ///
  /// - Parameters:
  ///   - path: A directory, or a file with the configuration beside it.
  ///   - family: The family where the file names none.
  /// - Throws: what ``DirectoryCompanions/configuration(family:)`` throws.
  public init?(
    inDirectory path: String, family: @autoclosure () -> ModelFamily? = nil
  ) throws(CheckpointError) {
    let path = try HubCache.located(path)
    guard
      let configuration = try PathKind(path: path) == .directory
        ? try DirectoryCompanions(path, followsLinks: true).configuration(family: family())
        : try KerasArchive.configuration(in: path, limits: ReadLimits())
    else { return nil }
    self = configuration
  }
}
