public import CheckpointBytes
internal import TensorValues
public import WeightGraph

extension Weight {
  /// The elements as 32-bit floats, packed in row-major order.
  ///
  /// Reads the whole weight into memory. Real types are converted as PyTorch's `Tensor.to(torch.float32)` converts them;
  /// float64 is rounded.
  /// - Throws: `unsupported` for types that are not real; what reading throws.
  public func floats() throws(CheckpointError) -> [Float] {
    let bytes = try cast(to: .f32).packedBytes()
    return unsafe bytes.withUnsafeBytes { buffer in
      (0..<shape.elementCount).map {
        unsafe Float(bitPattern: buffer.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))
      }
    }
  }

  /// The packed little-endian bytes of all elements in row-major order.
  ///
  /// Reads the whole weight into memory; `Weight/read(at:into:)` reads in pieces.
  public func packedBytes() throws(CheckpointError) -> [UInt8] {
    try unsafe withNewBytes(count: byteCount) { (buffer) throws(CheckpointError) in
      try unsafe read(at: 0, into: buffer)
    }
  }
}
