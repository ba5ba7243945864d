// Opens a checkpoint of any format, lists its weights, and reads one of them.

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

do {
  try inspect(CommandLine.arguments.dropFirst().first ?? "model.safetensors")
} catch {
  print("cannot open it: \(error)")
}
