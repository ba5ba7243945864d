import TestSupport
import Testing
import Weighbridge

@Suite("Numbers of one's own as weights and files")
struct WeightNumbersTests {
  @Test("Numbers in memory are a weight of their type, and come back from every format")
  func roundTrip() throws {
    let directory = try TemporaryDirectory()
    var graph = WeightGraph()
    try graph.insert(try Weight([1, -2.5, .infinity, 4, 5, 6] as [Float], shape: [2, 3]), as: "m")
    try graph.insert(try Weight([1e300] as [Double], shape: []), as: "single")
    try graph.insert(try Weight([Int64.min, 7] as [Int64]), as: "ids")
    try graph.insert(try Weight([true, false]), as: "mask")
    try graph.insert(try Weight([] as [Int8], shape: [0, 4]), as: "none")
    #expect(
      graph.weights.values.map(\.dtype) == [.f32, .f64, .i64, .bool, .i8])
    #expect(graph["m"]?.shape.dimensions == [2, 3] && graph["single"]?.shape.dimensions == [])
    for name in ["a.safetensors", "a.pt", "a.h5"] {
      let receipt = try graph.write(to: directory.file(name))
      #expect(receipt.tensorCount == 5 && receipt.verification != .none)
      let found = try Checkpoint.open(directory.file(name)).graph
      for (name, weight) in graph.weights {
        let other = try #require(found.weights[name])
        #expect(other.dtype == weight.dtype && other.shape == weight.shape)
        #expect(try other.packedBytes() == weight.packedBytes())
      }
    }
    #expect(try graph["m"]?.cast(to: .bf16).floats() == [1, -2.5, .infinity, 4, 5, 6])
  }

  @Test("Names stay as they are, and a file that exists stays unless the options say otherwise")
  func names() throws {
    let directory = try TemporaryDirectory()
    let graph = try Checkpoint.open(Fixtures.path("tiny-bert")).graph
    let path = directory.file("model.h5")
    try graph.write(to: path)
    #expect(try Set(Checkpoint.open(path).graph.weights.keys) == Set(graph.weights.keys))
    #expect(throws: CheckpointError.self) { try graph.write(to: path) }
    var options = ConversionOptions()
    options.replacesExisting = true
    #expect(throws: Never.self) { try graph.write(to: path, options: options) }
  }

  @Test("Extents and numbers must go together")
  func extents() {
    for shape in [[2, 2], [-1], [Int.max, 2]] {
      #expect(throws: CheckpointError(.inconsistent, "")) {
        try Weight([1, 2, 3] as [Float], shape: shape)
      }
    }
  }
}
