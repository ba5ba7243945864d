import TensorEngine
import TestSupport
import Testing
import Weighbridge

@Suite("Layers that are computed again on the way back")
struct RecomputingTests {
  private let models = GuideModels()

  private struct Step {
    var values: [String: [UInt32]] = [:]
    var states: [[Float]] = []
    var memory = 0
  }

  /// The bits of loss and gradients of a step with dropout, and the pieces of memory that it took.
  private func step(_ path: String, again: Bool, freezing patterns: [String]) throws -> Step {
    let context = try ExecutionContext(threads: 2)
    var loading = LoadOptions(context: context)
    loading.learns = true
    let model = try loadLanguageModel(from: path, options: loading)
    for pattern in patterns { try model.parameters.freeze(NamePattern(pattern)) }
    let rows = [[2, 20, 30, 40, 3], [2, 50, 3, 0, 0]]
    var inputs = ModelInputs(inputIDs: try TokenArray(rows))
    inputs.attentionMask = try TokenArray([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    inputs.labels.labels = LabelArray(
      type(of: model).head == .sequenceClassification
        ? try TokenArray(dimensions: [2], elements: [1, 0]) : try TokenArray(rows))
    var options = RunOptions(
      extras: .hiddenStates, padding: .skipped, dropout: RunOptions.Dropout(seed: 3, step: 1))
    options.recomputesLayers = again
    let before = context.keptStorageCount
    let outputs = try model(inputs, options: options)
    let loss = try #require(outputs.loss)
    var result = Step()
    result.memory = context.keptStorageCount - before
    result.states = outputs.numbered("hidden_states").map(\.values)
    // The graph is walked where nothing is recorded, too.
    try withoutGradients { try loss.backward() }
    result.values["loss"] = loss.values.map(\.bitPattern)
    for parameter in model.parameters {
      result.values[parameter.name] = parameter.gradient?.values.map(\.bitPattern)
    }
    return result
  }

  @Test(
    "Loss and gradients have the same bits, in less memory",
    arguments: [
      ("bert-classifier", "bert-uncased", "bert.embeddings.*"),
      ("gpt2", "gpt2", "transformer.wpe*"),
    ], [false, true])
  func bits(_ model: (String, String, frozen: String), _ freezes: Bool) throws {
    let path = try models.directory(model.0, model.1)
    let frozen = freezes ? [model.frozen] : []
    let kept = try step(path, again: false, freezing: frozen)
    let again = try step(path, again: true, freezing: frozen)
    #expect(kept.values == again.values && kept.values.count > 20)
    #expect(kept.states == again.states && kept.states.count == 3)
    #expect(again.memory < kept.memory, "\(again.memory), \(kept.memory)")
  }

  @Test("A closure of one's own is run once more for each walk")
  func closures() throws {
    let context = try ExecutionContext(threads: 1)
    let layer = try Linear("layer", 3, 3, seed: 5, in: context)
    let input = try Tensor(rows: 2, columns: 3, [1, -2, 3, 0.5, 4, -1])
    func gradients(_ again: Bool) throws -> [[Float]] {
      let start = input.requiringGradient(in: context)
      let result =
        again
        ? try recomputing(start, in: context) { (rows) throws(CheckpointError) in
          try layer(rows, activation: .gelu, adding: rows)
        } : try layer(start, activation: .gelu, adding: start)
      let found = try TensorEngine.gradients(
        of: result, from: try Tensor(rows: 2, columns: 3, [1, 2, 3, 4, 5, 6]), for: [start])
      let parameters = layer.parameters.map { $0.gradient?.values ?? [] }
      layer.parameters.forEach { $0.clearGradient() }
      return found.map { $0?.values ?? [] } + parameters
    }
    // Those of parameters are left alone where an input's are asked for.
    let wanted = try gradients(false)
    #expect(wanted[0].count == 6 && wanted[1].isEmpty)
    #expect(try gradients(true) == wanted)
    // Where nothing needs a gradient nothing is remembered.
    layer.parameters.forEach { $0.requiresGradient = false }
    let plain = try recomputing(input, in: context) { (rows) throws(CheckpointError) in
      try layer(rows)
    }
    #expect(!plain.requiresGradient)
  }
}
