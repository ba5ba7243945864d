internal import CHDF5
internal import CheckpointBytes
internal import HDF5Format
internal import TensorValues

extension LibraryReader {
  /// The chunks of a data set (HDF5 specification IV.A.2.i, layout class 2).
  func chunked(
    _ object: HDF5Handle, _ creation: HDF5Handle, _ shape: Shape, _ size: Int, at path: ExactName
  ) throws(CheckpointError) -> HDF5Storage {
    var extents = [hsize_t](repeating: 0, count: Int(H5S_MAX_RANK))
    // A chunk rank other than the data set's makes the library divide by zero later.
    let rank = unsafe H5Pget_chunk(creation.identifier, H5S_MAX_RANK, &extents)
    guard rank == shape.rank, shape.rank > 0 else {
      // Where no chunk was ever stored there is nothing to find by it, and all elements are the fill value.
      if rank > 0, H5Dget_storage_size(object.identifier) == 0 { return .unallocated }
      throw failure(.malformed, path, "chunk shape", "its rank is not the data set's")
    }
    guard let chunkShape = Shape(extents.prefix(shape.rank).map { Int(clamping: $0) }),
      !chunkShape.dimensions.contains(0),
      case let (chunkBytes, overflow) = chunkShape.elementCount.multipliedReportingOverflow(
        by: size),
      !overflow, chunkBytes <= limits.chunkBytes
    else {
      throw failure(
        .limitExceeded, path, "chunk shape",
        "a chunk of \(extents.prefix(shape.rank)) elements of \(size) bytes is larger than \(limits.chunkBytes) bytes"
      )
    }
    let filters = try filters(creation, at: path)
    var options: UInt32 = 0
    guard unsafe H5Pget_chunk_opts(creation.identifier, &options) >= 0 else {
      throw failure(.malformed, path, "data layout")
    }
    let chunks = try chunkList(
      object, shape, chunkShape, filters.isEmpty ? chunkBytes : nil, at: path)
    return .chunked(
      HDF5Chunks(
        shape: chunkShape.dimensions, filters: filters,
        leavesEdgesUnfiltered: options & UInt32(H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0,
        chunks: chunks))
  }

  private func filters(
    _ creation: HDF5Handle, at path: ExactName
  ) throws(CheckpointError) -> [HDF5Filter] {
    let count = H5Pget_nfilters(creation.identifier)
    guard count >= 0, count <= 32 else { throw failure(.malformed, path, "filter pipeline") }
    var filters: [HDF5Filter] = []
    for index in 0..<UInt32(count) {
      var flags: UInt32 = 0
      var configuration: UInt32 = 0
      // The library copies as many parameters as fit and then says how many there are.
      var parameterCount = 256
      var parameters = [UInt32](repeating: 0, count: parameterCount)
      var name = [CChar](repeating: 0, count: 128)
      let identifier = unsafe H5Pget_filter2(
        creation.identifier, index, &flags, &parameterCount, &parameters, name.count, &name,
        &configuration)
      guard identifier >= 0 else { throw failure(.malformed, path, "filter pipeline") }
      guard parameterCount <= parameters.count else {
        throw failure(
          .limitExceeded, path, "filter pipeline", "a filter has \(parameterCount) parameters")
      }
      let text = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      filters.append(
        HDF5Filter(
          identifier: Int(identifier), name: String(decoding: text, as: UTF8.self),
          parameters: Array(parameters[..<parameterCount])))
    }
    return filters
  }

  private struct CollectedChunks {
    var chunks: [HDF5Chunk] = []
    let rank: Int
    let base: haddr_t
    var isMalformed = false
  }

  /// The stored chunks, each checked against the file and the data set. `exactSize` is the size that a chunk must have
  /// where no filter can change it.
  private func chunkList(
    _ object: HDF5Handle, _ shape: Shape, _ chunkShape: Shape, _ exactSize: Int?,
    at path: ExactName
  ) throws(CheckpointError) -> [HDF5Chunk] {
    var count: UInt64 = 0
    guard unsafe weighbridge_hdf5_chunk_count(object.identifier, &count) >= 0 else {
      throw failure(.malformed, path, "chunk index")
    }
    // Every stored chunk takes at least an address in the index, or its own bytes in the file.
    guard count <= UInt64(fileSize / max(8, min(exactSize ?? 8, 1 << 20))) else {
      throw failure(
        .malformed, path, "chunk index", "\(count) chunks do not fit a file of \(fileSize) bytes")
    }
    guard count <= weighbridge_hdf5_most_chunks() else {
      throw failure(
        .limitExceeded, path, "chunk index",
        "\(count) chunks are more than this version of libhdf5 can list in bearable time")
    }
    // Where the library counts chunk addresses from the superblock, the user block comes before.
    let base = userBlock > 0 && weighbridge_hdf5_chunk_addresses_are_absolute() == 0 ? userBlock : 0
    var collected = CollectedChunks(rank: shape.rank, base: haddr_t(base))
    let result = unsafe withUnsafeMutablePointer(to: &collected) { pointer in
      unsafe weighbridge_hdf5_visit_chunks(
        object.identifier, count,
        { origin, mask, address, size, context in
          guard let collected = unsafe context?.assumingMemoryBound(to: CollectedChunks.self),
            let origin = unsafe origin
          else { return -1 }
          let indices = unsafe (0..<collected.pointee.rank).map { unsafe Int(clamping: origin[$0]) }
          let (place, overflow) = unsafe address.addingReportingOverflow(collected.pointee.base)
          guard !overflow, let offset = Int(exactly: place), let byteCount = Int(exactly: size)
          else {
            unsafe collected.pointee.isMalformed = true
            return 1
          }
          unsafe collected.pointee.chunks.append(
            HDF5Chunk(origin: indices, offset: offset, byteCount: byteCount, filterMask: mask))
          return 0
        }, pointer)
    }
    guard result >= 0, !collected.isMalformed else {
      throw failure(
        .malformed, path, "chunk index",
        collected.isMalformed ? "a chunk lies beyond 2^63" : nil)
    }
    var chunks = collected.chunks
    if let order = try extensibleArray(object, chunkShape, at: path) {
      chunks = chunks.map { order.placed($0) }
    }
    return try checked(chunks, shape, chunkShape, exactSize, at: path)
  }

  private func checked(
    _ chunks: [HDF5Chunk], _ shape: Shape, _ chunkShape: Shape, _ exactSize: Int?,
    at path: ExactName
  ) throws(CheckpointError) -> [HDF5Chunk] {
    var kept: [HDF5Chunk] = []
    var origins: Set<[Int]> = []
    for chunk in chunks {
      let axes = zip(chunk.origin, chunkShape.dimensions)
      guard axes.allSatisfy({ $0 % $1 == 0 }), origins.insert(chunk.origin).inserted else {
        throw failure(
          .malformed, path, "chunk index",
          "a chunk at \(chunk.origin) is off the grid or occurs twice")
      }
      // An index made for the largest extents may hold chunks beyond the current ones.
      guard zip(chunk.origin, shape.dimensions).allSatisfy({ $0 < $1 }) else { continue }
      guard exactSize == nil || chunk.byteCount == exactSize else {
        throw failure(
          .malformed, path, "chunk index",
          "a chunk of \(chunk.byteCount) bytes, expected \(exactSize ?? 0)")
      }
      guard chunk.offset <= fileSize, chunk.byteCount <= fileSize - chunk.offset else {
        throw CheckpointError(
          .truncated, file: self.path, member: path.string, offset: chunk.offset,
          field: "chunk index",
          "expected a chunk of \(chunk.byteCount) bytes, the file ends at \(fileSize)")
      }
      kept.append(chunk)
    }
    return kept
  }
}
