internal import CheckpointBytes
internal import Synchronization
internal import TensorValues

/// The elements of a chunked data set, or of one that was never written, packed in row-major order.
final class ChunkedData: ByteSource {
  private let dataset: HDF5Dataset
  private let file: SourceFile
  private let grid: ChunkGrid?
  private let pipeline: ChunkPipeline
  private let leavesEdgesUnfiltered: Bool
  private let stored: [[Int]: HDF5Chunk]
  /// Tells this data set's chunks from those of others in the cache.
  private let number = ChunkedData.nextNumber.add(1, ordering: .relaxed).newValue

  /// Takes a data set and its chunks; nil where there are none.
  ///
  /// - Throws: `limitExceeded` if a chunk is larger than `limits` allow, `malformed` if the chunks do not belong to the
  ///   data set.
  init(
    _ dataset: HDF5Dataset, chunks: HDF5Chunks?, in file: SourceFile, limits: ReadLimits
  ) throws(CheckpointError) {
    self.dataset = dataset
    self.file = file
    var stored: [[Int]: HDF5Chunk] = [:]
    for chunk in chunks?.chunks ?? [] { stored[chunk.origin] = chunk }
    self.stored = stored
    leavesEdgesUnfiltered = chunks?.leavesEdgesUnfiltered ?? false
    if let chunks {
      grid = ChunkGrid(
        dimensions: dataset.shape.dimensions, chunkDimensions: chunks.shape,
        elementSize: dataset.elementByteCount)
      guard let grid, grid.chunkByteCount <= limits.chunkBytes else {
        throw CheckpointError(
          .limitExceeded, file: file.path, member: dataset.path.string, field: "chunk shape",
          "chunks of \(chunks.shape) elements do not fit the data set or this reader")
      }
      pipeline = ChunkPipeline(chunks.filters, chunkByteCount: grid.chunkByteCount)
    } else {
      grid = nil
      pipeline = ChunkPipeline([], chunkByteCount: 0)
    }
  }

  deinit {
    let number = number
    ChunkedData.cache.withLock { $0.removeAll(of: number) }
  }

  /// Decoded chunks of all data sets: one bound for all of them, however many are read at a time.
  private static let cache = Mutex(ChunkCache(capacity: 16 << 20))
  private static let nextNumber = Atomic<Int>(0)

  /// Makes sure that the file has not changed since it was opened; checksums of chunks are compared with every read.
  func verifyIntegrity() throws(CheckpointError) { try file.checkUnchanged() }

  var byteCount: Int { dataset.byteCount }
  var fileRange: FileRange? { nil }
  var origin: String {
    "\(file.path): \(dataset.path) (" + (grid == nil ? "never written" : "chunked") + ")"
  }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard offset >= 0, offset <= byteCount, destination.count <= byteCount - offset else {
      throw CheckpointError(
        .truncated, file: file.path, member: dataset.path.string, offset: offset,
        "expected \(destination.count) bytes, there are \(byteCount)")
    }
    guard destination.count > 0 else { return }
    guard let grid else {
      try unsafe fill(destination, from: offset)
      return
    }
    let range = offset..<(offset + destination.count)
    try grid.forEachChunk(in: range) { (origin, part) throws(CheckpointError) in
      // Decoded at the first run: a chunk at the edge of the range may have none.
      var decoded: [UInt8]??
      try grid.forEachRun(of: part, chunk: origin, in: range) { (run) throws(CheckpointError) in
        let bytes: [UInt8]?
        if let known = decoded {
          bytes = known
        } else {
          bytes = try chunk(at: origin, grid)
          decoded = .some(bytes)
        }
        let target = unsafe UnsafeMutableRawBufferPointer(
          rebasing: destination[
            (run.arrayOffset - offset)..<(run.arrayOffset - offset + run.count)])
        guard let bytes else {
          try unsafe fill(target, from: run.arrayOffset)
          return
        }
        unsafe bytes.withUnsafeBytes { source in
          unsafe target.copyMemory(
            from: UnsafeRawBufferPointer(
              rebasing: source[run.chunkOffset..<(run.chunkOffset + run.count)]))
        }
      }
    }
  }

  /// A decoded chunk, whole; nil if it was never written.
  private func chunk(at origin: [Int], _ grid: ChunkGrid) throws(CheckpointError) -> [UInt8]? {
    guard let chunk = stored[origin] else { return nil }
    let place = ChunkCache.Place(dataset: number, origin: origin)
    if let bytes = ChunkedData.cache.withLock({ $0.bytes(at: place) }) { return bytes }
    var bytes = try file.bytes(at: chunk.offset, count: chunk.byteCount)
    let skipsFilters = leavesEdgesUnfiltered && grid.isCut(origin)
    bytes = try locating(file: file.path, member: dataset.path.string, tensor: dataset.path.string)
    {
      () throws(ParseFailure) in
      try pipeline.decode(bytes, mask: skipsFilters ? .max : chunk.filterMask, at: chunk.offset)
    }
    let decoded = bytes
    ChunkedData.cache.withLock { $0.insert(decoded, at: place) }
    return decoded
  }

  /// Fills bytes with the fill value; `offset` is their place in the data set.
  private func fill(
    _ destination: UnsafeMutableRawBufferPointer, from offset: Int
  ) throws(CheckpointError) {
    guard let value = dataset.fillValue else {
      throw CheckpointError(
        .truncated, file: file.path, member: dataset.path.string, offset: offset,
        tensor: dataset.path.string,
        "the elements here were never written, and the file defines no fill value")
    }
    if value.allSatisfy({ $0 == 0 }) {
      unsafe destination.initializeMemory(as: UInt8.self, repeating: 0)
    } else {
      for index in 0..<destination.count {
        unsafe destination[index] = value[(offset + index) % value.count]
      }
    }
  }
}

/// Decoded chunks, the least recently used dropped first.
private struct ChunkCache {
  struct Place: Hashable {
    let dataset: Int
    let origin: [Int]
  }

  private struct Entry {
    let bytes: [UInt8]
    var lastUse: Int
  }

  private let capacity: Int
  private var entries: [Place: Entry] = [:]
  private var byteCount = 0
  private var clock = 0

  init(capacity: Int) { self.capacity = capacity }

  mutating func bytes(at place: Place) -> [UInt8]? {
    clock += 1
    entries[place]?.lastUse = clock
    return entries[place]?.bytes
  }

  /// A chunk larger than the capacity is kept alone, until the next one comes.
  mutating func insert(_ bytes: [UInt8], at place: Place) {
    guard entries[place] == nil else { return }
    clock += 1
    if byteCount + bytes.count > capacity { makeRoom(for: bytes.count) }
    entries[place] = Entry(bytes: bytes, lastUse: clock)
    byteCount += bytes.count
  }

  mutating func removeAll(of dataset: Int) {
    for (place, entry) in entries where place.dataset == dataset {
      entries[place] = nil
      byteCount -= entry.bytes.count
    }
  }

  /// Drops the older half at least, so that sorting pays for many insertions.
  private mutating func makeRoom(for count: Int) {
    let target = min(capacity / 2, capacity - count)
    for (place, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
      guard byteCount > target else { return }
      entries[place] = nil
      byteCount -= entry.bytes.count
    }
  }
}
