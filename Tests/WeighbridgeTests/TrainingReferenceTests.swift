import Foundation
import TensorEngine
import TestSupport
import Testing
import Weighbridge

/// What `scripts/interop train` compares with torch: losses, gradients, and parameters after steps, of the models of a directory.
@Suite("Training beside the reference")
struct TrainingReferenceTests {
  private static let steps = 5

  @Test(
    "For torch, every class",
    .enabled(if: Self.environment != nil, "scripts/interop train names the directories"))
  func reference() throws {
    let (source, destination) = try #require(Self.environment)
    for name in try Directory.names(in: source) {
      let directory = Directory.join(source, name)
      let className = String(name.split(separator: " ")[0])
      let inputs = try ModelInputs(opening: Directory.join(directory, "inputs.safetensors"))
      var graph = WeightGraph()
      var losses: [Float] = []

      func loaded() throws -> any LanguageModel {
        var options = LoadOptions()
        options.learns = true
        return try loadLanguageModel(
          from: Directory.join(directory, "model"), class: className, options: options)
      }
      func step(_ model: any LanguageModel) throws {
        let outputs = try model(inputs)
        let found = outputs.loss
        var loss = try #require(found)
        if let choice = outputs.choiceLoss { loss = try add(loss, choice, in: model.context) }
        losses += loss.values
        try loss.backward()
      }
      func insert(
        _ kind: String, _ model: any LanguageModel, _ values: (Parameter) throws -> [Float]
      )
        throws
      {
        for parameter in model.parameters {
          try graph.insert(
            try Weight(values(parameter), shape: parameter.extents),
            as: ExactName("\(kind)/\(parameter.name)"))
        }
      }

      let model = try loaded()
      try step(model)
      try insert("gradient", model) { parameter in
        parameter.gradient?.values ?? Array(repeating: 0, count: parameter.elementCount)
      }
      for kind in ["sgd", "adamw"] {
        let model = try loaded()
        let context = model.context
        let optimizer: any Optimizer =
          kind == "sgd"
          ? SGD(Array(model.parameters), learningRate: 0.01, momentum: 0.9, in: context)
          : Adam(
            [ParameterGroup(Array(model.parameters), weightDecay: 0.1)], learningRate: 0.001,
            settings: Adam.Settings(epsilon: 1e-4), in: context)
        for _ in 0..<Self.steps {
          try step(model)
          try optimizer.step()
          optimizer.zeroGradients()
        }
        try insert(kind, model) { try $0.values.tensor(in: context).values }
      }
      try graph.insert(try Weight(losses), as: "loss/all")
      try graph.write(to: Directory.join(destination, name + ".safetensors"))
    }
  }

  private static let environment: (source: String, destination: String)? = {
    let variables = ProcessInfo.processInfo.environment
    guard let source = variables["WEIGHBRIDGE_TRAINED_FROM"],
      let destination = variables["WEIGHBRIDGE_TRAINED_TO"]
    else { return nil }
    return (source, destination)
  }()
}
