public import CheckpointBytes
internal import Checkpoints
public import LanguageModels

extension ModelInputs {
  /// Inputs in a file of any format: tensors of whole numbers under Transformers' names of the arguments.
  ///
  /// - Throws: What `Checkpoint/open(_:options:)` and `ModelInputs/init(_:)` throw.
  public init(opening path: String) throws(CheckpointError) {
    let graph = try Checkpoint.open(path).graph
    do throws(CheckpointError) {
      try self.init(graph)
    } catch {
      throw error.site.file == nil ? error.inFile(path) : error
    }
  }
}
