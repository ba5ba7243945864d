import CheckpointBytes
import LayoutRules
import OrderedCollections
import TensorValues
import WeightGraph

/// A weight of bytes that differ from place to place and from seed to seed.
func weight(_ shape: Shape, seed: Int) throws -> Weight {
  let bytes = (0..<shape.elementCount).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ seed &* 31) }
  let source = MemoryBytes(bytes, origin: "seed \(seed)")
  return Weight(
    try StoredTensor(source: source, dtype: .u8, layout: StridedLayout(packed: shape)))
}

/// A weight's packed bytes.
func bytes(of weight: Weight) throws -> [UInt8] {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: weight.byteCount, alignment: 1)
  defer { unsafe buffer.deallocate() }
  try unsafe weight.read(at: 0, into: buffer)
  return unsafe Array(buffer)
}

/// A model of distinct bytes; tied parameters are one weight.
func canonicalGraph(_ architecture: ModelArchitecture) throws -> WeightGraph {
  var graph = WeightGraph()
  for (seed, parameter) in architecture.parameters.enumerated() {
    let tied = parameter.tiedTo.flatMap { graph.weights[$0] }
    try graph.insert(try tied ?? weight(parameter.shape, seed: seed), as: parameter.name)
  }
  return graph
}

/// A small model; its matrices are square where `isSquare` says so.
func architecture(
  _ family: ModelFamily, _ head: ModelHead, layers: Int = 2, isSquare: Bool = false
) throws -> ModelArchitecture {
  let sizes = ModelSizes(
    hidden: 6, layers: layers, intermediate: isSquare ? 6 : 10, vocabulary: 11, positions: 7,
    tokenTypes: family == .gpt2 ? 0 : family == .bert ? 2 : 1, labels: 4, heads: 3)
  return try ModelArchitecture(family: family, head: head, sizes: sizes)
}

/// A small model in a layout.
func checkpoint(
  _ family: ModelFamily, _ head: ModelHead, in layout: Layout = .transformers
) throws -> WeightGraph {
  let model = try architecture(family, head)
  return try SavePlan(try canonicalGraph(model), of: model, in: layout).graph
}

/// The graph without a name.
func removing(_ name: ExactName, from graph: WeightGraph) throws -> WeightGraph {
  try graph.renamed { $0 == name ? nil : $0 }
}

/// What went wrong, or nil.
func failure(_ body: () throws -> Void) -> CheckpointError? {
  do {
    try body()
    return nil
  } catch {
    return error as? CheckpointError
  }
}

/// Recognises and binds.
func plan(
  _ graph: WeightGraph, family: ModelFamily? = nil, head: ModelHead? = nil
) throws -> LoadPlan {
  try LoadPlan(graph, as: try RecognizedModel(graph, family: family, head: head))
}
