package import CheckpointBytes
internal import TensorValues

extension HDF5Description {
  /// The elements of a data set as a byte source: packed, in row-major order, each element as the file stores it
  /// (``HDF5Dataset/elementType`` tells the byte order), but for integers of fewer bits than their bytes have, which come as
  /// integers of all bits.
  ///
  /// Contiguous data is a range of the file. Chunked data is decoded on the way, at most 16 MiB of it (or one chunk)
  /// in memory at a time; reading forward decodes no chunk twice as long as a row of chunks fits that.
  /// - Throws: `unsupported` if the elements are no numbers or bytes; `truncated` if the file does not hold them.
  package func source(
    of dataset: HDF5Dataset, in file: SourceFile, limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) -> any ByteSource {
    let member = dataset.path.string
    if case .unsupported(let words) = dataset.elementType {
      throw CheckpointError(
        .unsupported, file: file.path, member: member, tensor: member,
        "its elements are of type \(words), expected numbers")
    }
    let stored = try storedSource(of: dataset, in: file, limits: limits)
    guard let bits = dataset.integerBits, case .number(let dtype, let order) = dataset.elementType
    else { return stored }
    return WidenedIntegers(stored, bits, dtype, order)
  }

  private func storedSource(
    of dataset: HDF5Dataset, in file: SourceFile, limits: ReadLimits
  ) throws(CheckpointError) -> any ByteSource {
    let member = dataset.path.string
    switch dataset.storage {
    case .contiguous(let offset, let count):
      return try FileBytes(file, at: offset, count: count, member: member)
    case .compact(let bytes):
      return MemoryBytes(bytes, origin: "\(file.path): \(member) (in the object header)")
    case .unallocated:
      return try ChunkedData(dataset, chunks: nil, in: file, limits: limits)
    case .chunked(let chunks):
      return try ChunkedData(dataset, chunks: chunks, in: file, limits: limits)
    }
  }
}
