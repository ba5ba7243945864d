import CheckpointBytes
import Checkpoints
import OrderedCollections
import TensorValues
import WeightGraph

/// Graphs made in memory, for tests that write and read.
enum SampleGraphs {
  /// Bytes that look random and are the same every time.
  static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 2 &+ 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }

  static func weight(_ dtype: DType, _ dimensions: [Int], seed: UInt64) throws -> Weight {
    let shape = Shape(dimensions) ?? .scalar
    let count = dtype.byteCount(elementCount: shape.elementCount) ?? 0
    return Weight(
      try StoredTensor(
        source: MemoryBytes(bytes(count, seed: seed), origin: "memory \(seed)"), dtype: dtype,
        layout: StridedLayout(packed: shape)))
  }

  /// Every dtype that all formats can carry, odd shapes, odd names, ties, and a strided view.
  static func zoo(dtypes: [DType] = DType.allCases.filter { $0 != .c32 && $0 != .c128 }) throws
    -> WeightGraph
  {
    var graph = WeightGraph()
    var seed: UInt64 = 1
    for dtype in dtypes {
      try graph.insert(
        try weight(dtype, [3, 8], seed: seed), as: ExactName("types.\(dtype).weight"))
      seed += 1
    }
    try graph.insert(try weight(.f32, [], seed: 100), as: "scalar")
    try graph.insert(try weight(.i64, [0], seed: 101), as: "empty.vector")
    try graph.insert(try weight(.f16, [2, 0, 3], seed: 102), as: "empty.cube")
    try graph.insert(try weight(.u8, [1, 1, 1, 1, 1], seed: 103), as: "ones")
    try graph.insert(try weight(.f32, [2, 3], seed: 104), as: "caf\u{E9}")
    try graph.insert(try weight(.f32, [2, 3], seed: 105), as: "cafe\u{301}")
    try graph.insert(try weight(.f32, [2], seed: 106), as: "with space\nand line")
    try graph.insert(try weight(.f32, [2], seed: 107), as: "parent")
    try graph.insert(try weight(.f32, [2], seed: 108), as: "parent.child")
    try graph.insert(try weight(.f32, [2], seed: 109), as: "dots..twice")
    try graph.insert(try weight(.f32, [2], seed: 110), as: "100%.done")
    let embedding = try weight(.f32, [7, 5], seed: 111)
    try graph.insert(embedding, as: "embedding.weight")
    try graph.insert(embedding, as: "decoder.weight")
    try graph.insert(embedding, as: "third.name")
    try graph.insert(try embedding.transposed([1, 0]), as: "transposed")
    return graph
  }

  static func checkpoint(_ graph: WeightGraph, format: CheckpointFormat) -> Checkpoint {
    Checkpoint(format: format, container: "memory", graph: graph)
  }

  /// The extension that stands for a format.
  static func fileExtension(_ format: CheckpointFormat) -> String {
    switch format {
    case .safetensors: "safetensors"
    case .pytorch: "pt"
    case .hdf5: "h5"
    }
  }
}
