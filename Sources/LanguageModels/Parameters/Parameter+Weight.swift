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

  /// The type that the numbers are kept in: F32, BF16 or F16; I8 for steps of a scale that each output has.
  public var dtype: DType { element.dtype }

  /// The values as a weight, which is read like one of a file. Nothing is copied before; values that are replaced later are not
  /// in it. Of int8 they are those that steps and scales stand for, as F32 (``WeightGraph/Weight/scaledParts``).
  public var weight: Weight {
    get throws(CheckpointError) {
      let contents = contents
      let numbers = Weight(
        try StoredTensor(
          source: ParameterBytes(contents, name), dtype: dtype,
          layout: StridedLayout(packed: shape)))
      guard case .packed(let part) = contents, let scales = part.scales else { return numbers }
      let shape = part.layout == .outputByInput ? [scales.count, 1] : [1, scales.count]
      let bytes = unsafe scales.withUnsafeBytes { unsafe Array($0) }
      let stored = try StoredTensor(
        source: MemoryBytes(bytes, origin: "the scales of the model's \(name)"), dtype: .f32,
        layout: StridedLayout(packed: Shape(shape) ?? .scalar))
      return try Weight.scaled(numbers, by: Weight(stored))
    }
  }

  /// Sets other values, read and converted now: a weight of a file, another parameter's, one that was made of numbers.
  ///
  /// Values in a type of less precision are rounded as ``WeightGraph/Weight/cast(to:)`` does; for int8 they are quantised, if they are
  /// no steps already.
  /// - Throws: `mismatch` for another shape, `unsupported` for numbers that are not real, what reading throws; the values stay
  ///   what they are then.
  public func replace(with weight: Weight) throws(CheckpointError) {
    guard weight.shape == shape else {
      throw CheckpointError(
        .mismatch, tensor: name,
        "expected the shape \(shape), found \(weight.shape)")
    }
    if case .packed(let part) = contents, part.scales != nil {
      replace(.packed(try PackedPart(weight, as: part, named: name)))
      return
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

extension Parameter {
  /// A parameter of a network of one's own, with the values of a weight, read now. F32, BF16 and F16 stay what they are,
  /// everything else becomes F32.
  ///
  /// - Throws: `unsupported` for numbers that are not real; `mismatch` for a weight that is neither a row nor a matrix; what
  ///   reading throws.
  public convenience init(
    _ name: String, _ weight: Weight, requiresGradient: Bool = false
  ) throws(CheckpointError) {
    let extents = weight.shape.dimensions
    guard (1...2).contains(extents.count), let columns = extents.last else {
      throw CheckpointError(
        .mismatch, tensor: name, "expected one or two dimensions, found \(weight.shape)")
    }
    let element = StoredElement.allCases.first { $0 != .int8 && $0.dtype == weight.dtype }
    let values = try StoredMatrix(
      rows: extents.count == 1 ? 1 : extents[0], columns: columns, element: element ?? .float32)
    do throws(CheckpointError) {
      let cast = try weight.cast(to: values.element.dtype)
      try unsafe values.withBytes { (bytes) throws(CheckpointError) in
        try unsafe cast.read(at: 0, into: bytes)
      }
    } catch {
      throw error.about(ExactName(name))
    }
    self.init(
      name, .values(values), isRow: extents.count == 1, requiresGradient: requiresGradient)
  }
}

extension WeightGraph {
  /// A weight of a checkpoint as a parameter of a network of one's own; see ``TensorEngine/Parameter/init(_:_:requiresGradient:)``.
  ///
  /// - Throws: `notFound` if there is none of that name.
  public func parameter(
    _ name: String, requiresGradient: Bool = false
  ) throws(CheckpointError) -> Parameter {
    guard let weight = self[name] else {
      throw CheckpointError(.notFound, tensor: name, "the checkpoint has no weight of this name")
    }
    return try Parameter(name, weight, requiresGradient: requiresGradient)
  }
}

extension PackedPart {
  /// A matrix of int8 of its own for other values of a parameter.
  fileprivate init(
    _ weight: Weight, as part: PackedPart, named name: String
  ) throws(CheckpointError) {
    let steps = try QuantizedMatrix(weight, outputs: part.layout, named: name)
    let context = try ExecutionContext(threads: 1)
    let matrix = try PackedMatrix(
      outputs: part.outputs.count, inputs: part.matrix.inputs, element: .int8, in: context)
    let buffers = try PieceBuffers(in: context)
    let outputs = 0..<part.outputs.count
    try unsafe matrix.pack(outputs, part.layout, through: buffers) {
      (first, bytes) throws(CheckpointError) in
      try unsafe steps.steps.read(at: first, into: bytes)
    }
    try matrix.setScales(steps.scales, outputs)
    self.init(matrix, outputs, part.layout)
  }
}

extension StoredElement {
  /// The type in a checkpoint.
  var dtype: DType {
    switch self {
    case .float32: .f32
    case .bfloat16: .bf16
    case .float16: .f16
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
      try unsafe contents.copy(from: offset / width, to: destination)
      return
    }
    // Parts of numbers at the ends.
    let first = offset / width
    let count = (end + width - 1) / width - first
    let bytes = try unsafe withNewBytes(count: count * width) {
      (bytes) throws(CheckpointError) in try unsafe contents.copy(from: first, to: bytes)
    }
    let start = offset - first * width
    unsafe destination.copyBytes(from: bytes[start..<start + destination.count])
  }
}
