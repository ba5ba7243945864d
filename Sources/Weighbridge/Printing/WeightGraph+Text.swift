internal import CheckpointBytes
public import Checkpoints
internal import TensorValues
public import WeightGraph

extension Weight: CustomStringConvertible {
  /// Type, extents and the bytes of the elements: `F32 [32, 32], 4.10 KB`.
  public var description: String { "\(dtype) \(shape), \(ByteSize.text(byteCount))" }
}

extension WeightGraph: CustomStringConvertible {
  /// How many weights there are, and their bytes, tied ones counted once: `42 tensors, 91.8 KB`.
  public var description: String {
    "\(counted(weights.count, "tensor")), \(ByteSize.text(storedByteCount))"
  }
}

extension Checkpoint: CustomStringConvertible {
  /// Where it was read from, as what, and how much it holds: `model.safetensors: safetensors (safetensors), 42 tensors, 91.8 KB`.
  public var description: String {
    let source = files.first.map { singleLine($0) + ": " } ?? ""
    return "\(source)\(format.rawValue) (\(singleLine(container))), \(graph)"
  }
}
