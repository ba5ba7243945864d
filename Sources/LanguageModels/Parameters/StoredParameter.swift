internal import CheckpointBytes
internal import OrderedCollections
internal import TensorEngine
internal import TensorValues
internal import WeightGraph

/// One parameter of a checkpoint in the type that the engine keeps it in: its own, or float32 where the engine has none such.
struct StoredParameter: Sendable {
  let name: String
  let element: StoredElement
  /// The type in the checkpoint.
  let storedType: DType
  /// What is read: of int8 the steps.
  private let weight: Weight
  /// Steps and their scales as one; nil unless the numbers are kept as steps.
  private var scaled: Weight?
  private let source: ParameterSource

  private init(
    _ name: String, _ element: StoredElement, _ weight: Weight, storedAs storedType: DType,
    _ source: ParameterSource
  ) {
    self.name = name
    self.element = element
    self.storedType = storedType
    self.weight = weight
    self.source = source
  }

  /// - Parameter isAlone: True if what an adapter adds to it is not merged into the numbers.
  init(
    _ name: String, in source: ParameterSource, isAlone: Bool = false
  ) throws(CheckpointError) {
    guard var weight = source.graph.weights[ExactName(name)] else {
      throw CheckpointError(
        .notFound, tensor: name, "the model has no such parameter")
    }
    if isAlone, let parts = weight.mergedParts { weight = parts.base }
    if let axis = source.quantization.axes[ExactName(name)], weight.scaledParts == nil {
      do throws(CheckpointError) {
        weight = try weight.quantized(axis: axis)
      } catch {
        throw error.about(ExactName(name))
      }
    }
    if source.learns {
      self = try StoredParameter(name, .float32, weight, storedAs: weight.storedType, source)
        .widened()
    } else if source.quantization.keepsSteps, let steps = weight.scaledParts?.steps,
      steps.dtype == .i8
    {
      self.init(name, .int8, steps, storedAs: .i8, source)
      scaled = weight
    } else if let element = StoredElement(weight.dtype) {
      self.init(name, element, weight, storedAs: weight.storedType, source)
    } else {
      self = try StoredParameter(
        name, .float32, weight, storedAs: weight.dtype, source
      ).widened()
    }
  }

  /// The same as float32.
  func widened() throws(CheckpointError) -> StoredParameter {
    do throws(CheckpointError) {
      return StoredParameter(
        name, .float32, try (scaled ?? weight).cast(to: .f32), storedAs: storedType, source)
    } catch {
      throw error.about(ExactName(name))
    }
  }

  /// The extents of a matrix; a row is one of one row.
  func extents() throws(CheckpointError) -> (rows: Int, columns: Int) {
    let extents = weight.shape.dimensions
    switch extents.count {
    case 1: return (1, extents[0])
    case 2: return (extents[0], extents[1])
    default:
      throw CheckpointError(
        .mismatch, tensor: name,
        "expected a matrix, found \(weight.shape)")
    }
  }

  /// The numbers, read by all threads, as the model's parameter.
  func parameter() throws(CheckpointError) -> Parameter {
    if element == .int8 { return try widened().parameter() }
    let (rows, columns) = try extents()
    let matrix = try StoredMatrix(rows: rows, columns: columns, element: element)
    try unsafe matrix.fill(in: source.context) { (first, bytes) throws(CheckpointError) in
      try unsafe read(weight, from: first, into: bytes) { $0 }
    }
    return parameter(.values(matrix))
  }

  /// True if the numbers are to stay where they are stored, and can be read from there as they are needed.
  var canStay: Bool { source.staysInFile && element != .int8 && weight.isReadInOrder }

  /// The model's parameter, its numbers where they are stored, if they ``canStay``.
  func distantParameter() throws(CheckpointError) -> Parameter {
    let (rows, columns) = try extents()
    return parameter(
      .distant(
        unsafe DistantValues(rows: rows, columns: columns, element: element) {
          (first, bytes) throws(CheckpointError) in
          try unsafe read(weight, from: first, into: bytes) { $0 }
        }))
  }

  /// The model's parameter, frozen, its numbers in a place that they were read to.
  func parameter(_ contents: ParameterContents) -> Parameter {
    let parameter = Parameter(
      source.collector.canonical(name).string, contents, isRow: weight.shape.rank == 1,
      requiresGradient: source.learns)
    source.collector.insert(parameter, storedAs: storedType)
    return parameter
  }

