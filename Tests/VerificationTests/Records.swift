import CheckpointBytes
import Checkpoints
import OrderedCollections
import TensorValues
import TestSupport
import WeightGraph

/// Records made in memory.
enum Records {
  static func weight(_ dimensions: [Int], _ values: [Float]) throws -> Weight {
    try weight(.f32, dimensions, [UInt8](littleEndian: values.map(\.bitPattern)))
  }

  static func weight(_ dimensions: [Int], _ values: [Int64]) throws -> Weight {
    try weight(.i64, dimensions, [UInt8](littleEndian: values))
  }

  static func weight(_ dtype: DType, _ dimensions: [Int], _ bytes: [UInt8]) throws -> Weight {
    Weight(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: "memory"), dtype: dtype,
        layout: StridedLayout(packed: Shape(dimensions) ?? .scalar)))
  }

  static func graph(
    _ weights: KeyValuePairs<ExactName, Weight>, origin: String? = nil
  ) throws -> WeightGraph {
    var graph = WeightGraph()
    for (name, weight) in weights { try graph.insert(weight, as: name) }
    if let origin { graph.facts.metadata = .entries(["weighbridge.golden": origin]) }
    return graph
  }
}
