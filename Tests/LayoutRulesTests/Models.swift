import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import WeightGraph

/// A weight of bytes that differ from place to place and from seed to seed; its first rows may be zeros.
func weight(_ shape: Shape, seed: Int, zeroRows: Int = 0) throws -> Weight {
  let row = shape.dimensions.dropFirst().reduce(1, *)
  let bytes = (0..<shape.elementCount).map { place in
    place < zeroRows * row ? 0 : UInt8(truncatingIfNeeded: place &* 7 &+ seed &* 31 &+ 1)
  }
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

/// A model of distinct bytes; tied parameters are one weight. RoBERTa's unused rows may be zeros.
func canonicalGraph(
  _ architecture: ModelArchitecture, zerosWhereUnused: Bool = false
) throws -> WeightGraph {
  var graph = WeightGraph()
  for (seed, parameter) in architecture.parameters.enumerated() {
    let tied = parameter.tiedTo.flatMap { graph.weights[$0] }
    var zeroRows = 0
    if zerosWhereUnused && architecture.family == .roberta {
      if parameter.name.string.contains("position_embeddings") { zeroRows = 2 }
      if parameter.name.string.contains("token_type_embeddings") { zeroRows = 1 }
    }
    try graph.insert(
      try tied ?? weight(parameter.shape, seed: seed, zeroRows: zeroRows), as: parameter.name)
  }
  return graph
}

/// A small model; its matrices are square where `isSquare` says so.
func architecture(
  _ family: ModelFamily, _ head: ModelHead, layers: Int = 2, isSquare: Bool = false,
  hasPooler: Bool? = nil
) throws -> ModelArchitecture {
  let sizes = ModelSizes(
    hidden: 6, embedding: embedding(of: family), layers: layers, intermediate: isSquare ? 6 : 10,
    vocabulary: 11, positions: 7,
    tokenTypes: tokenTypes(of: family), labels: 4, heads: 3)
  return try ModelArchitecture(family: family, head: head, sizes: sizes, hasPooler: hasPooler)
}

/// The families whose weights are their own: those of a variant are taken for the family that it is one of.
let ownFamilies = FamilyList.all.families.filter { $0.definition.variantOf == nil }

/// A number of token types that the family's weights are recognised by.
func tokenTypes(of family: ModelFamily) -> Int {
  guard family.definition.body.hasTokenTypes else { return 0 }
  return family.definition.usualSizes[.tokenTypes] ?? 2
}

/// A width of embeddings that is not the model's, where it may be another.
func embedding(of family: ModelFamily, _ width: Int = 4) -> Int? {
  family.definition.settings.embedding == nil ? nil : width
}

/// Everything.
let anything = [NamePattern("*")]

/// True for layouts that hold no pooler of RoBERTa.
func lacksPooler(_ layout: Layout, _ family: ModelFamily) -> Bool {
  family == .roberta && (layout == .kerasHub || layout == .fairseq)
}

/// A small model in a layout.
func checkpoint(
  _ family: ModelFamily, _ head: ModelHead, in layout: Layout = .transformers
) throws -> WeightGraph {
  let model = try architecture(
    family, head, hasPooler: lacksPooler(layout, family) ? false : nil)
  let canonical = try canonicalGraph(model)
  return try SavePlan(canonical, of: model, in: layout, mayLose: anything).graph
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
) throws -> BoundModel {
  try BoundModel(graph, as: try RecognizedModel(graph, family: family, head: head))
}
