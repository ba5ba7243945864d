import CheckpointBytes
import Checkpoints
import Conversion
import LayoutRules
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// What a plan says before anything is written: the receipt, or the reason why there is none.
@Suite("A conversion is thought through before anything is written")
struct ConversionPlanTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  /// Four weights, two names of one of them, an integer.
  private func graph() throws -> WeightGraph {
    var graph = WeightGraph()
    try graph.insert(try SampleGraphs.weight(.f32, [4, 2], seed: 1), as: "body.first.weight")
    try graph.insert(try SampleGraphs.weight(.f32, [4], seed: 2), as: "body.first.bias")
    try graph.insert(try SampleGraphs.weight(.i64, [3], seed: 3), as: "steps")
    let shared = try SampleGraphs.weight(.f16, [2, 2], seed: 4)
    try graph.insert(shared, as: "head.weight")
    try graph.insert(shared, as: "body.embedding")
    return graph
  }

  private func plan(
    to name: String, _ change: (inout ConversionOptions) throws -> Void = { _ in }
  ) throws -> ConversionPlan {
    var options = ConversionOptions()
    try change(&options)
    return try ConversionPlan(
      SampleGraphs.checkpoint(try graph(), format: .safetensors), named: "memory",
      to: directory.file(name), options: options)
  }

  private func refusal(
    to name: String, _ change: (inout ConversionOptions) throws -> Void = { _ in }
  ) throws -> CheckpointError? {
    do {
      _ = try plan(to: name, change)
      return nil
    } catch let error as CheckpointError {
      return error
    }
  }

  private func pattern(_ text: String) throws -> NamePattern { NamePattern(text) }

  // MARK: What is counted

  @Test("A plan counts names, and the bytes of a tied weight once; it writes nothing")
  func counts() throws {
    let receipt = try plan(to: "a.safetensors").receipt
    #expect(receipt.tensorCount == 5)
    #expect(receipt.byteCount == 4 * 2 * 4 + 4 * 4 + 3 * 8 + 2 * 2 * 2)
    #expect(receipt.ties.map(Set.init) == [["head.weight", "body.embedding"]])
    #expect(receipt.sourceFormat == "safetensors (memory)")
    #expect(receipt.verification == .none)
    #expect(try Directory.names(in: directory.path).isEmpty)
  }

  @Test(
    "The bytes of each file are those that are written",
    arguments: CheckpointFormat.allCases)
  func sizes(_ format: CheckpointFormat) throws {
    let plan = try plan(to: "a." + SampleGraphs.fileExtension(format))
    let written = try plan.run()
    #expect(plan.receipt.files.map(\.byteCount) == written.files.map(\.byteCount))
    #expect(plan.receipt.files.map(\.path) == written.files.map(\.path))
    #expect(written.verification == .equal(tensors: 5, bytes: plan.receipt.byteCount))
  }

  // MARK: Selection and names

  @Test("What is left out is listed, each tensor with the pattern that took it")
  func selection() throws {
    let receipt = try plan(to: "a.safetensors") {
      $0.include = [NamePattern("body.*"), NamePattern("steps")]
      $0.exclude = [NamePattern("*.bias")]
    }.receipt
    #expect(receipt.tensorCount == 3)
    #expect(
      Set(receipt.omissions.map { "\($0.item): \($0.reason)" }) == [
        "tensor 'body.first.bias': matches ConversionOptions.exclude *.bias",
        "tensor 'head.weight': matches no ConversionOptions.include",
      ])
    // The other name of the weight that was left out keeps it, and is no tie any more.
    #expect(receipt.ties.isEmpty)
  }

  @Test("A pattern or rule that matches nothing is a contradiction, in whichever list it stands")
  func idle() throws {
    for change: (inout ConversionOptions) throws -> Void in [
      { $0.include = [NamePattern("body.*"), NamePattern("nothing.*")] },
      { $0.exclude = [NamePattern("nothing.*")] },
      { $0.rename = ["nothing.*=>x.*"] }, { $0.rename = ["body.*=>x.*", "body.first.*=>y.*"] },
      // No rule at all: literals are not looked at before.
      { $0.rename = ["body.*"] }, { $0.rename = ["body.*=>*.*"] },
    ] {
      #expect(try refusal(to: "a.safetensors", change)?.kind == .inconsistent)
    }
    #expect(
      try refusal(to: "a.safetensors") { $0.rename = ["body.*=>x.*", "body.first.*=>y.*"] }?.problem
        == "the rule 'body.first.*=>y.*' never counts: 'body.*=>x.*' comes before it")
    // The special case first.
    #expect(
      try plan(to: "a.safetensors") { $0.rename = ["body.first.*=>y.*", "body.*=>x.*"] }.receipt
        .renamed.count > 1)
  }

  @Test("What has to do with a layout is refused where none is written; a type casts or says so")
  func withoutUse() throws {
    for change: (inout ConversionOptions) throws -> Void in [
      { $0.allowMissing = [NamePattern("*")] }, { $0.allowLoss = [NamePattern("*")] },
      { $0.fillZeros = [NamePattern("*")] }, { $0.attentionHeads = 2 },
    ] {
      #expect(try refusal(to: "a.safetensors", change)?.kind == .inconsistent)
    }
    // A model is looked for first.
    #expect(try refusal(to: "a.safetensors") { $0.task = "mnli" }?.kind == .notFound)
    #expect(
      try refusal(to: "a.safetensors") {
        $0.task = "mnli"
        $0.layout = .flat
      }?.kind == .inconsistent)
    for (dtype, isIdle) in [(DType.c64, true), (.bool, true), (.u8, false), (.f16, false)] {
      let notes = try plan(to: "a.safetensors") { $0.dtype = dtype }.receipt.notes
      let isSaid = notes.contains { $0.description.hasPrefix("nothing is cast: ") }
      #expect(isSaid == isIdle, "\(dtype)")
    }
  }

  @Test("A file of PyTorch without tensors is written, and read back as any other")
  func noTensors() throws {
    var options = ConversionOptions()
    for format in CheckpointFormat.allCases {
      var graph = WeightGraph()
      graph.facts.tree = .dictionary([.init(.string("epoch"), .integer(1))])
      let path = directory.file("none." + SampleGraphs.fileExtension(format))
      options.layout = .flat
      let receipt = try ConversionPlan(
        SampleGraphs.checkpoint(graph, format: .pytorch), named: "memory", to: path,
        options: options
      ).run()
      #expect(receipt.verification == .equal(tensors: 0, bytes: 0))
      #expect(try PathKind(path: path) == .file)
    }
  }

  @Test("For each name the first rule that matches counts; two names that become one are refused")
  func renaming() throws {
    let plan = try plan(to: "a.safetensors") {
      $0.rename = ["body.first.*=>one.*", "body.*=>two.*"]
    }
    #expect(
      plan.receipt.renamed.map { "\($0.from) \($0.to)" } == [
        "body.first.weight one.weight", "body.first.bias one.bias",
        "body.embedding two.embedding",
      ])
    let error = try refusal(to: "a.safetensors") {
      $0.rename = ["body.first.*=>same"]
    }
    #expect(error?.kind == .inconsistent)
    #expect(error?.description.contains("'same'") == true, "\(error?.description ?? "")")
  }

  // MARK: Types

  @Test("A cast takes the weights of its category, and both names of a tied one")
  func casting() throws {
    let receipt = try plan(to: "a.safetensors") { $0.dtype = .bf16 }.receipt
    #expect(
      Set(receipt.casts.map { "\($0.name) \($0.from)" }) == [
        "body.first.weight F32", "body.first.bias F32", "head.weight F16", "body.embedding F16",
      ])
    #expect(receipt.casts.allSatisfy { $0.to == .bf16 && $0.largestError == nil })
    // Six elements of integers stay as they are.
    #expect(receipt.byteCount == (8 + 4 + 4) * 2 + 3 * 8)
    #expect(receipt.ties.count == 1)
  }

  @Test("A type that the format does not have is refused with the tensor's name")
  func dtypeOfFormat() throws {
    var graph = WeightGraph()
    try graph.insert(try SampleGraphs.weight(.c128, [1], seed: 1), as: "wide")
    let checkpoint = SampleGraphs.checkpoint(graph, format: .pytorch)
    do {
      _ = try ConversionPlan(
        checkpoint, named: "memory", to: directory.file("a.safetensors"),
        options: ConversionOptions())
      Issue.record("C128 was planned")
    } catch {
      #expect(error.kind == .unsupported)
      #expect(error.tensor == "wide")
    }
  }

  // MARK: Shards

  @Test("Shards are as full as they may be, in order, and a larger weight stands alone")
  func shards() throws {
    // In order: 32 bytes, 16, 24 and, tied, 8.
    let receipt = try plan(to: "m/") { $0.maximumShardSize = 40 }.receipt
    let names = receipt.files.map { splitPath($0.path).name }
    #expect(
      names == [
        "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors", "model.safetensors.index.json",
      ])
    #expect(try refusal(to: "a.h5") { $0.maximumShardSize = 30 }?.kind == .unsupported)
    let whole = try plan(to: "m/") { $0.maximumShardSize = 80 }.receipt
    #expect(whole.files.map { splitPath($0.path).name } == ["model.safetensors"])
  }

  // MARK: Destinations

  @Test(
    "The destination gives the format and the file's name",
    arguments: [
      ("a.safetensors", nil, CheckpointFormat.safetensors, "a.safetensors"),
      ("a.bin", nil, .pytorch, "a.bin"), ("a.pt", nil, .pytorch, "a.pt"),
      ("a.h5", nil, .hdf5, "a.h5"), ("a.weights", .pytorch, .pytorch, "a.weights"),
      ("a.safetensors", .hdf5, .hdf5, "a.safetensors"),
      ("dir/", nil, .safetensors, "model.safetensors"),
      ("dir/", .pytorch, .pytorch, "pytorch_model.bin"),
    ] as [(String, CheckpointFormat?, CheckpointFormat, String)])
  func destinations(
    _ sample: (name: String, asked: CheckpointFormat?, format: CheckpointFormat, file: String)
  ) throws {
    let receipt = try plan(to: sample.name) { $0.format = sample.asked }.receipt
    #expect(receipt.format == sample.format)
    #expect(receipt.files.map { splitPath($0.path).name } == [sample.file])
  }

  @Test("An extension that names no format is refused, and what stands there is kept")
  func refusedDestinations() throws {
    #expect(try refusal(to: "a.gguf")?.kind == .inconsistent)
    for name in ["a.safetensors", "a.safetensors.index.json"] {
      let path = try directory.write([1, 2, 3], as: name)
      #expect(try refusal(to: "a.safetensors")?.site.file == path)
      #expect(try refusal(to: "a.safetensors") { $0.replacesExisting = true } == nil)
      try Directory.removeFile(path)
    }
  }

  @Test("An index that stood beside the destination goes when the file is in place")
  func superseded() throws {
    let index = try directory.write(Array("{}".utf8), as: "a.safetensors.index.json")
    let receipt = try plan(to: "a.safetensors") { $0.replacesExisting = true }.run()
    #expect(receipt.notes.contains { $0.description.contains("removed \(index)") })
    #expect(try Directory.names(in: directory.path) == ["a.safetensors"])
  }

  @Test("What an index says of the whole beside its sizes is listed as lost")
  func metadataOfIndex() throws {
    _ = try plan(to: "made/") { $0.maximumShardSize = 30 }.run()
    let index = directory.file("made/model.safetensors.index.json")
    let text = String(
      decoding: try SourceFile(path: index).bytes(at: 0, count: SourceFile(path: index).size),
      as: UTF8.self)
    #expect(try Checkpoint.open(index).notes.isEmpty)
    let more = text.replacing(
      "\"metadata\": {", with: "\"metadata\": {\"custom\": \"hello\", \"n\": [1],")
    _ = try directory.write(Array(more.utf8), as: "made/model.safetensors.index.json")
    let note = "metadata of the index, which no conversion keeps: custom = \"hello\", n = [1]"
    let read = try Checkpoint.open(index)
    #expect(read.notes == [note])
    let receipt = try ConversionPlan(
      read, named: index, to: directory.file("whole.safetensors"), options: ConversionOptions()
    ).receipt
    #expect(receipt.notes.map(\.description).contains(note))
  }

  // MARK: Failures while running

  @Test("What the check throws ends the conversion, and nothing is left of it")
  func failingCheck() throws {
    let plan = try plan(to: "made/") { $0.maximumShardSize = 30 }
    let problem = CheckpointError(.mismatch, "not this")
    do {
      _ = try plan.run(checking: { (_) throws(CheckpointError) in throw problem })
      Issue.record("the conversion went on")
    } catch {
      #expect(error.kind == .mismatch)
    }
    #expect(try Directory.names(in: directory.path).isEmpty)
  }

  @Test("A check is given the weights under their own names, from all shards")
  func checkSeesEverything() throws {
    var seen: Set<ExactName> = []
    _ = try plan(to: "made/") { $0.maximumShardSize = 30 }.run(
      checking: { (written) throws(CheckpointError) in seen = Set(written.weights.keys) })
    #expect(seen == Set(try graph().weights.keys))
  }

  // MARK: Facts

  @Test(
    "Attributes of a data set go with the first of its names that stays",
    arguments: ["head.weight", "body.embedding"])
  func attributesOfTies(_ removed: String) throws {
    let kept = removed == "head.weight" ? "body/embedding" : "head/weight"
    for owner in ["head/weight", "body/embedding"] {
      var graph = try graph()
      graph.facts.attributes[ExactName(owner)] = ["x": .integer(1)]
      var options = ConversionOptions()
      options.exclude = [NamePattern(removed)]
      options.replacesExisting = true
      for format in CheckpointFormat.allCases {
        let path = directory.file("a." + SampleGraphs.fileExtension(format))
        _ = try ConversionPlan(
          SampleGraphs.checkpoint(graph, format: .hdf5), named: "memory", to: path,
          options: options
        ).run()
        let facts = try Checkpoint.open(path).graph.facts
        #expect(facts.attributes[ExactName(kept)] == ["x": .integer(1)], "\(owner), \(format)")
      }
    }
  }

  @Test("Metadata by the names of Keras's lists is metadata all the same, in every format")
  func namesOfLists() throws {
    var graph = try graph()
    let written: [ExactName: String] = [
      "layer_names": "a,b", "layer_names0": "c", "author": "d",
    ]
    graph.facts.metadata = .entries(["layer_names": "a,b", "layer_names0": "c", "author": "d"])
    for format in CheckpointFormat.allCases {
      let path = directory.file("lists." + SampleGraphs.fileExtension(format))
      _ = try ConversionPlan(
        SampleGraphs.checkpoint(graph, format: .safetensors), named: "memory", to: path,
        options: ConversionOptions()
      ).run()
      let found = try #require(try Checkpoint.open(path).graph.facts.metadata.entries)
      // Attributes of an HDF5 file come before what is kept aside.
      #expect(found.count == 3, "\(format)")
      for (key, value) in found { #expect(written[key] == value, "\(format), \(key)") }
    }
  }

  @Test("Facts that a format has no place for get a name of their own or are listed")
  func facts() throws {
    var graph = try graph()
    graph.facts.metadata = .entries(["author": "somebody"])
    for format in CheckpointFormat.allCases {
      let path = directory.file("facts." + SampleGraphs.fileExtension(format))
      let receipt = try ConversionPlan(
        SampleGraphs.checkpoint(graph, format: .safetensors), named: "memory", to: path,
        options: ConversionOptions()
      ).run()
      #expect(receipt.omissions.isEmpty)
      #expect(try Checkpoint.open(path).graph.facts.metadata == graph.facts.metadata)
    }
  }
}
