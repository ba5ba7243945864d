internal import Adapters
internal import CheckpointBytes
internal import Checkpoints
internal import TensorValues
internal import WeightGraph

extension WeightGraph {
  /// The weights with an adapter merged into them, computed when they are read, and whether a weight with two names is two now.
  ///
  /// - Parameters:
  ///   - adapter: The adapter; nil for none.
  ///   - dtype: The type that the weights are to get afterwards.
  ///   - omissions: What was left out of the weights before.
  /// - Throws: what `LowRankAdapter/applied(to:as:)` throws; of a weight that is not there because it was left out it says so.
  func merging(
    _ adapter: LowRankAdapter?, as dtype: DType?, without omissions: [Omission]
  ) throws(CheckpointError) -> (step: ConversionStep, isUntied: Bool) {
    guard let adapter else { return (ConversionStep(graph: self), false) }
    let result: AdaptedWeights
    do throws(CheckpointError) {
      result = try adapter.applied(to: self, as: dtype)
    } catch {
      var refusal = error
      if let tensor = error.tensor,
        let omission = omissions.first(where: { $0.item == "tensor " + quoted(tensor) })
      {
        refusal.remedy = "it was left out, since it " + omission.reason
      }
      throw refusal
    }
    var remarks = Remarks()
    remarks.note(adapter.summary(of: result))
    if try adapter.isIdentity() {
      remarks.note(
        "the adapter \(adapter.path) is the identity: every product of its factors is zero, and nothing changes"
      )
    }
    return (
      ConversionStep(graph: result.graph, changes: ConversionChanges(remarks: remarks)),
      result.isUntied
    )
  }
}

extension LowRankAdapter {
  /// What was done, in words.
  fileprivate func summary(of result: AdaptedWeights) -> Wording {
    var parts = ["\(result.adapted.count) weights changed"]
    if !result.replaced.isEmpty { parts.append("\(result.replaced.count) replaced") }
    if !result.added.isEmpty {
      let names = result.added.prefix(4).map(\.string).joined(separator: ", ")
      parts.append(
        "\(result.added.count) added (\(names)\(result.added.count > 4 ? ", …" : ""))")
    }
    return
      "merged the adapter \(path) of rank \(configuration.rank): \(parts.joined(separator: ", "))"
  }
}
