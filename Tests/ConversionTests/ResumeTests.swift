import CheckpointBytes
import Checkpoints
import Conversion
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

@Suite("A conversion that was ended is gone on with")
struct ResumeTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func run(
    _ change: (inout ConversionOptions) -> Void = { _ in },
    checking check: ((WeightGraph) throws(CheckpointError) -> Void)? = nil
  ) throws -> ConversionReceipt {
    var graph = WeightGraph()
    for index in 0..<4 {
      try graph.insert(
        try SampleGraphs.weight(.f32, [4, 2], seed: UInt64(index)), as: ExactName("w\(index)"))
    }
    var options = ConversionOptions()
    options.maximumShardSize = 32
    options.resumes = true
    change(&options)
    return try ConversionPlan(
      SampleGraphs.checkpoint(graph, format: .safetensors), named: "memory",
      to: directory.file("model/"), options: options
    ).run(checking: check)
  }

  private func shard(_ number: Int) -> String {
    directory.file("model/model-0000\(number)-of-00004.safetensors")
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try SourceFile(path: path)
    return try file.bytes(at: 0, count: file.size)
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    let output = try OutputFile(path: path)
    try output.write(bytes, at: 0)
    try output.commit()
  }

  @Test("Shards that are whole are kept, and the others written")
  func keeps() throws {
    #expect(try run().files.count == 5)
    let whole = try bytes(shard(2))
    try Directory.removeFile(shard(2))
    try Directory.removeFile(directory.file("model/model.safetensors.index.json"))
    let receipt = try run()
    #expect(
      receipt.files.map(\.path) == [shard(2), directory.file("model/model.safetensors.index.json")])
    #expect(receipt.notes.filter { "\($0)".contains("was there already") }.count == 3)
    #expect(receipt.inPlace == [shard(1), shard(3), shard(4)])
    #expect(receipt.verification == .equal(tensors: 4, bytes: 128))
    #expect(try bytes(shard(2)) == whole)
    let complete = try run()
    #expect(complete.files.isEmpty && complete.inPlace == (1...4).map(shard))
    #expect(try Checkpoint.open(directory.file("model")).graph.weights.count == 4)
  }

  @Test("A shard with another byte anywhere is not trusted")
  func distrusts() throws {
    _ = try run()
    let whole = try bytes(shard(3))
    for place in whole.indices {
      var damaged = whole
      damaged[place] ^= 1
      try write(damaged, to: shard(3))
      let error = #expect(throws: CheckpointError.self) { try run() }
      #expect(error?.kind == .inconsistent && error?.site.file == shard(3))
    }
    for other in [Array(whole.dropLast()), whole + [0], []] {
      try write(other, to: shard(3))
      #expect(throws: CheckpointError.self) { try run() }
    }
    _ = try run { $0.replacesExisting = true }
    #expect(try bytes(shard(3)) == whole)
  }

  @Test("What has to pass a check is put in place behind it, and what is whole is checked and kept")
  func checks() throws {
    let refusal = CheckpointError(.mismatch, file: "memory", "outputs differ")
    var seen: [Int] = []
    #expect(throws: refusal) {
      try run(checking: { (graph) throws(CheckpointError) in
        seen.append(graph.weights.count)
        throw refusal
      })
    }
    #expect(try PathKind(path: directory.file("model")) == .nothing)
    let check = { (graph: WeightGraph) throws(CheckpointError) in seen.append(graph.weights.count) }
    #expect(try run(checking: check).files.count == 5)
    try Directory.removeFile(shard(2))
    #expect(throws: refusal) {
      try run(checking: { (_) throws(CheckpointError) in throw refusal })
    }
    #expect(try PathKind(path: shard(2)) == .nothing)
    #expect(try run(checking: check).files.map(\.path) == [shard(2)])
    #expect(try run(checking: check).files.isEmpty)
    #expect(seen == [4, 4, 4, 4])
  }

  @Test("An index that is another is told, and replaced only if asked")
  func index() throws {
    _ = try run()
    let path = directory.file("model/model.safetensors.index.json")
    let whole = try bytes(path)
    try write(Array("{}".utf8), to: path)
    let error = #expect(throws: CheckpointError.self) { try run() }
    #expect(error?.kind == .inconsistent && error?.site.file == path)
    #expect(try run({ $0.replacesExisting = true }).files.map(\.path) == [path])
    #expect(try bytes(path) == whole)
  }

  @Test("Casts are measured, of shards that are kept too")
  func casts() throws {
    let first = try run { $0.dtype = .f16 }
    let second = try run { $0.dtype = .f16 }
    #expect(first.casts.count == 4)
    #expect(first.casts.map(\.largestError) == second.casts.map(\.largestError))
    #expect(second.casts.allSatisfy { $0.largestError != nil })
  }
}
