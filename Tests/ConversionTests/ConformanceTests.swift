import CheckpointBytes
import Checkpoints
import Conversion
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// One suite for all formats: what goes in comes out, through any of them and back through any other.
@Suite("Every format carries everything")
struct ConformanceTests {
  static let pairs = CheckpointFormat.allCases.flatMap { first in
    CheckpointFormat.allCases.map { (first, $0) }
  }

  private func carry(
    _ checkpoint: Checkpoint, to path: String,
    _ change: (inout ConversionOptions) -> Void = { _ in }
  ) throws -> Checkpoint {
    var options = ConversionOptions()
    change(&options)
    let receipt = try ConversionPlan(
      checkpoint, named: "memory", to: path, options: options
    ).run()
    #expect(receipt.omissions.isEmpty, "\(receipt.omissions)")
    return try Checkpoint.open(receipt.files.last?.path ?? path)
  }

  private func expectEqual(_ found: WeightGraph, _ expected: WeightGraph) throws {
    #expect(Set(found.weights.keys) == Set(expected.weights.keys))
    for (name, weight) in expected.weights {
      let other = try #require(found.weights[name], "\(name)")
      #expect(other.dtype == weight.dtype, "\(name)")
      #expect(other.shape == weight.shape, "\(name)")
      #expect(try packed(other) == packed(weight), "\(name)")
    }
    let ties = { (graph: WeightGraph) in Set(graph.ties.map { Set($0.names) }) }
    #expect(ties(found) == ties(expected))
  }

  private func packed(_ weight: Weight) throws -> [UInt8] {
    try unsafe withNewBytes(count: weight.byteCount) { (buffer) throws(CheckpointError) in
      try unsafe weight.read(at: 0, into: buffer)
    }
  }

  @Test("Weights of all kinds go through a pair of formats unchanged", arguments: pairs)
  func zoo(_ pair: (CheckpointFormat, CheckpointFormat)) throws {
    let directory = try TemporaryDirectory()
    var graph = try SampleGraphs.zoo()
    graph.facts.metadata = .absent
    let start = SampleGraphs.checkpoint(graph, format: .safetensors)
    let first = try carry(
      start, to: directory.file("a." + SampleGraphs.fileExtension(pair.0)))
    try expectEqual(first.graph, graph)
    let second = try carry(
      first, to: directory.file("b." + SampleGraphs.fileExtension(pair.1)))
    try expectEqual(second.graph, graph)
  }

  @Test("The complex types that safetensors lacks go through PyTorch and HDF5")
  func wideComplex() throws {
    let directory = try TemporaryDirectory()
    let graph = try SampleGraphs.zoo(dtypes: [.c32, .c64, .c128])
    var checkpoint = SampleGraphs.checkpoint(graph, format: .pytorch)
    for (index, format) in [CheckpointFormat.pytorch, .hdf5, .pytorch].enumerated() {
      checkpoint = try carry(
        checkpoint, to: directory.file("\(index)." + SampleGraphs.fileExtension(format)))
      try expectEqual(checkpoint.graph, graph)
    }
  }

  @Test("Metadata goes through a pair of formats unchanged", arguments: pairs)
  func metadata(_ pair: (CheckpointFormat, CheckpointFormat)) throws {
    let directory = try TemporaryDirectory()
    let samples: [OrderedDictionary<ExactName, String>] = [
      ["format": "pt"],
      ["format": "pt", "author": "caf\u{E9}", "caf\u{E9}": "x", "cafe\u{301}": "y"],
      ["empty": ""], ["nul\0key": "nul\0value"], [:],
    ]
    for (index, entries) in samples.enumerated() {
      var graph = WeightGraph()
      try graph.insert(try SampleGraphs.weight(.f32, [2], seed: 1), as: "w")
      graph.facts.metadata = .entries(entries)
      let start = SampleGraphs.checkpoint(graph, format: .safetensors)
      let first = try carry(
        start, to: directory.file("a\(index)." + SampleGraphs.fileExtension(pair.0)))
      let second = try carry(
        first, to: directory.file("b\(index)." + SampleGraphs.fileExtension(pair.1)))
      let last = try carry(second, to: directory.file("c\(index).safetensors"))
      #expect(
        last.graph.facts.metadata.entries.map {
          Dictionary(uniqueKeysWithValues: $0.map { ($0.key, $0.value) })
        }
          == Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) }), "\(entries)")
    }
  }

  @Test("A checkpoint's own structure goes through a pair of formats unchanged", arguments: pairs)
  func tree(_ pair: (CheckpointFormat, CheckpointFormat)) throws {
    let directory = try TemporaryDirectory()
    var graph = WeightGraph()
    try graph.insert(try SampleGraphs.weight(.f32, [2, 2], seed: 1), as: "model.fc.weight")
    try graph.insert(try SampleGraphs.weight(.f32, [2], seed: 2), as: "optimizer.state.0.exp_avg")
    graph.facts.tree = .dictionary([
      ("epoch", .integer(3)),
      ("model", .dictionary([("fc.weight", .weight("model.fc.weight"))])),
      (
        "optimizer",
        .dictionary([
          (
            "state",
            .dictionary([
              InertValue.Entry(
                .integer(0),
                .dictionary([
                  ("exp_avg", .weight("optimizer.state.0.exp_avg")), ("step", .float(2.5)),
                ]))
            ])
          ),
          ("betas", .tuple([.float(0.9), .float(0.999)])), ("name", .string("adam")),
          ("nothing", .none), ("flags", .list([.boolean(true), .boolean(false)])),
        ])
      ),
    ])
    let start = SampleGraphs.checkpoint(graph, format: .pytorch)
    let first = try carry(start, to: directory.file("a." + SampleGraphs.fileExtension(pair.0)))
    let second = try carry(first, to: directory.file("b." + SampleGraphs.fileExtension(pair.1)))
    try expectEqual(second.graph, graph)
    #expect(second.graph.facts.tree == graph.facts.tree)
  }

  @Test("Shards hold the same as one file", arguments: [CheckpointFormat.safetensors, .pytorch])
  func shards(_ format: CheckpointFormat) throws {
    let directory = try TemporaryDirectory()
    var graph = try SampleGraphs.zoo()
    graph.facts.metadata = .absent
    let start = SampleGraphs.checkpoint(graph, format: .safetensors)
    let sharded = try carry(
      start, to: directory.file("m." + SampleGraphs.fileExtension(format))
    ) { $0.maximumShardSize = 200 }
    #expect(sharded.files.count > 4)
    try expectEqual(sharded.graph, graph)
    let back = try carry(sharded, to: directory.file("back.safetensors"))
    try expectEqual(back.graph, graph)
  }

  @Test("The same input gives the same bytes", arguments: CheckpointFormat.allCases)
  func determinism(_ format: CheckpointFormat) throws {
    let directory = try TemporaryDirectory()
    let start = SampleGraphs.checkpoint(try SampleGraphs.zoo(), format: .safetensors)
    let names = ["a.", "b."].map { directory.file($0 + SampleGraphs.fileExtension(format)) }
    for name in names { _ = try carry(start, to: name) }
    let files = try names.map { try SourceFile(path: $0) }
    #expect(
      try files[0].bytes(at: 0, count: files[0].size) == files[1].bytes(at: 0, count: files[1].size)
    )
  }
}
