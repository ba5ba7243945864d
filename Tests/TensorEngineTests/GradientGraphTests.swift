import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// What is recorded, how it is walked, and what becomes of it. The numbers are small integers, so that all results are exact.
@Suite struct GradientGraphTests {
  private let context: ExecutionContext

  init() throws {
    context = try #require(Contexts.all.first)
  }

  private func parameter(_ rows: Int, _ columns: Int, _ values: [Float]) throws -> Parameter {
    Parameter("w", try StoredMatrix(rows: rows, columns: columns, values))
  }

  private func number(_ value: Float) throws(CheckpointError) -> Tensor {
    try Tensor(rows: 1, columns: 1, [value])
  }

  private func expect(
    _ kind: FailureKind, _ operation: String, _ argument: String,
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    #expect(
      throws: CheckpointError(kind, operation, argument, ""), sourceLocation: sourceLocation,
      performing: body)
  }

  @Test("Gradients add up until they are cleared")
  func accumulation() throws {
    let weight = try parameter(1, 2, [2, 3])
    let weights = try LinearWeights([weight])
    let input = try Tensor(rows: 1, columns: 2, [5, 7])
    #expect(weight.gradient == nil)
    for round in 1...3 {
      let loss = try linear(input, weights, in: context)
      #expect(loss.values == [31])
      try loss.backward()
      #expect(weight.gradient?.values == [5, 7].map { $0 * Float(round) })
    }
    weight.clearGradient()
    #expect(weight.gradient == nil)
  }

  @Test("Nothing is recorded where no gradient is needed")
  func inference() throws {
    let frozen = Parameter(
      "w", try StoredMatrix(rows: 1, columns: 1, [2]), requiresGradient: false)
    let result = try linear(number(3), LinearWeights([frozen]), in: context)
    #expect(!result.requiresGradient && result.values == [6])
    #expect(try !frozen.tensor(in: context).requiresGradient)
    expect(.inconsistent, "backward", "tensor") { try result.backward() }
    let weight = try parameter(1, 1, [2])
    let detached = try linear(number(3), LinearWeights([weight]), in: context).detached
    #expect(!detached.requiresGradient)
    expect(.inconsistent, "backward", "tensor") { try detached.backward() }
    // Thawed, it takes part.
    frozen.requiresGradient = true
    try linear(number(3), LinearWeights([frozen]), in: context).backward()
    #expect(frozen.gradient?.values == [3])
  }

  @Test("Frozen parameters get no gradient, and pass those of others on")
  func freezing() throws {
    let first = try parameter(1, 1, [2])
    let (second, bias) = (try parameter(1, 1, [5]), try parameter(1, 1, [1]))
    second.requiresGradient = false
    let hidden = try linear(number(3), LinearWeights([first]), in: context)
    let loss = try linear(hidden, LinearWeights([second], biases: [bias]), in: context)
    try loss.backward()
    #expect(first.gradient?.values == [15])
    #expect(second.gradient == nil)
    #expect(bias.gradient?.values == [1])
    // The same through a weight that was only ever packed.
    let packed = try LinearWeights(PackedMatrix(outputs: 1, inputs: 1, [7], in: context))
    try linear(
      linear(number(3), LinearWeights([first]), in: context), packed, in: context
    ).backward()
    #expect(first.gradient?.values == [15 + 21])
  }

  @Test("Weights side by side each get their own gradient, in their own shape")
  func joined() throws {
    for layout in [PackedMatrix.Layout.outputByInput, .inputByOutput] {
      let isOutputFirst = layout == .outputByInput
      let weights = try [1, 2].map { outputs in
        try parameter(
          isOutputFirst ? outputs : 2, isOutputFirst ? 2 : outputs,
          (0..<2 * outputs).map { Float($0) })
      }
      let biases = [try parameter(1, 1, [1]), try parameter(1, 2, [1, 1])]
      biases[0].requiresGradient = false
      let input = try Tensor(rows: 2, columns: 2, [1, 10, 2, 20])
      let result = try linear(
        input, LinearWeights(weights, biases: biases, layout: layout), in: context)
      try result.backward(from: Tensor(rows: 2, columns: 3, [1, 2, 3, 4, 5, 6]))
      // Of output j: Σ over rows of its gradient times the input.
      let expected: [[Float]] = [[9, 90], [12, 120], [15, 150]]
      let second =
        isOutputFirst
        ? expected[1] + expected[2]
        : [expected[1][0], expected[2][0], expected[1][1], expected[2][1]]
      #expect(weights[0].gradient?.values == expected[0])
      #expect(weights[1].gradient?.values == second)
      #expect(biases[0].gradient == nil)
      #expect(biases[1].gradient?.values == [7, 9])
    }
  }

  @Test("A graph is walked once, whole or in part")
  func usedGraphs() throws {
    let weight = try parameter(1, 1, [2])
    let weights = try LinearWeights([weight])
    let hidden = try linear(number(3), weights, in: context)
    let losses = try (0..<2).map { _ in try linear(hidden, weights, in: context) }
    try losses[0].backward()
    // d(w · w · 3)/dw = 2 · w · 3
    #expect(weight.gradient?.values == [12])
    expect(.inconsistent, "backward", "linear") { try losses[0].backward() }
    // The part that both share is gone. Nothing is added before that is known.
    expect(.inconsistent, "backward", "linear") { try losses[1].backward() }
    #expect(weight.gradient?.values == [12])
  }

  @Test("An input serves any number of graphs, each of which is walked once")
  func sharedInputs() throws {
    let input = try number(3).requiringGradient(in: context)
    let results = try [2, 5].map { factor in try scale(input, by: factor, in: context) }
    #expect(try gradients(of: results[0], for: [input])[0]?.values == [2])
    #expect(try gradients(of: results[1], for: [input])[0]?.values == [5])
    expect(.inconsistent, "backward", "scale") { _ = try gradients(of: results[1], for: [input]) }
    let later = try scale(input, by: 7, in: context)
    #expect(try gradients(of: later, for: [input])[0]?.values == [7])
  }

  @Test("What norms and activations give is made again for the products behind them, and not kept")
  func repeated() throws {
    // Nobody else's memory is to be counted.
    let context = try ExecutionContext(threads: 1)
    var generator = SeededGenerator(seed: 7)
    let weights = try (0..<2).map { _ in try parameter(8, 8, generator.floats(64)) }
    let rows = try (0..<2).map { _ in try parameter(1, 8, generator.floats(8)) }
    let (first, second) = (try LinearWeights([weights[0]]), try LinearWeights([weights[1]]))
    let norm = try LayerNormWeights(weight: rows[0], bias: rows[1], epsilon: 1e-5)
    let input = try generator.tensor(4, 8)
    typealias Middle = (Tensor) throws -> Tensor

    /// The storages in use after the way forward, whether what lies between is held by the caller or not.
    func used(_ middle: Middle) throws -> (held: Int, alone: Int) {
      func pass() throws -> (hidden: Tensor, result: Tensor) {
        let hidden = try middle(input)
        return (hidden, try linear(hidden, second, in: context))
      }
      func count(_ kept: some Any) -> Int {
        context.releaseUnusedMemory()
        return withExtendedLifetime(kept) { context.keptStorageCount }
      }
      return (count(try pass()), count(try pass().result))
    }
    func gradients(_ middle: Middle) throws -> [[Float]?] {
      (weights + rows).forEach { $0.clearGradient() }
      try linear(try middle(input), second, in: context).backward(from: input)
      return (weights + rows).map { $0.gradient?.values }
    }
    let repeated: [Middle] = [
      { try linear($0, first, activation: .gelu, in: context) },
      { try layerNorm($0, norm, in: context) },
      { try activate(try linear($0, first, in: context), .silu, in: context) },
    ]
    for middle in repeated {
      let storages = try used(middle)
      #expect(storages.held == storages.alone + 1)
      // A view is not made again.
      let kept: Middle = { try middle($0).rows(0..<4) }
      #expect(try used(kept).held == used(kept).alone)
      #expect(try gradients(middle) == gradients(kept))
    }
    // Neither is a sum.
    let sum: Middle = { try linear($0, first, activation: .gelu, adding: input, in: context) }
    #expect(try used(sum).held == used(sum).alone)
    #expect(try gradients(sum) == gradients { try sum($0).rows(0..<4) })
  }

  @Test("The shape of a result decides what backward needs")
  func shapes() throws {
    let weights = try LinearWeights([try parameter(2, 1, [2, 3])])
    let result = try linear(number(1), weights, in: context)
    expect(.mismatch, "backward", "tensor") { try result.backward() }
    expect(.mismatch, "backward", "gradient") { try result.backward(from: number(1)) }
    try result.backward(from: Tensor(rows: 1, columns: 2, [1, 1]))
  }

  @Test("Views give their gradients to the whole")
  func views() throws {
    let x = try parameter(3, 3, [1, 2, 3, 4, 5, 6, 7, 8, 9])
    let whole = try x.tensor(in: context)
    let sum = try LinearWeights(PackedMatrix(outputs: 1, inputs: 2, [1, 10], in: context))
    let view = try whole.rows(1..<3).columns(0..<2)
    let other = try whole.columns(1..<3).rows(0..<2)
    try linear(view, sum, adding: linear(other, sum, in: context), in: context)
      .backward(from: Tensor(rows: 2, columns: 1, [1, 2]))
    #expect(x.gradient?.values == [0, 1, 10, 1, 10 + 2, 20, 2, 20, 0])
  }

  @Test("Any control flow is followed, also to depths that no recursion would reach")
  func depth() throws {
    let weight = try parameter(1, 1, [1])
    let weights = try LinearWeights([weight])
    // Views are nodes without memory of their own.
    func chain() throws -> Tensor {
      var value = try number(1)
      for step in 0..<300_000 {
        if step % 1000 == 0 { value = try linear(value, weights, in: context) }
        value = try step % 2 == 0 ? value.rows(0..<1) : value.columns(0..<1)
      }
      return value
    }
    try chain().backward()
    #expect(weight.gradient?.values == [300])
    // Let go without a walk.
    #expect(try chain().values == [1])
  }

  @Test("Walking frees what was remembered as it goes")
  func freeing() throws {
    let own = try ExecutionContext(threads: 1)
    let weights = try LinearWeights([
      Parameter("w", try StoredMatrix(rows: 64, columns: 64, [Float](repeating: 0, count: 4096)))
    ])
    var kept: Int?
    for round in 0..<6 {
      var value = try Tensor(rows: 64, columns: 64, [Float](repeating: 1, count: 4096))
      for _ in 0..<10 { value = try linear(value, weights, activation: .gelu, in: own) }
      try value.backward(from: value.detached)
      if round == 2 { kept = own.keptStorageCount }
      if round > 2 { #expect(own.keptStorageCount == kept) }
    }
  }

  @Test("What was computed keeps the values that it was computed with; what comes is packed anew")
  func replacing() throws {
    let (inner, outer) = (try parameter(1, 1, [2]), try parameter(1, 1, [5]))
    let weights = try LinearWeights([outer])
    let loss = try linear(
      linear(number(3), LinearWeights([inner]), in: context), weights, in: context)
    try outer.replace(StoredMatrix(rows: 1, columns: 1, [100]))
    try loss.backward()
    #expect(inner.gradient?.values == [15])
    #expect(try linear(number(3), weights, in: context).values == [300])
    expect(.mismatch, "Parameter.replace", "w") {
      try outer.replace(StoredMatrix(rows: 1, columns: 2, [1, 2]))
    }
    expect(.mismatch, "Parameter.replace", "w") {
      try outer.replace(StoredMatrix(rows: 1, columns: 1, element: .bfloat16))
    }
  }

  @Test("Parameters of two bytes learn in float32")
  func storedTypes() throws {
    let values = try StoredMatrix(rows: 1, columns: 2, element: .bfloat16)
    unsafe values.fill(in: context) { (_, bytes) in
      // 1.5 and -2.
      unsafe bytes.copyBytes(from: [UInt8](littleEndian: [0x3FC0, 0xC000] as [UInt16]))
    }
    let weight = Parameter("w", values)
    let hidden = try parameter(1, 2, [1.0001, 7])
    let loss = try linear(hidden.tensor(in: context), LinearWeights([weight]), in: context)
    try loss.backward()
    #expect(hidden.gradient?.values == [1.5, -2])
    #expect(weight.gradient?.values == [1.0001, 7])
    #expect(try weight.tensor(in: context).requiresGradient)
  }

  @Test("Several tasks add to one parameter at the same time, and none is lost")
  func concurrency() async throws {
    let weight = try parameter(1, 1, [2])
    let weights = try LinearWeights([weight])
    let context = context
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<50 {
            try linear(Tensor(rows: 1, columns: 1, [1]), weights, in: context).backward()
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(weight.gradient?.values == [400])
  }

  @Test("Operators without a derivative refuse what needs one, by name")
  func refusals() throws {
    let x = try parameter(1, 1, [1]).tensor(in: context)
    let one = try number(1)
    let batch = try RaggedBatch(lengths: [1])
    expect(.unsupported, "LayerNormWeights", "weight") {
      _ = try LayerNormWeights(weight: x, bias: one, epsilon: 1)
    }
    expect(.unsupported, "LayerNormWeights", "bias") {
      _ = try LayerNormWeights(weight: one, bias: x, epsilon: 1)
    }
    expect(.unsupported, "LinearWeights", "bias") {
      _ = try LinearWeights(PackedMatrix(outputs: 1, inputs: 1, [1], in: context), bias: x)
    }
    expect(.unsupported, "binaryCrossEntropy", "target") {
      _ = try binaryCrossEntropy(logits: one, x, in: context)
    }
    expect(.unsupported, "attention", "added[0]") {
      _ = try attention(
        query: one, key: one, value: one, heads: 1, scale: 1, batch,
        mask: AttentionMask(added: [x]), in: context)
    }
    let cache = try KeyValueCache(sequences: 1, heads: 1, headSize: 1)
    expect(.unsupported, "KeyValueCache.append", "key") {
      try cache.append(key: x, value: one, batch, in: context)
    }
    expect(.unsupported, "KeyValueCache.append", "value") {
      try cache.append(key: one, value: x, batch, in: context)
    }
    try cache.append(key: one, value: one, batch, in: context)
    expect(.unsupported, "attention", "query") {
      _ = try attention(query: x, cache, scale: 1, batch, in: context)
    }
    // Where nothing is recorded, nothing is refused.
    try withoutGradients {
      _ = try attention(query: x, cache, scale: 1, batch, in: context)
    }
  }

  @Test("Without gradients nothing is recorded, whatever needs them")
  func evaluation() throws {
    let weight = try parameter(1, 1, [2])
    let weights = try LinearWeights([weight])
    let inside = try withoutGradients {
      try add(linear(number(3), weights, in: context), weight.tensor(in: context), in: context)
    }
    #expect(!inside.requiresGradient && inside.values == [8])
    #expect(try linear(number(3), weights, in: context).requiresGradient)
    expect(.mismatch, "add", "right") {
      try withoutGradients { () throws(CheckpointError) in
        _ = try add(number(1), try Tensor(rows: 1, columns: 2, [1, 2]), in: context)
      }
    }
  }

  @Test(
    "Gradients of inputs and of results in between are given, and those of parameters left alone")
  func inputGradients() throws {
    let weight = try parameter(1, 2, [2, 3])
    let x = try Tensor(rows: 1, columns: 2, [5, 7]).requiringGradient(in: context)
    let other = try number(1).requiringGradient(in: context)
    let middle = try multiply(x, x, in: context)
    let score = try linear(middle, LinearWeights([weight]), in: context)
    let found = try gradients(of: score, for: [x, middle, other])
    #expect(found.map { $0?.values } == [[20, 42], [2, 3], nil])
    #expect(weight.gradient == nil)
    expect(.inconsistent, "backward", "linear") { _ = try gradients(of: score, for: [x]) }
    expect(.inconsistent, "gradients", "inputs[1]") {
      _ = try gradients(of: score, for: [x, try number(1)])
    }
  }

  @Test("A network of one's own learns")
  func network() throws {
    let first = try Linear("first", 2, 5, in: context)
    let second = try Linear("second", 5, 1, in: context)
    let optimizer = SGD(
      first.parameters + second.parameters, learningRate: 0.1, momentum: 0.9, in: context)
    let x = try Tensor(rows: 4, columns: 2, [0, 0, 0, 1, 1, 0, 1, 1])
    let y = try Tensor(rows: 4, columns: 1, [0, 1, 1, 0])
    var losses: [Float] = []
    for _ in 0..<300 {
      let loss = try meanSquaredError(second(first(x, activation: .tanh)), y, in: context)
      try loss.backward()
      try optimizer.step()
      optimizer.zeroGradients()
      losses += loss.values
    }
    #expect(losses[0] > 0.2 && losses[299] < 0.01, "\(losses[299])")
  }

  @Test("Parameters that make no layer are refused")
  func layers() throws {
    let weight = try parameter(2, 1, [1, 2])
    expect(.mismatch, "LinearWeights", "weights") { _ = try LinearWeights([] as [Parameter]) }
    expect(.mismatch, "LinearWeights", "w") {
      _ = try LinearWeights([weight, try parameter(1, 3, [1, 2, 3])])
    }
    expect(.mismatch, "LinearWeights", "w") {
      _ = try LinearWeights([weight], biases: [try parameter(1, 3, [1, 2, 3])])
    }
    expect(.mismatch, "LinearWeights", "biases") {
      _ = try LinearWeights([weight, weight], biases: [try parameter(1, 2, [1, 2])])
    }
    let half = Parameter("w", try StoredMatrix(rows: 2, columns: 1, element: .float16))
    expect(.mismatch, "LinearWeights", "w") { _ = try LinearWeights([weight, half]) }
    let weights = try LinearWeights([weight], biases: [try parameter(1, 2, [1, 2])])
    #expect(weights.parameters.map(\.name) == ["w", "w"])
    #expect(weights.parameters.first === weight)
    expect(.mismatch, "StoredMatrix", "values") {
      _ = try StoredMatrix(rows: 2, columns: 2, [1])
    }
  }
}
