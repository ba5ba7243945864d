internal import CKernels

/// A matrix of weights in the order in which products read it: made once, used by every instruction set.
///
/// The matrix maps `inputs` numbers to `outputs` numbers. It is cut into panels of 32 outputs; a panel holds for input 0 its 32
/// weights, then those for input 1, and so on, so that a product reads it from the first to the last byte. The last panel is
/// filled up with zeros. Elements are float32 as yet; another type is another case of ``Element`` and its own product.
public struct PackedMatrix: Sendable {
  /// What the packed weights are stored as.
  public enum Element: Sendable, Hashable {
    /// IEEE 754 binary32.
    case float32
  }

  /// How the weights lie in the buffer that is packed.
  public enum Layout: Sendable, Hashable {
    /// `[outputs, inputs]`, row-major: the weight of PyTorch's `Linear`, or an embedding used as a decoder.
    case outputByInput
    /// `[inputs, outputs]`, row-major: the weight of GPT-2's `Conv1D`, or Keras' kernel.
    case inputByOutput
  }

  /// The length of a row that goes in.
  public let inputs: Int
  /// The length of a row that comes out.
  public let outputs: Int
  /// What the weights are stored as.
  public var element: Element { .float32 }
  let storage: TensorStorage

  static let panelColumns = Int(WEIGHBRIDGE_PANEL_COLUMNS)

  /// The number of panels.
  var panels: Int { (outputs + Self.panelColumns - 1) / Self.panelColumns }

  /// The first weight of a panel. Valid while `storage` lives.
  @unsafe func panel(_ index: Int) -> UnsafeMutablePointer<Float> {
    unsafe storage.memory + index * inputs * Self.panelColumns
  }

  /// One matrix out of several with the same number of inputs, their outputs one after the other: queries, keys and values as
  /// one product.
  ///
  /// Each part is a buffer of `outputs · inputs` numbers in the given layout. Throws if one has another size.
  public init(
    inputs: Int, layout: Layout = .outputByInput,
    joining parts: [(outputs: Int, values: UnsafeBufferPointer<Float>)],
    in context: ExecutionContext
  ) throws(EngineError) {
    let name = "PackedMatrix"
    var outputs = 0
    for unsafe part in unsafe parts {
      let count = try TensorStorage.count(unsafe part.outputs, inputs, name)
      try expect(unsafe part.values.count, equals: count, name, "values", "numbers")
      outputs += unsafe part.outputs
    }
    let (padded, overflow) = outputs.addingReportingOverflow(Self.panelColumns - 1)
    guard !overflow else {
      throw EngineError(.outOfMemory, name, "outputs", "\(outputs) are too many")
    }
    let capacity = try TensorStorage.count(
      padded / Self.panelColumns * Self.panelColumns, inputs, name)
    self.inputs = inputs
    self.outputs = outputs
    storage = try TensorStorage(capacity: capacity, name)
    unsafe pack(parts, layout, in: context)
  }

  /// One matrix out of an array of `outputs · inputs` numbers.
  public init(
    outputs: Int, inputs: Int, layout: Layout = .outputByInput, _ values: [Float],
    in context: ExecutionContext
  ) throws(EngineError) {
    // Untyped closures would lose the error's type.
    let result = unsafe values.withUnsafeBufferPointer {
      (buffer) -> Result<PackedMatrix, EngineError> in
      do throws(EngineError) {
        return .success(
          try unsafe PackedMatrix(
            inputs: inputs, layout: layout, joining: [(outputs, buffer)], in: context))
      } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }
}

extension PackedMatrix {
  private func pack(
    _ parts: [(outputs: Int, values: UnsafeBufferPointer<Float>)], _ layout: Layout,
    in context: ExecutionContext
  ) {
    context.pool.run(panels) { index, _ in
      let panel = unsafe panel(index)
      let first = index * Self.panelColumns
      let end = min(outputs, first + Self.panelColumns)
      if end - first < Self.panelColumns {
        unsafe weighbridge_fill(panel, inputs * Self.panelColumns, 0)
      }
      var start = 0
      for unsafe part in unsafe parts {
        let from = max(first, start)
        let to = unsafe min(end, start + part.outputs)
        if from < to, let values = unsafe part.values.baseAddress {
          let skipped = from - start
          switch layout {
          case .outputByInput:
            unsafe weighbridge_pack_panel(
              values + skipped * inputs, 1, inputs, inputs, to - from, panel + (from - first))
          case .inputByOutput:
            unsafe weighbridge_pack_panel(
              values + skipped, part.outputs, 1, inputs, to - from, panel + (from - first))
          }
        }
        unsafe start += part.outputs
      }
    }
  }
}
