import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

@Suite struct LoadingTests {
  private let recorded: RecordedCase
  private let graph: WeightGraph

  init() throws {
    recorded = try #require(
      RecordedCase.all.first { $0.className == "BertForMaskedLM" && $0.inputs == "right" })
    graph = try weights(of: "BertForMaskedLM", in: .bert)
  }

  /// The recorded configuration with other members.
  private func settings(_ changes: [JSONValue.Member]) throws -> JSONValue {
    let members = try #require(recorded.configuration.members)
    return .object(
      members.filter { member in !changes.contains { $0.key == member.key } } + changes)
  }

  private func logits(_ weights: WeightGraph, _ settings: JSONValue? = nil) throws -> [Float] {
    let model = try BertForMaskedLM(weights: weights, document: settings ?? recorded.configuration)
    return try #require(try model(try recorded.modelInputs()).logits).values
  }

  /// A weight of one's own numbers.
  private func weight(_ values: [Float], _ dimensions: [Int]) throws -> Weight {
    let bytes = [UInt8](littleEndian: values.map(\.bitPattern))
    return Weight(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: "test"), dtype: .f32,
        layout: StridedLayout(packed: try #require(Shape(dimensions)))))
  }

  private func replacing(
    _ name: ExactName, _ change: (Weight) throws -> Weight
  ) throws -> WeightGraph {
    var changed = WeightGraph()
    for (other, weight) in graph.weights {
      try changed.insert(other == name ? try change(weight) : weight, as: other)
    }
    return changed
  }

  @Test(
    "Weights of every float type give what their values give", arguments: [DType.f16, .bf16, .f64])
  func elementTypes(_ dtype: DType) throws {
    func cast(_ graph: WeightGraph, to dtype: DType) throws -> WeightGraph {
      try graph.mapWeights { (_, weight) throws(CheckpointError) in
        return try weight.cast(to: dtype)
      }
    }
    let stored = try cast(graph, to: dtype)
    let found = try logits(stored)
    #expect(found == (try logits(try cast(stored, to: .f32))))
    #expect((found == (try logits(graph))) == (dtype == .f64))
  }

  @Test("Queries, keys and values of different types are one product all the same")
  func mixedTypes() throws {
    let mixed = try graph.mapWeights { (name, weight) throws(CheckpointError) in
      if name.string.contains("self.key.weight") { return try weight.cast(to: .bf16) }
      if name.string.contains("self.value.weight") { return try weight.cast(to: .f64) }
      return weight
    }
    let wide = try mixed.mapWeights { (_, weight) throws(CheckpointError) in
      return try weight.cast(to: .f32)
    }
    #expect(try logits(mixed) == (try logits(wide)))
    #expect(try logits(mixed) != (try logits(graph)))
  }

  @Test("Weights that are no floats are refused by name")
  func integers() throws {
    let changed = try replacing("bert.encoder.layer.1.output.dense.bias") { weight in
      Weight(
        try StoredTensor(
          source: MemoryBytes(Array(repeating: 1, count: 24), origin: "test"), dtype: .u8,
          layout: StridedLayout(packed: weight.shape)))
    }
    let error = failure { _ = try logits(changed) }
    #expect(error?.kind == .unsupported)
    #expect(error?.tensor == "bert.encoder.layer.1.output.dense.bias")
  }

  @Test(
    "A weight that is no number is found where that is asked for",
    arguments: [DType.f32, .bf16, .f16, .f64], [Float.nan, -.infinity])
  func nonFinite(_ dtype: DType, _ value: Float) throws {
    let name: ExactName = "bert.encoder.layer.0.attention.self.key.weight"
    func changed(isTransposed: Bool) throws -> WeightGraph {
      try replacing(name) { weight in
        var values = try weight.doubles.map { Float($0) }
        values[100] = value
        let (rows, columns) = (weight.shape.dimensions[0], weight.shape.dimensions[1])
        guard isTransposed else {
          return try self.weight(values, [rows, columns]).cast(to: dtype)
        }
        let order = (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
        return try self.weight(order, [columns, rows]).transposed([1, 0]).cast(to: dtype)
      }
    }
    let strict = LoadOptions(nonFinite: .refused)
    for isTransposed in [false, true] {
      let weights = try changed(isTransposed: isTransposed)
      let error = failure {
        _ = try BertForMaskedLM(
          weights: weights, document: recorded.configuration, options: strict)
      }
      #expect(error?.kind == .inconsistent)
      #expect(error?.tensor == name.string)
      #expect(error?.description.contains("element 100 is \(value)") == true)
      _ = try BertForMaskedLM(weights: weights, document: recorded.configuration)
    }
    _ = try BertForMaskedLM(
      weights: graph, document: recorded.configuration, options: strict)
  }

  @Test("A body is no model with a head")
  func missingHead() throws {
    let body = try weights(of: "BertModel", in: .bert)
    let error = failure { _ = try logits(body) }
    #expect(error?.kind == .inconsistent || error?.kind == .notFound)
  }

  @Test("A missing parameter is named")
  func missingParameter() throws {
    let name: ExactName = "bert.encoder.layer.1.output.LayerNorm.bias"
    let error = failure { _ = try logits(try graph.renamed { $0 == name ? nil : $0 }) }
    #expect(error?.kind == .notFound)
    #expect(error?.tensor == name.string)
  }

  @Test("A model with a head is also a body, and one with two heads each of them")
  func unusedHead() throws {
    let whole = try weights(of: "BertForPreTraining", in: .bert)
    let model = try BertForMaskedLM(weights: whole, document: recorded.configuration)
    let unused = model.report.entries.filter { $0.outcome == .unexpected }.flatMap(\.stored)
    #expect(
      Set(unused) == ["cls.seq_relationship.weight", "cls.seq_relationship.bias"])
    let body = try BertModel(weights: graph, document: recorded.configuration)
    let expected = try #require(
      RecordedCase.all.first { $0.className == "BertModel" && $0.name == "0-right*" })
    let outputs = try body(
      try recorded.modelInputs(), options: RunOptions(blindRows: .average))
    #expect(outputs.poolerOutput == nil)
    let reference = try #require(try expected.expected()["last_hidden_state"])
    let hidden = try #require(outputs.lastHiddenState)
    #expect(Distance(hidden, reference.values).isClose(torch: 1e-6))
    #expect(body.report.entries.contains { $0.stored == ["cls.predictions.bias"] })
  }

  @Test("A name that belongs to no head is unexpected, unless it may be ignored")
  func unexpected() throws {
    var changed = graph
    try changed.insert(try weight([1, 2], [2]), as: "bert.extra")
    let extended = changed
    #expect(failure { _ = try logits(extended) }?.tensor == "bert.extra")
    _ = try BertForMaskedLM(
      weights: extended, document: recorded.configuration,
      options: LoadOptions(mayIgnore: [NamePattern("bert.ext*")]))
  }

  @Test("An output matrix of its own is used, and needed where the configuration unties it")
  func untied() throws {
    let name: ExactName = "cls.predictions.decoder.weight"
    let words = try #require(graph.weights["bert.embeddings.word_embeddings.weight"])
    let values = try words.doubles.map { Float($0) }
    let own = try logits(graph)
    let untying = try settings([JSONValue.Member("tie_word_embeddings", .boolean(false))])
    let error = failure { _ = try logits(graph, untying) }
    #expect(error?.kind == .notFound)
    #expect(error?.tensor == name.string)
    var same = graph
    try same.insert(try weight(values, words.shape.dimensions), as: name)
    let bias = try #require(graph.weights["cls.predictions.bias"])
    try same.insert(
      try weight(try bias.doubles.map { Float($0) }, bias.shape.dimensions),
      as: "cls.predictions.decoder.bias")
    #expect(try logits(same, untying) == own)
    var other = graph
    try other.insert(try weight(values.map { $0 * 2 }, words.shape.dimensions), as: name)
    #expect(try logits(other) != own)
  }

  @Test(
    "Settings that are not those of the weights are refused",
    arguments: [
      ("num_hidden_layers", 3), ("vocab_size", 60), ("max_position_embeddings", 512),
      ("hidden_size", 48),
    ])
  func contradictions(_ key: String, _ value: Int) throws {
    let changed = try settings([JSONValue.Member(ExactName(key), .integer(value))])
    let error = failure { _ = try logits(graph, changed) }
    #expect(error?.kind == .inconsistent)
    #expect(error?.site.field == key)
  }

  @Test("Fewer layers than the weights have are the first ones; the rest is in the report")
  func fewerLayers() throws {
    let changed = try settings([JSONValue.Member("num_hidden_layers", .integer(1))])
    let model = try BertForMaskedLM(weights: graph, document: changed)
    #expect(model.info.architecture.sizes.layers == 1)
    let aside = model.report.entries.filter { $0.outcome == .dropped }.flatMap(\.stored)
    #expect(aside.filter { $0.string.hasPrefix("bert.encoder.layer.1.") }.count == 16)
    #expect(!model.report.entries.flatMap(\.parameters).contains { $0.string.contains("layer.1.") })
    #expect(model.remarks.count == 1)
    let outputs = try model(
      ModelInputs(inputIDs: TokenArray([[1, 2, 3]])), options: RunOptions(extras: .hiddenStates))
    let whole = try BertForMaskedLM(weights: graph, document: recorded.configuration)(
      ModelInputs(inputIDs: TokenArray([[1, 2, 3]])), options: RunOptions(extras: .hiddenStates))
    #expect(outputs.numbered("hidden_states").count == 2)
    #expect(outputs["hidden_states.1"]?.values == whole["hidden_states.1"]?.values)
  }

  @Test("What the reference warns of is remarked")
  func remarks() throws {
    let decoding = try settings([JSONValue.Member("is_decoder", .boolean(true))])
    #expect(
      try BertForMaskedLM(weights: graph, document: recorded.configuration).info.remarks.isEmpty)
    #expect(try BertForMaskedLM(weights: graph, document: decoding).info.remarks.count == 1)
    #expect(try BertLMHeadModel(weights: graph, document: decoding).info.remarks.isEmpty)
    #expect(
      try BertLMHeadModel(weights: graph, document: recorded.configuration).info.remarks.count == 1)
  }

  @Test("An activation that is not known is refused, and named")
  func activation() throws {
    let changed = try settings([JSONValue.Member("hidden_act", .string("gelu_from_tomorrow"))])
    let error = failure { _ = try logits(graph, changed) }
    #expect(error?.kind == .unsupported)
    #expect(error?.site.field == "hidden_act")
  }

  @Test("A summary that is no number is refused")
  func summary() throws {
    let double = try #require(RecordedCase.all.first { $0.className == "GPT2DoubleHeadsModel" })
    let members = try #require(double.configuration.members)
    let weights = try weights(of: "GPT2DoubleHeadsModel", in: .gpt2)
    for key: ExactName in ["summary_use_proj", "summary_proj_to_labels"] {
      let settings = JSONValue.object(
        members.filter { $0.key != key } + [JSONValue.Member(key, .boolean(false))])
      let error = failure {
        _ = try GPT2DoubleHeadsModel(weights: weights, document: settings)
      }
      #expect(error?.kind == .unsupported)
      #expect(error?.site.field == key.string)
    }
  }
}
