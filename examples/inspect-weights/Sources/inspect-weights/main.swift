// Opens a checkpoint of any format, lists its weights, and reads one of them; a model that can run is run.

import Weighbridge

func inspect(_ path: String) throws(CheckpointError) {
  let checkpoint = try Checkpoint.open(path)
  print("\(checkpoint.format.rawValue): \(checkpoint.graph.weights.count) tensors")
  for tie in checkpoint.graph.ties {
    let names = tie.names.map(\.string).joined(separator: " = ")
    print("  \(names)  \(tie.weight.dtype) \(tie.weight.shape)")
  }
  guard let name = checkpoint.graph.weights.keys.first, let weight = checkpoint.graph.weights[name]
  else { return }
  let values = try weight.floats()
  print("mean of \(name): \(values.reduce(0, +) / Float(max(values.count, 1)))")
}

func run(_ path: String) throws(CheckpointError) {
  let model = try loadLanguageModel(from: path)
  let outputs = try model(ModelInputs(inputIDs: TokenArray([[1, 2, 3, 4]])))
  for output in outputs.all {
    print("\(type(of: model).className): \(output.name) \(output.dimensions)")
  }
}

let path = CommandLine.arguments.dropFirst().first ?? "model.safetensors"
do {
  try inspect(path)
  try run(path)
} catch {
  print("cannot go on: \(error)")
}
