import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorEngine
import TensorValues
import Testing
import WeightGraph

/// What a model says of its parameters. The numbers are those of fixtures that torch wrote.
@Suite struct ParameterSetTests {
  private static let classes = ModelClass.names.compactMap { name in
    RecordedCase.all.first {
      $0.className == name && $0.configuration["is_decoder"] != .boolean(true)
    }
  }

  private func model(
    _ className: String, _ transform: (Weight) throws -> Weight = { $0 }
  ) throws -> (model: any LanguageModel, weights: WeightGraph) {
    let recorded = try #require(Self.classes.first { $0.className == className })
    var graph = WeightGraph()
    for (name, weight) in try weights(of: className, in: recorded.family).weights {
      try graph.insert(try transform(weight), as: name)
    }
    return (try load(className, recorded.configuration, graph), graph)
  }

  private func architecture(of model: some LanguageModel) -> ModelArchitecture {
    model.info.architecture
  }

  private func bytes(_ weight: Weight) throws -> [UInt8] {
    try unsafe withNewBytes(count: weight.byteCount) { (buffer) throws(CheckpointError) in
      try unsafe weight.read(at: 0, into: buffer)
    }
  }

  @Test("Every class has the parameters of its architecture, in order, with shapes, ties once")
  func architectures() throws {
    #expect(Self.classes.count >= 27)
    for recorded in Self.classes {
      let (model, stored) = try model(recorded.className)
      let parameters = model.parameters
      let described = architecture(of: model).parameters
      #expect(parameters.names == described.map(\.name), "\(recorded.className)")
      for parameter in described {
        #expect(parameters[parameter.name.string]?.shape == parameter.shape)
      }
      let tied = described.filter { $0.tiedTo != nil }
      #expect(parameters.count == described.count - tied.count)
      for alias in tied {
        #expect(parameters[alias.name.string] === parameters[try #require(alias.tiedTo).string])
        #expect(parameters.aliases[alias.name] == alias.tiedTo)
      }
      // As torch counts: each tensor of the file once.
      let counted = described.filter { $0.tiedTo == nil }.map {
        stored.weights[$0.name]?.shape.elementCount ?? 0
      }
      #expect(parameters.elementCount == counted.reduce(0, +) && !counted.contains(0))
      #expect(parameters.byteCount == 4 * parameters.elementCount)
    }
  }

  @Test(
    "Parameters are what was read, bit for bit, in every type that a file may have",
    arguments: [DType.f32, .bf16, .f16, .f64, .f8E4M3, .f8E5M2])
  func bits(_ dtype: DType) throws {
    for recorded in Self.classes {
      let (model, stored) = try model(recorded.className) { try $0.cast(to: dtype) }
      let graph = try model.parameters.graph()
      // Float64 is rounded where it is read; every other type comes back as it was.
      let kept = dtype == .f64 ? .f32 : dtype
      for (name, weight) in graph.weights {
        #expect(weight.dtype == kept, "\(recorded.className) \(name)")
        guard let source = stored.weights[name] else { continue }
        #expect(try bytes(weight) == bytes(source.cast(to: kept)), "\(recorded.className) \(name)")
      }
    }
  }

