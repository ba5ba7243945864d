public import CheckpointBytes
public import TensorEngine
public import TensorValues
public import WeightGraph

extension Parameter {
  /// The extents: `[out, in]` of a linear layer, `[in, out]` of GPT-2's Conv1D, `[n]` of a bias.
  public var shape: Shape {
    // Of numbers that are in memory.
    Shape(extents) ?? .scalar
  }

  /// The type that the numbers are kept in: F32, BF16 or F16.
  public var dtype: DType { element.dtype }

  /// The values as a weight, which is read like one of a file. Nothing is copied before; values that are replaced later are not
  /// in it.
  public var weight: Weight {
    get throws(CheckpointError) {
      Weight(
        try StoredTensor(
          source: ParameterBytes(contents, name), dtype: dtype,
          layout: StridedLayout(packed: shape)))
    }
  }

  /// Sets other values, read and converted now: a weight of a file, another parameter's, one that was made of numbers.
  ///
  /// Values in a type of less precision are rounded as ``WeightGraph/Weight/cast(to:)`` does.
  /// - Throws: `mismatch` for another shape, `unsupported` for numbers that are not real, what reading throws; the values stay
  ///   what they are then.
  public func replace(with weight: Weight) throws(CheckpointError) {
    guard weight.shape == shape else {
      throw CheckpointError(
        .mismatch, tensor: name,
        "expected the shape \(shape), found \(weight.shape)")
    }
    let cast: Weight
    do throws(CheckpointError) {
      cast = try weight.cast(to: dtype)
    } catch {
      throw error.about(ExactName(name))
    }
    let values = try StoredMatrix(rows: rows, columns: columns, element: element)
    try unsafe values.withBytes { (bytes) throws(CheckpointError) in
      try unsafe cast.read(at: 0, into: bytes)
    }
    try replace(values)
  }
}

extension StoredElement {
  /// The type in a checkpoint.
  var dtype: DType {
    switch self {
    case .float32: .f32
    case .bfloat16: .bf16
    case .float16: .f16
    // Steps without their scales; what is loaded keeps none.
    case .int8: .i8
    }
  }
}

/// A parameter's numbers as stored bytes, wherever they lie.
private final class ParameterBytes: ByteSource {
  private let contents: ParameterContents
  private let name: String

  init(_ contents: ParameterContents, _ name: String) {
    self.contents = contents
    self.name = name
  }

  var byteCount: Int { contents.byteCount }
  var fileRange: FileRange? { nil }
  var origin: String { "the model's \(name)" }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard offset >= 0, offset <= byteCount, destination.count <= byteCount - offset else {
      throw CheckpointError(
        .truncated, CheckpointError.Site(member: origin, offset: offset),
        "expected \(destination.count) bytes, there are \(byteCount)")
    }
    let width = contents.element.width
    let end = offset + destination.count
    guard !offset.isMultiple(of: width) || !end.isMultiple(of: width) else {
      unsafe contents.copy(from: offset / width, to: destination)
      return
    }
    // Parts of numbers at the ends.
    let first = offset / width
    let count = (end + width - 1) / width - first
    let bytes = try unsafe withNewBytes(count: count * width) {
      (bytes) throws(CheckpointError) in unsafe contents.copy(from: first, to: bytes)
    }
    let start = offset - first * width
    unsafe destination.copyBytes(from: bytes[start..<start + destination.count])
  }
}
