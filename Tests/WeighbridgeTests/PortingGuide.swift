// swift-format-ignore-file
// Made by scripts/guide of docs/porting.md: change the page.

import TensorEngine
import Testing
import Weighbridge
import WeighbridgeTesting

@Suite("The guide docs/porting.md")
struct PortingGuideTests {
  private let guide = GuideModels()

  @Test("Write it (1)")
  func block1() async throws {
    let weights = guide.path("port/net.safetensors"), recorded = guide.path("port/golden.safetensors")

    struct Block {
      let norm: LayerNormWeights
      let up: LinearWeights
      let down: LinearWeights

      init(_ graph: WeightGraph, _ name: String) throws {
        norm = try LayerNormWeights(
          weight: graph.parameter("\(name).norm.weight"),
          bias: graph.parameter("\(name).norm.bias"), epsilon: 1e-5)
        up = try LinearWeights(
          [graph.parameter("\(name).up.weight")], biases: [graph.parameter("\(name).up.bias")])
        down = try LinearWeights(
          [graph.parameter("\(name).down.weight")], biases: [graph.parameter("\(name).down.bias")])
      }

      func callAsFunction(_ x: Tensor, in context: ExecutionContext) throws -> Tensor {
        let inner = try linear(
          layerNorm(x, norm, in: context), up, activation: .gelu, in: context)
        return try linear(inner, down, adding: x, in: context)
      }
    }

    let graph = try Checkpoint.open(weights).graph        // safetensors, PyTorch, HDF5
    let blocks = try [Block(graph, "blocks.0"), Block(graph, "blocks.1")]
    let head = try LinearWeights(
      [graph.parameter("head.weight")], biases: [graph.parameter("head.bias")])

    let golden = try GoldenRecord(opening: recorded)
    let context = try ExecutionContext()
    let input = try golden.values(of: "x").map { Float($0) }
    var x = try Tensor(rows: 4, columns: 6, input)
    var outputs: [VerificationReport.Output] = []
    for (number, block) in blocks.enumerated() {
      x = try block(x, in: context)
      outputs.append(try .init("blocks.\(number):output", [x.rows, x.columns], x.values))
    }
    let scores = try linear(x, head, in: context)
    outputs.append(try .init("scores", [scores.rows, scores.columns], scores.values))

    expectMatches(
      outputs: outputs, golden: golden, criteria: VerificationCriteria(comparesOnlyComputed: true))
    _ = graph
    _ = blocks
    _ = head
    _ = golden
    _ = context
    _ = input
    _ = scores
  }

  @Test("Find what is wrong (2)")
  func block2() async throws {
    let path = try guide.newPath("mine.safetensors")
    var mine = WeightGraph()
    try mine.insert(try Weight([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]), as: "scale")
    try mine.write(to: path)
  }
}
