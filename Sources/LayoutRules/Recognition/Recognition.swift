public import CheckpointBytes
internal import OrderedCollections
package import Synchronization
internal import TensorValues
public import WeightGraph

/// The place in a checkpoint at which a known model lies: its names are gone through once, whatever is asked of them
/// afterwards.
public struct Recognition: Sendable {
  /// The checkpoint's weights.
  public let graph: WeightGraph
  let families: FamilyList
  let names: WrapperSegments
  let shapes: OrderedDictionary<ExactName, Shape>
  private let candidates: [RecognitionCandidate]

  /// Looks for the one place at which word embeddings lie. The cost grows with the number of names: of each only the end is
  /// looked at until one is a model's.
  ///
  /// - Throws: `notFound` if no model of a known layout is there, naming the tensor if a part of one is; `inconsistent` if
  ///   two models are.
  public init(_ graph: WeightGraph, among families: FamilyList) throws(CheckpointError) {
    WorkCount.current?.recognitions.add(1, ordering: .relaxed)
    self.graph = graph
    self.families = families
    let graph = try graph.joiningScales()
    names = WrapperSegments(graph.weights.keys)
    shapes = names.shapes(graph.weights.mapValues(\.shape))
    candidates = try RecognitionCandidate.all(families, in: shapes)
  }

  /// The model; a stated family or head is a check, and decides where names cannot.
  ///
  /// - Parameters:
  ///   - family: The family, if it is known; nil for any.
  ///   - head: The head, if it is known; nil for what the weights show.
  ///   - task: Of several classification heads of fairseq, the one that is meant.
  /// - Throws: `inconsistent` if what is stated is not what is there; `mismatch`, naming the tensor, if two shapes contradict
  ///   each other.
  public func model(
    family: ModelFamily? = nil, head: ModelHead? = nil, task: String? = nil
  ) throws(CheckpointError) -> RecognizedModel {
    try RecognizedModel(self, try candidates(of: family), family: family, head: head, task: task)
  }

  /// The model; a configuration decides what names and shapes leave open, and is not compared with them.
  ///
  /// - Throws: what ``model(family:head:task:)`` throws.
  public func model(
    configuration: ModelConfiguration?, task: String? = nil
  ) throws(CheckpointError) -> RecognizedModel {
    var model = try model(task: task)
    guard let configuration else { return model }
    let (found, stated) = (model.architecture.family, configuration.family)
    let isStated =
      stated != found
      && (stated.definition.variantOf == found.name || model.isFamilyLikelyOnly)
    let family = isStated ? stated : nil
    if isStated { model = try self.model(family: family, task: task) }
    if let head = configuration.heads.first(where: model.alternatives.contains) {
      model = try self.model(family: family, head: head, task: task)
    }
    return model
  }

  /// The family, if names and shapes leave no choice.
  public var certainFamily: ModelFamily? {
    guard let model = try? model(), !model.isFamilyLikelyOnly else { return nil }
    return model.architecture.family
  }

  /// Where a variant has the names of the family that it is one of, they are taken for that one's unless it is stated.
  private func candidates(
    of family: ModelFamily?
  ) throws(CheckpointError) -> [RecognitionCandidate] {
    guard let family, family.definition.variantOf != nil else { return candidates }
    return try RecognitionCandidate.all(FamilyList([family]), in: shapes)
  }
}

/// How often checkpoints were gone through: a second time changes no result, so that tests count.
package final class WorkCount: Sendable {
  /// The count of whatever runs now; nil, as mostly, where nobody counts.
  @TaskLocal package static var current: WorkCount?
  package let recognitions = Atomic<Int>(0)
  package let bindings = Atomic<Int>(0)

  package init() {}
}