  /// Packs the numbers while all threads read them, as some outputs of a matrix.
  func pack(
    into matrix: PackedMatrix, _ outputs: Range<Int>, _ layout: PackedMatrix.Layout,
    through buffers: PieceBuffers
  ) throws(CheckpointError) {
    if let scaled {
      let parts = try QuantizedMatrix(scaled, outputs: layout, named: name)
      if source.nonFinite == .refused, let index = parts.scales.firstIndex(where: { !$0.isFinite })
      {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(), tensor: name,
          "the scale of output \(index) is \(parts.scales[index])")
      }
      try matrix.setScales(parts.scales, outputs)
    }
    // Keras stores the transpose. It is packed in the order of the file, or each piece would look through the whole of it.
    if !weight.isReadInOrder, let transposed = try? weight.transposed([1, 0]),
      transposed.isReadInOrder
    {
      let (rows, columns) = try extents()
      let other: PackedMatrix.Layout =
        layout == .outputByInput ? .inputByOutput : .outputByInput
      try unsafe matrix.pack(outputs, other, through: buffers) {
        (first, bytes) throws(CheckpointError) in
        try unsafe read(transposed, from: first, into: bytes) {
          $0 % rows * columns + $0 / rows
        }
      }
    } else {
      try unsafe matrix.pack(outputs, layout, through: buffers) {
        (first, bytes) throws(CheckpointError) in
        try unsafe read(weight, from: first, into: bytes) { $0 }
      }
    }
  }

  /// Reads the numbers of the weight, or of its transpose, from number `first` on. `place` says which element of the parameter
  /// a number is.
  private func read(
    _ weight: Weight, from first: Int, into bytes: UnsafeMutableRawBufferPointer,
    place: (Int) -> Int
  ) throws(CheckpointError) {
    do throws(CheckpointError) {
      try unsafe weight.read(at: first * element.width, into: bytes)
    } catch {
      throw error.about(ExactName(name))
    }
    guard source.nonFinite == .refused,
      let found = unsafe element.firstNonFinite(UnsafeRawBufferPointer(bytes))
    else { return }
    throw CheckpointError(
      .inconsistent, tensor: name,
      "element \(place(first + found.index)) is \(found.value)")
  }

  /// The same as numbers, if a layer has its outputs where the steps have no scales.
  func fitting(_ layout: PackedMatrix.Layout) throws(CheckpointError) -> StoredParameter {
    guard let scales = scaled?.scaledParts?.scales else { return self }
    return scales.shape.dimensions[1 - layout.outputAxis] == 1 ? self : try widened()
  }
}

extension StoredElement {
  /// The type of a checkpoint's elements, if the engine keeps such.
  fileprivate init?(_ dtype: DType) {
    switch dtype {
    case .f32: self = .float32
    case .bf16: self = .bfloat16
    case .f16: self = .float16
    default: return nil
    }
  }

  /// The first number that is infinite or none: its exponent has all bits set.
  fileprivate func firstNonFinite(_ bytes: UnsafeRawBufferPointer) -> (index: Int, value: Float)? {
    switch self {
    case .float32:
      return unsafe first(UInt32.self, bytes, exponent: 0x7F80_0000).map {
        ($0.index, Float(bitPattern: $0.bits))
      }
    case .bfloat16:
      return unsafe first(UInt16.self, bytes, exponent: 0x7F80).map {
        ($0.index, Float(bitPattern: UInt32($0.bits) << 16))
      }
    case .float16:
      return unsafe first(UInt16.self, bytes, exponent: 0x7C00).map {
        let sign: Float = $0.bits >> 15 == 0 ? 1 : -1
        return ($0.index, $0.bits & 0x03FF == 0 ? sign * .infinity : .nan)
      }
    case .int8: return nil
    }
  }

  private func first<Bits: FixedWidthInteger>(
    _: Bits.Type, _ bytes: UnsafeRawBufferPointer, exponent: Bits
  ) -> (index: Int, bits: Bits)? {
    for index in 0..<(bytes.count / MemoryLayout<Bits>.size) {
      let bits = unsafe bytes.loadUnaligned(
        fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
      if bits & exponent == exponent { return (index, bits) }
    }
    return nil
  }
}
