import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// Models whose matrices are read by each pass (`LoadOptions.staysInFile`).
@Suite struct StayingInFileTests {
  private static let staying: LoadOptions = {
    var options = LoadOptions()
    options.staysInFile = true
    return options
  }()

  private func sameBits(_ first: ModelOutputs, _ second: ModelOutputs) -> Bool {
    first.all.count == second.all.count
      && zip(first.all, second.all).allSatisfy { first, second in
        first.name == second.name && first.dimensions == second.dimensions
          && first.values.map(\.bitPattern) == second.values.map(\.bitPattern)
      }
  }

  @Test("A model that stays in its file computes the same bits, twice", arguments: RecordedCase.all)
  func computesTheSame(_ recorded: RecordedCase) throws {
    let graph = try weights(of: recorded.className, in: recorded.family)
    let inputs = try recorded.modelInputs()
    let expected = try load(recorded.className, recorded.configuration, graph)
      .run(inputs, recorded.options)
    let model = try load(
      recorded.className, recorded.configuration, graph, options: Self.staying)
    for _ in 0..<2 { #expect(sameBits(try model.run(inputs, recorded.options), expected)) }
  }

  @Test("In every type that weights are stored in", arguments: [DType.f16, .bf16, .f64])
  func takesOtherTypes(_ dtype: DType) throws {
    let recorded = try #require(RecordedCase.all.first { $0.className == "BertForMaskedLM" })
    let graph = try weights(of: recorded.className, in: .bert)
      .mapWeights { (_, weight) throws(CheckpointError) in try weight.cast(to: dtype) }
    let inputs = try recorded.modelInputs()
    let model = try load(
      recorded.className, recorded.configuration, graph, options: Self.staying)
    let expected = try load(recorded.className, recorded.configuration, graph)
    #expect(
      sameBits(
        try model.run(inputs, recorded.options), try expected.run(inputs, recorded.options)))
  }

  @Test func `Its parameters have their values, and can be replaced`() throws {
    let recorded = try #require(RecordedCase.all.first { $0.className == "BertForMaskedLM" })
    let graph = try weights(of: recorded.className, in: .bert)
    let inputs = try recorded.modelInputs()
    let staying = try load(
      recorded.className, recorded.configuration, graph, options: Self.staying)
    let loaded = try load(recorded.className, recorded.configuration, graph)
    for name in loaded.parameters.names {
      let parameter = try #require(loaded.parameters[name.string])
      let other = try #require(staying.parameters[name.string])
      #expect(try other.weight.doubles == (try parameter.weight.doubles), "\(name)")
    }
    let name = "bert.encoder.layer.0.output.dense.weight"
    let rounded = try #require(loaded.parameters[name]).weight.cast(to: .f16)
    for model in [staying, loaded] {
      try #require(model.parameters[name]).replace(with: rounded)
    }
    #expect(
      sameBits(
        try staying.run(inputs, recorded.options), try loaded.run(inputs, recorded.options)))
  }

  @Test func `What is no number is told by the pass that reads it`() throws {
    let recorded = try #require(RecordedCase.all.first { $0.className == "BertForMaskedLM" })
    let name: ExactName = "bert.encoder.layer.1.intermediate.dense.weight"
    var graph = WeightGraph()
    for (other, weight) in try weights(of: recorded.className, in: .bert).weights {
      guard other == name else {
        try graph.insert(weight, as: other)
        continue
      }
      var values = try weight.doubles.map { Float($0) }
      values[5] = .infinity
      let bytes = [UInt8](littleEndian: values.map(\.bitPattern))
      try graph.insert(
        Weight(
          try StoredTensor(
            source: MemoryBytes(bytes, origin: "test"), dtype: .f32,
            layout: StridedLayout(packed: weight.shape))), as: other)
    }
    var options = Self.staying
    options.nonFinite = .refused
    let model = try load(recorded.className, recorded.configuration, graph, options: options)
    let inputs = try recorded.modelInputs()
    let error = failure { _ = try model.run(inputs, recorded.options) }
    #expect(error?.kind == .inconsistent)
    #expect(error?.tensor == name.string)
    #expect(error?.problem == "element 5 is inf")
  }

  @Test func `A token that the table does not have is told as it is of a loaded table`() throws {
    let recorded = try #require(RecordedCase.all.first { $0.className == "BertModel" })
    let graph = try weights(of: recorded.className, in: .bert)
    let inputs = ModelInputs(inputIDs: try TokenArray([[1, 1_000_000]]))
    let errors = try [Self.staying, LoadOptions()].map { options in
      let model = try load(recorded.className, recorded.configuration, graph, options: options)
      return failure { _ = try model.run(inputs, RunOptions()) }
    }
    #expect(errors[0] != nil)
    #expect(errors[0]?.description == errors[1]?.description)
  }
}
