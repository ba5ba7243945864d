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

  /// Packs a buffer of `outputs · inputs` numbers. Throws a mismatch for another count.
  public init(
    outputs: Int, inputs: Int, layout: Layout = .outputByInput,
    _ values: UnsafeBufferPointer<Float>, in context: ExecutionContext
  ) throws(EngineError) {
    let name = "PackedMatrix"
    let count = try TensorStorage.count(outputs, inputs, name)
    try expect(values.count, equals: count, name, "values", "numbers")
    let (padded, overflow) = outputs.addingReportingOverflow(Self.panelColumns - 1)
    guard !overflow else {
      throw EngineError(.outOfMemory, name, "shape", "\(outputs) outputs are too many")
    }
    let capacity = try TensorStorage.count(
      padded / Self.panelColumns * Self.panelColumns, inputs, name)
    self.inputs = inputs
    self.outputs = outputs
    storage = try TensorStorage(capacity: capacity, name)
    if let base = values.baseAddress { unsafe pack(base, layout, in: context) }
  }

  /// Packs an array of `outputs · inputs` numbers. Throws a mismatch for another count.
  public init(
    outputs: Int, inputs: Int, layout: Layout = .outputByInput, _ values: [Float],
    in context: ExecutionContext
  ) throws(EngineError) {
    // A closure that throws an error of its own type would lose it here.
    let result = unsafe values.withUnsafeBufferPointer {
      (buffer) -> Result<PackedMatrix, EngineError> in
      do throws(EngineError) {
        return .success(
          try unsafe PackedMatrix(
            outputs: outputs, inputs: inputs, layout: layout, buffer, in: context))
      } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }

  private func pack(
    _ values: UnsafePointer<Float>, _ layout: Layout, in context: ExecutionContext
  ) {
    context.pool.run(panels) { index, _ in
      let panel = unsafe panel(index)
      let first = index * Self.panelColumns
      let columns = min(Self.panelColumns, outputs - first)
      if columns < Self.panelColumns {
        unsafe weighbridge_fill(panel, inputs * Self.panelColumns, 0)
      }
      switch layout {
      case .outputByInput:
        unsafe weighbridge_pack_panel(values + first * inputs, 1, inputs, inputs, columns, panel)
      case .inputByOutput:
        unsafe weighbridge_pack_panel(values + first, outputs, 1, inputs, columns, panel)
      }
    }
  }
}
