internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules
internal import ModelFamilies
internal import ZipFormat

/// What a `.keras` archive says of the model in it.
enum KerasArchive {
  /// The configuration inside; nil if the file is no such archive, or if the model is none of KerasHub's: of one around a
  /// known model it says nothing that could be read.
  ///
  /// - Throws: what reading the archive throws; `limitExceeded` for a configuration of more than `limits.jsonBytes`; what
  ///   ``ModelConfiguration`` throws.
  static func configuration(
    in path: String, limits: ReadLimits
  ) throws(CheckpointError) -> ModelConfiguration? {
    guard let archive = try Checkpoint.kerasArchive(at: path, limits: limits),
      let member = archive[configurationMember]
    else { return nil }
    let bytes = try archive.bytes(of: member, limit: limits.jsonBytes)
    do throws(CheckpointError) {
      return try ModelConfiguration(parsing: bytes, file: "\(path): \(configurationMember)")
    } catch {
      guard error.kind == .unsupported else { throw error }
      return nil
    }
  }

  private static let configurationMember: ExactName = "config.json"
}
