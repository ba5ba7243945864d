internal import CKernels
public import CheckpointBytes

/// A matrix of weights in the order in which products read it: made once, in the type that the weights are stored in.
///
/// The matrix maps `inputs` numbers to `outputs` numbers. It is cut into panels of some outputs, 32 in all present packings; a
/// panel holds for input 0 its 32 weights, then those for input 1, and so on, or four bytes of each output, so that a product reads it from
/// the first to the last byte. The last panel is filled up with zeros. How exactly is the packing's business, which a kernel set brings
/// with it for each type of element.
public struct PackedMatrix: Sendable {
  /// How the weights lie where they are packed from.
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
  public let element: StoredElement
  let packing: Packing
  let storage: TensorStorage

  /// True if both are one matrix in memory.
  package func sharesMemory(with other: PackedMatrix) -> Bool { storage === other.storage }

  /// The number of panels.
  var panels: Int { (outputs + packing.panelColumns - 1) / packing.panelColumns }

  /// The first weight of a panel. Valid while `storage` lives.
  @unsafe func panel(_ index: Int) -> UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(storage.memory) + index * packing.panelSize(inputs)
  }

  /// A matrix whose weights are unknown until they are packed, all of them.
  package init(
    outputs: Int, inputs: Int, element: StoredElement = .float32, in context: ExecutionContext
  ) throws(CheckpointError) {
    let packing = Packing(element, for: context.kernels)
    let storage = try TensorStorage(
      capacity: Self.size(outputs, inputs, packing), "PackedMatrix")
    self.init(outputs, inputs, element, packing, storage)
  }

  /// The same in memory of the context, for a matrix that is soon let go.
  init(
    temporary outputs: Int, inputs: Int, element: StoredElement, in context: ExecutionContext
  ) throws(CheckpointError) {
    let packing = Packing(element, for: context.kernels)
    let storage = try context.workspace.take(
      Self.size(outputs, inputs, packing), "PackedMatrix")
    self.init(outputs, inputs, element, packing, storage)
  }

  private init(
    _ outputs: Int, _ inputs: Int, _ element: StoredElement, _ packing: Packing,
    _ storage: TensorStorage
  ) {
    self.storage = storage
    self.inputs = inputs
    self.outputs = outputs
    self.element = element
    self.packing = packing
    // Zeros where there are no weights: the columns of the last panel that are no outputs, and the rows that fill up a panel.
    let isPadded =
      packing.hasScales
      || packing.panelSize(inputs) != inputs * packing.panelColumns * packing.width
    let isPartial = !outputs.isMultiple(of: packing.panelColumns)
    let first = isPadded ? 0 : isPartial ? panels - 1 : panels
    if first < panels {
      unsafe weighbridge_fill(
        panel(first).assumingMemoryBound(to: Float.self),
        (panels - first) * packing.panelSize(inputs) / MemoryLayout<Float>.size, 0)
    }
  }

  /// The most inputs of a matrix of int8, whose sums are integers of 32 bits.
  static let mostQuantizedInputs = 1 << 16

  /// The size of a packed matrix, in floats.
  private static func size(
    _ outputs: Int, _ inputs: Int, _ packing: Packing
  ) throws(CheckpointError) -> Int {
    let name = "PackedMatrix"
    _ = try TensorStorage.count(outputs, inputs, name)
    guard !packing.hasScales || inputs <= mostQuantizedInputs else {
      throw CheckpointError(
        .inconsistent, name, "inputs",
        "expected at most \(mostQuantizedInputs) of int8, found \(inputs)")
    }
    // No overflow: an extent is far below that.
    let panels = (outputs + packing.panelColumns - 1) / packing.panelColumns
    _ = try TensorStorage.count(panels * packing.panelColumns, inputs, name)
    return try TensorStorage.floats(panels, of: packing.panelSize(inputs), name)
  }

  /// Packs a buffer of `outputs · inputs` numbers. Throws a mismatch for another count.
  public init(
    outputs: Int, inputs: Int, layout: Layout = .outputByInput,
    _ values: UnsafeBufferPointer<Float>, in context: ExecutionContext
  ) throws(CheckpointError) {
    let count = try TensorStorage.count(outputs, inputs, "PackedMatrix")
    try expect(values.count, equals: count, "PackedMatrix", "values", "numbers")
    try self.init(outputs: outputs, inputs: inputs, in: context)
    guard let base = values.baseAddress else { return }
    unsafe pack(
      base, stride: layout == .outputByInput ? inputs : outputs, 0..<outputs, layout, in: context)
  }

  /// Packs an array of `outputs · inputs` numbers. Throws a mismatch for another count.
  public init(
    outputs: Int, inputs: Int, layout: Layout = .outputByInput, _ values: [Float],
    in context: ExecutionContext
  ) throws(CheckpointError) {
    // A closure that throws an error of its own type would lose it here.
    let result = unsafe values.withUnsafeBufferPointer {
      (buffer) -> Result<PackedMatrix, CheckpointError> in
      do throws(CheckpointError) {
        return .success(
          try unsafe PackedMatrix(
            outputs: outputs, inputs: inputs, layout: layout, buffer, in: context))
      } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }
}
