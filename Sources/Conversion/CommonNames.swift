public import CheckpointBytes
internal import Checkpoints
public import LayoutRules
internal import ModelFamilies
internal import OrderedCollections
public import WeightGraph

/// Two checkpoints under names that can be compared.
///
/// If the names differ and both checkpoints are models of one family, or of variants of one, Transformers' names are used
/// for both, so that a `model.safetensors` can be held against a `tf_model.h5`.
public struct CommonNames: Sendable {
  /// The first checkpoint's weights.
  public let first: WeightGraph
  /// The second one's.
  public let second: WeightGraph
  /// What each was recognised as, if Transformers' names are used.
  public let models: (first: RecognizedModel, second: RecognizedModel)?

  /// Finds common names. A configuration is asked for where the names differ, and decides what they leave open. What a
  /// layout holds twice is compared, which reads those weights.
  ///
  /// - Throws: what `BoundModel` throws, where the names differ and both are recognised.
  public init(
    _ first: WeightGraph, _ second: WeightGraph,
    configurations: (
      first: (Recognition) -> ModelConfiguration?, second: (Recognition) -> ModelConfiguration?
    ) = ({ _ in nil }, { _ in nil })
  ) throws(CheckpointError) {
    let names = Set(first.weights.keys)
    let hasSameNames =
      names.count == second.weights.count && second.weights.keys.allSatisfy(names.contains)
    guard !hasSameNames,
      let (left, right) = try? (Recognition(first), Recognition(second)),
      let left = try? left.model(configuration: configurations.first(left)),
      let right = try? right.model(configuration: configurations.second(right)),
      left.architecture.family.hasWeights(of: right.architecture.family)
    else {
      self.first = first
      self.second = second
      models = nil
      return
    }
    self.first = try BoundModel(first, as: left).settled().comparableGraph()
    self.second = try BoundModel(second, as: right).settled().comparableGraph()
    models = (left, right)
  }
}
