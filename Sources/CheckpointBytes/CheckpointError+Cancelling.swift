extension CheckpointError {
  /// Ends long work that was begun in a task which is cancelled by now. Outside a task nothing is.
  ///
  /// - Throws: `cancelled`.
  package static func throwIfCancelled() throws(CheckpointError) {
    guard !Task.isCancelled else { throw CheckpointError(.cancelled, "the task was cancelled") }
  }
}
