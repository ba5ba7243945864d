// Opens a checkpoint of any format, lists its weights, and reads one of them.

import Weighbridge

let path = CommandLine.arguments.dropFirst().first ?? "model.safetensors"
do {
  let checkpoint = try Checkpoint.open(path)
  print("\(checkpoint.format.rawValue): \(checkpoint.graph.weights.count) tensors")
  for tie in checkpoint.graph.ties {
    let names = tie.names.map(\.string).joined(separator: " = ")
    print("  \(names)  \(tie.weight.dtype) \(tie.weight.shape)")
  }
  if let (name, weight) = checkpoint.graph.weights.elements.first(where: {
    $0.value.dtype.category == .real
  }) {
    let values = try weight.floats()
    let mean = values.reduce(0, +) / Float(max(values.count, 1))
    print("mean of \(name): \(mean)")
  }
} catch let error as CheckpointError {
  print("cannot open it: \(error)")
}
