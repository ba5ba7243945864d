internal import CheckpointBytes
internal import Synchronization

/// Rows of parameters side by side as float32: biases, the weights of a norm. Made when they are first needed, and again when a
/// value was replaced.
final class ParameterRow: Sendable {
  private struct Cache {
    let revision: Int
    let tensor: Tensor
  }

  let parameters: [Parameter]
  private let cache = Mutex<Cache?>(nil)

  init(_ parameters: [Parameter]) { self.parameters = parameters }

  /// The row; nil if there are no parameters.
  func tensor(in context: ExecutionContext) throws(CheckpointError) -> Tensor? {
    guard let first = parameters.first else { return nil }
    // Before the values: one that is replaced meanwhile makes the next call look again.
    let revision = parameters.revision
    if let known = cache.withLock({ $0 }), known.revision == revision { return known.tensor }
    let tensor: Tensor
    if parameters.count == 1, first.element == .float32 {
      tensor = try first.values.tensor(in: context)
    } else {
      var values: [Float] = []
      for parameter in parameters { values += try parameter.values.tensor(in: context).values }
      tensor = try Tensor(rows: 1, columns: values.count, values)
    }
    cache.withLock { $0 = Cache(revision: revision, tensor: tensor) }
    return tensor
  }
}
