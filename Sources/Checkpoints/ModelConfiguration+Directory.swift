public import CheckpointBytes
public import LayoutRules

extension ModelConfiguration {
  /// The configuration in a model directory; nil if the path is no directory, or has no `config.json`.
  ///
  /// - Throws: what ``DirectoryCompanions/configuration()`` throws.
  public init?(inDirectory path: String) throws(CheckpointError) {
    guard try PathKind(path: path) == .directory,
      let configuration = try DirectoryCompanions(path).configuration()
    else { return nil }
    self = configuration
  }
}
