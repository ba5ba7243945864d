internal import CKernels
internal import CheckpointBytes
internal import Synchronization

extension Parameter {
  /// Has a closure change the values: where they are if nobody else looks at them, otherwise in a copy. Whoever was given the values
  /// before keeps them.
  ///
  /// The closure must not use the parameter. Throws `unsupported` for numbers of less than 32 bits, `limitExceeded` for a copy without
  /// memory.
  func update(_ body: (UnsafeMutablePointer<Float>) -> Void) throws(CheckpointError) {
    guard element == .float32 else {
      throw CheckpointError(
        .unsupported, "Parameter.update", name, "\(element) is too coarse for small steps")
    }
    let nothing = try StoredMatrix(rows: 0, columns: 0, [])
    try state.withLock { (contents) throws(CheckpointError) in
      // Of packed numbers this is a copy.
      var values = try contents.values()
      contents = .values(nothing)
      if !isKnownUniquelyReferenced(&values.storage) {
        do throws(CheckpointError) {
          let copy = try StoredMatrix(rows: rows, columns: columns, element: element)
          unsafe weighbridge_copy(values.storage.memory, copy.storage.memory, rows * columns)
          values = copy
        } catch {
          contents = .values(values)
          throw error
        }
      }
      unsafe body(values.storage.memory)
      contents = .values(values)
    }
    countReplacement()
  }
}
