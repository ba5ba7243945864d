internal import CKernels
package import CheckpointBytes

/// A matrix whose numbers stay where they are stored, as in a file, and are read whenever they are needed, in the row-major order
/// that they are stored in.
@safe package struct DistantValues: Sendable {
  let rows: Int
  let columns: Int
  let element: StoredElement
  /// Fills bytes with the numbers from number `first` on. May be called from several threads at once.
  @unsafe let read:
    @Sendable (_ first: Int, _ bytes: UnsafeMutableRawBufferPointer) throws(CheckpointError) -> Void

  /// - Parameter element: Is not int8, which has scales beside its numbers.
  package init(
    rows: Int, columns: Int, element: StoredElement,
    reading read:
      @escaping @Sendable (
        _ first: Int, _ bytes: UnsafeMutableRawBufferPointer
      ) throws(CheckpointError) -> Void
  ) {
    self.rows = rows
    self.columns = columns
    self.element = element
    unsafe self.read = unsafe read
  }

  /// Some rows, in the order in which they are asked for. They are rows of the matrix.
  package func values(of indices: [Int]) throws(CheckpointError) -> StoredMatrix {
    let values = try StoredMatrix(rows: indices.count, columns: columns, element: element)
    for (place, index) in indices.enumerated() {
      try unsafe read(
        index * columns,
        UnsafeMutableRawBufferPointer(
          start: values.pointer(row: place), count: columns * element.width))
    }
    extendLifetime(values)
    return values
  }
}

/// The weights of a layer that stay where they are stored, an output a row: those of several parameters, one below the other.
struct DistantWeights: Sendable {
  let parts: [DistantValues]
  let inputs: Int
  let outputs: Int
  let element: StoredElement

  /// Reads and packs some outputs, into memory that goes round.
  func matrix(
    of outputs: Range<Int>, in context: ExecutionContext
  ) throws(CheckpointError) -> PackedMatrix {
    let matrix = try PackedMatrix(
      temporary: outputs.count, inputs: inputs, element: element, in: context)
    let buffer = try context.workspace.take(
      TensorStorage.floats(outputs.count * inputs, of: element.width, "linear"), "linear")
    var start = 0
    for part in parts {
      let rows = outputs.clamped(to: start..<start + part.rows)
      if !rows.isEmpty {
        let bytes = unsafe UnsafeMutableRawBufferPointer(
          start: buffer.memory, count: rows.count * inputs * element.width)
        try unsafe part.read((rows.lowerBound - start) * inputs, bytes)
        unsafe matrix.place(
          UnsafeRawPointer(buffer.memory), stride: inputs, .outputByInput,
          at: rows.lowerBound - outputs.lowerBound, rows: 0..<rows.count, columns: 0..<inputs)
      }
      start += part.rows
    }
    extendLifetime(buffer)
    return matrix
  }
}