  @Test("Queries, keys and values of several types are computed in float32 and keep their own")
  func mixed() throws {
    let recorded = try #require(Self.classes.first { $0.className == "BertModel" })
    let key = ExactName("encoder.layer.0.attention.self.key.weight")
    let graph = try weights(of: "BertModel", in: recorded.family).mapWeights {
      (name, weight) throws(CheckpointError) in
      return name == key ? try weight.cast(to: .bf16) : weight
    }
    let model = try load("BertModel", recorded.configuration, graph)
    let parameter = try #require(model.parameters[key.string])
    #expect(parameter.dtype == .f32 && model.parameters.storedType(of: parameter) == .bf16)
    let saved = try #require(try model.parameters.graph().weights[key])
    #expect(saved.dtype == .bf16)
    #expect(try bytes(saved) == bytes(try #require(graph.weights[key])))
    // What was replaced may be more than the type of the file holds.
    try parameter.replace(
      with: try #require(graph.weights[ExactName("encoder.layer.0.attention.self.query.weight")]))
    #expect(model.parameters.storedType(of: parameter) == .f32)
  }

  @Test("Parameters are frozen until they are unfrozen, by patterns that must match")
  func freezing() throws {
    let parameters = try model("BertForMaskedLM").model.parameters
    #expect(parameters.trainableElementCount == 0)
    #expect(try parameters.unfreeze() == parameters.count)
    #expect(parameters.trainableElementCount == parameters.elementCount)
    let embeddings = try parameters.freeze(NamePattern("bert.embeddings.*"))
    #expect(embeddings == 5)
    let frozen = parameters.filter { !$0.requiresGradient }
    #expect(frozen.allSatisfy { $0.name.hasPrefix("bert.embeddings.") } && frozen.count == 5)
    #expect(parameters.trainableElementCount == parameters.elementCount - frozen.elementCount)
    // By the name that it is tied under.
    #expect(try parameters.unfreeze(NamePattern("cls.predictions.decoder.weight")) == 1)
    #expect(parameters["bert.embeddings.word_embeddings.weight"]?.requiresGradient == true)
    let error = failure { try parameters.freeze(NamePattern("bert.*"), NamePattern("encoder.*")) }
    #expect(error?.kind == .inconsistent && error?.description.contains("encoder.*") == true)
    #expect(parameters["bert.pooler.dense.weight"] == nil)
    #expect(parameters["bert.encoder.layer.0.output.dense.bias"]?.requiresGradient == true)
  }

  @Test("A model computes with the values that its parameters have")
  func replacing() throws {
    for recorded in Self.classes
    where recorded.className.hasSuffix("ForMaskedLM") || recorded.className == "GPT2LMHeadModel" {
      let (first, _) = try model(recorded.className)
      // The same weights, all of them negated and then some.
      let (other, changed) = try model(recorded.className) { weight in
        let floats = try weight.doubles.enumerated().map { Float($1) * -1.5 + Float($0 % 3) / 16 }
        let bytes = unsafe floats.withUnsafeBytes { unsafe Array($0) }
        return Weight(
          try StoredTensor(
            source: MemoryBytes(bytes, origin: "test"), dtype: .f32,
            layout: StridedLayout(packed: weight.shape)))
      }
      let inputs = try recorded.modelInputs()
      func values(_ model: any LanguageModel) throws -> [[Float]] {
        try model.run(inputs, RunOptions()).all.map(\.values)
      }
      let before = try values(first)
      #expect(try values(other) != before)
      for parameter in first.parameters {
        let name = ExactName(parameter.name)
        try parameter.replace(with: try #require(changed.weights[name]))
      }
      #expect(try values(first) == values(other), "\(recorded.className)")
      let parameter = try #require(first.parameters.first)
      let wrong = failure {
        try parameter.replace(with: try #require(first.parameters.last).weight)
      }
      #expect(wrong?.kind == .mismatch && wrong?.tensor == parameter.name)
    }
  }

  @Test("Two models made of the same weights have parameters of their own")
  func own() throws {
    let recorded = try #require(Self.classes.first { $0.className == "BertModel" })
    let graph = try weights(of: "BertModel", in: recorded.family)
    let recognized = try RecognizedModel(graph, family: recorded.family, head: .base)
    let bound = try ModelParameters<BertConfig>(
      try BoundModel(graph, as: recognized), configuration: BertConfig(recorded.configuration))
    let models = [try BertModel(bound), try BertModel(bound)]
    try models[0].parameters.unfreeze()
    #expect(models[1].parameters.trainableElementCount == 0)
    #expect(models[0].parameters[0] !== models[1].parameters[0])
  }

  @Test("A model whose parameters learn computes what it computed before")
  func learning() throws {
    let (model, _) = try model("BertModel")
    let recorded = try #require(Self.classes.first { $0.className == "BertModel" })
    let inputs = try recorded.modelInputs()
    let before = try model.run(inputs, RunOptions()).lastHiddenState?.values
    try model.parameters.unfreeze()
    #expect(try model.run(inputs, RunOptions()).lastHiddenState?.values == before)
  }

  @Test("Parameters of several parts are a set too, if their names differ")
  func sets() throws {
    let parameters = try model("BertModel").model.parameters
    let some = try ParameterSet(Array(parameters.prefix(3)) + parameters.prefix(2))
    #expect(some.map(\.name) == parameters.prefix(3).map(\.name))
    let twin = Parameter(parameters[0].name, try StoredMatrix(rows: 1, columns: 1, [1]))
    let error = failure { _ = try ParameterSet(Array(parameters.prefix(1)) + [twin]) }
    #expect(error?.kind == .inconsistent && error?.tensor == parameters[0].name)
  }

  @Test("Settings that were changed are stated, all others are the file's")
  func settings() throws {
    for recorded in Self.classes {
      let type = try #require(ModelClass(named: recorded.className)).type
      func check<Model: LanguageModel>(_: Model.Type) throws {
        let file = recorded.configuration.setting("of nobody", to: .integer(3))
        let settings = try Model.Configuration(file, file: nil)
        #expect(try settings.document == file)
      }
      try check(type)
    }
    var settings = try BertConfig(
      try JSONValue(
        parsing: Array(
          #"{"model_type":"bert","hidden_size":24,"x":1,"eos_token_id":[1,2],"num_labels":4}"#.utf8),
        context: "test"))
    settings.layerCount = 2
    settings.labels = ClassLabels(count: 2, names: [0: "no", 1: "yes"])
    settings.layerNormEpsilon = 1e-7
    settings.blindRows = .average
    let document = try settings.document
    #expect(try BertConfig(document) == settings)
    #expect(document["x"] == .integer(1) && document["num_hidden_layers"] == .integer(2))
    #expect(document["id2label"]?["1"] == .string("yes") && document["num_labels"] == nil)
    settings.normsLastHiddenState = true
    let error = failure { _ = try settings.document }
    #expect(error?.kind == .unsupported)
  }
}
