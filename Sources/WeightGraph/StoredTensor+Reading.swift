internal import CheckpointBytes
internal import TensorValues

extension StoredTensor {
  /// Fills `destination` with packed little-endian bytes of the elements, from byte `offset` of the packed form on.
  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    if layout.isPacked {
      try unsafe source.read(at: byteOffset + offset, into: destination)
    } else {
      try unsafe gather(at: offset, into: destination)
    }
    unsafe normalise(destination)
  }

  /// Brings numbers into the machine's order and applies the conj and neg bits.
  private func normalise(_ bytes: UnsafeMutableRawBufferPointer) {
    guard let width = dtype.componentByteWidth else { return }
    if byteOrder == .big {
      switch width {
      case 2: unsafe swapEach(UInt16.self, bytes)
      case 4: unsafe swapEach(UInt32.self, bytes)
      case 8: unsafe swapEach(UInt64.self, bytes)
      default: break
      }
    }
    if isNegated { unsafe negate(bytes, every: width, from: 0) }
    if isConjugated { unsafe negate(bytes, every: width * 2, from: width) }
  }

  /// Flips the sign of the components that begin at `first`, `first + step`, …
  private func negate(_ bytes: UnsafeMutableRawBufferPointer, every step: Int, from first: Int) {
    guard let width = dtype.componentByteWidth else { return }
    // Only types with a sign bit get here: PyTorch sets the neg bit on nothing else (it comes from `imag`).
    for start in stride(from: first, to: bytes.count, by: step) {
      unsafe bytes[start + width - 1] ^= 0x80
    }
  }
}

private func swapEach<Number: FixedWidthInteger>(
  _: Number.Type, _ bytes: UnsafeMutableRawBufferPointer
) {
  let width = MemoryLayout<Number>.size
  for offset in stride(from: 0, to: bytes.count - width + 1, by: width) {
    let value = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Number.self)
    unsafe bytes.storeBytes(of: value.byteSwapped, toByteOffset: offset, as: Number.self)
  }
}

// MARK: Strided elements

extension StoredTensor {
  /// Collects elements that do not lie packed: whole blocks of the outer dimensions at a time, each block as runs along
  /// the dimension in which its elements lie closest together.
  private func gather(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard let width = dtype.byteWidth else { return }
    let runs = layout.merged()
    var window = SourceWindow(source)
    var position = offset / width
    let end = (offset + destination.count) / width
    while position < end {
      let block = GatherBlock(runs: runs, from: position, to: end)
      let target = unsafe UnsafeMutableRawBufferPointer(
        rebasing: destination[
          (position * width - offset)..<((position + block.count) * width - offset)])
      try unsafe gather(block, width: width, window: &window, into: target)
      position += block.count
    }
  }

  private func gather(
    _ block: GatherBlock, width: Int, window: inout SourceWindow,
    into target: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    // The dimension that is read along: the one with the smallest step.
    let axes = block.axes
    let along = axes.indices.min { axes[$0].stride < axes[$1].stride } ?? 0
    let fast = axes.isEmpty ? GatherBlock.Axis(extent: 1, stride: 1, step: 1) : axes[along]
    var others = axes
    if !axes.isEmpty { others.remove(at: along) }
    // The other dimensions in the order of the storage, so that reading moves forward.
    others.sort { $0.stride > $1.stride }
    // A run whose elements lie far apart is read in parts, or a column would bring the whole matrix into memory.
    let memory = max(SourceWindow.size, 4 * target.count)
    let part = max(1, min(fast.extent, memory / (max(1, fast.stride) * width)))
    let isSparse = fast.stride * width >= SourceWindow.size
    let run = (part - 1) * fast.stride + 1
    // Where runs lie one beside the other in the packed form, several are taken at once, so that lines of the cache are read
    // and written whole. These are the last dimension: nothing outside lies closer together.
    var lines = GatherBlock.Axis(extent: 1, stride: 0, step: 0)
    var grouped = 1
    if let last = others.last, last.step == 1, fast.step != 1 {
      // No more than a window holds.
      let fitting = (SourceWindow.size / width - run) / max(1, last.stride) + 1
      if fitting > 1 {
        lines = others.removeLast()
        grouped = min(last.extent, fitting, 64 / width)
      }
    }
    var indices = [Int](repeating: 0, count: others.count)
    while true {
      var from = layout.offset + block.base
      var to = 0
      for (axis, index) in zip(others, indices) {
        from += axis.stride * index
        to += axis.step * index
      }
      for first in stride(from: 0, to: lines.extent, by: grouped) {
        let runs = min(grouped, lines.extent - first)
        for start in stride(from: 0, to: fast.extent, by: part) {
          let count = min(part, fast.extent - start)
          let span = (runs - 1) * lines.stride + (count - 1) * fast.stride + 1
          let place = first * lines.step + start * fast.step
          try unsafe window.withBytes(
            at: (from + first * lines.stride + start * fast.stride) * width, count: span * width,
            followedEvery: isSparse ? nil : max(1, grouped * lines.stride * width)
          ) { bytes in
            unsafe copyRuns(
              bytes, runs: runs, apart: lines.stride * width, step: fast.stride * width,
              into: target, at: (to + place) * width, step: fast.step * width, count: count,
              width: width)
          }
        }
      }
      var axis = others.count - 1
      while axis >= 0 {
        indices[axis] += 1
        if indices[axis] < others[axis].extent { break }
        indices[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }
}

/// A run of the packed form that is a box in the strided one: one range of one dimension, and all dimensions inside it.
private struct GatherBlock {
  struct Axis {
    let extent: Int
    /// The step in the storage, in elements.
    let stride: Int
    /// The step in the packed form, in elements.
    let step: Int
  }

  let axes: [Axis]
  /// The storage index of the first element, less the layout's offset.
  let base: Int
  /// The number of elements.
  let count: Int

  /// The largest block that begins at packed index `start` and does not pass `end`.
  init(runs: [StridedLayout.Run], from start: Int, to end: Int) {
    var sizes = [Int](repeating: 1, count: runs.count + 1)
    for axis in runs.indices.reversed() { sizes[axis] = sizes[axis + 1] * runs[axis].extent }
    // The outermost dimension that `start` begins whole and that fits.
    var split = 0
    while split < runs.count,
      !start.isMultiple(of: sizes[split + 1]) || end - start < sizes[split + 1]
    {
      split += 1
    }
    var base = 0
    var rest = start
    var index = 0
    for axis in runs.indices where axis <= split {
      index = rest / sizes[axis + 1]
      rest -= index * sizes[axis + 1]
      base += index * runs[axis].stride
    }
    guard split < runs.count else {
      self.axes = []
      self.base = base
      self.count = 1
      return
    }
    let extent = min(runs[split].extent - index, (end - start) / sizes[split + 1])
    var axes = [Axis(extent: extent, stride: runs[split].stride, step: sizes[split + 1])]
    for axis in (split + 1)..<runs.count {
      axes.append(
        Axis(extent: runs[axis].extent, stride: runs[axis].stride, step: sizes[axis + 1]))
    }
    self.axes = axes
    self.base = base
    self.count = extent * sizes[split + 1]
  }
}

/// Copies runs of elements, each `apart` bytes from the one before it, to places that follow each other.
private func copyRuns(
  _ source: UnsafeRawBufferPointer, runs: Int, apart: Int, step sourceStep: Int,
  into target: UnsafeMutableRawBufferPointer, at offset: Int, step targetStep: Int, count: Int,
  width: Int
) {
  func copy<Number: FixedWidthInteger>(_: Number.Type) {
    for run in 0..<runs {
      for index in 0..<count {
        let value = unsafe source.loadUnaligned(
          fromByteOffset: run * apart + index * sourceStep, as: Number.self)
        unsafe target.storeBytes(
          of: value, toByteOffset: offset + run * width + index * targetStep, as: Number.self)
      }
    }
  }
  func turn<Number: FixedWidthInteger & SIMDScalar>(_ type: Number.Type) {
    guard runs > 1, sourceStep == width else { return copy(type) }
    unsafe transpose(
      type, source, runs: runs, apart: apart, into: target, at: offset, step: targetStep,
      count: count)
  }
  if runs == 1, sourceStep == width, targetStep == width {
    let bytes = unsafe UnsafeRawBufferPointer(rebasing: source[..<(count * width)])
    unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: bytes)
    return
  }
  switch width {
  case 1: turn(UInt8.self)
  case 2: turn(UInt16.self)
  case 4: turn(UInt32.self)
  case 8: turn(UInt64.self)
  default: copy(UInt128.self)
  }
}

/// Makes columns of rows, in squares whose sides are a line of the cache. Rows are often a multiple of the cache's sets apart, so
/// that lines which are read a number at a time would push each other out; each is copied once, whole, to where it stays. From there
/// four numbers of four rows at a time become columns in registers, and each line of the target is written before the next.
private func transpose<Number: FixedWidthInteger & SIMDScalar>(
  _: Number.Type, _ source: UnsafeRawBufferPointer, runs: Int, apart: Int,
  into target: UnsafeMutableRawBufferPointer, at offset: Int, step: Int, count: Int
) {
  let width = MemoryLayout<Number>.size
  let side = 64 / width
  guard let from = source.baseAddress, let to = target.baseAddress else { return }
  unsafe withUnsafeTemporaryAllocation(byteCount: side * 64, alignment: 64) { square in
    guard let square = square.baseAddress else { return }
    var first = 0
    while first < count {
      let length = min(side, count - first)
      for run in 0..<runs {
        let row = unsafe from + run * apart + first * width
        if length == side {
          unsafe (square + run * 64).storeBytes(
            of: row.loadUnaligned(as: SIMD16<UInt32>.self), as: SIMD16<UInt32>.self)
        } else {
          unsafe (square + run * 64).copyMemory(from: row, byteCount: length * width)
        }
      }
      let (wholeRuns, wholeLength) = (runs & ~3, length & ~3)
      for index in stride(from: 0, to: wholeLength, by: 4) {
        let column = unsafe to + offset + (first + index) * step
        for run in stride(from: 0, to: wholeRuns, by: 4) {
          unsafe transposeFour(
            Number.self, square + run * 64 + index * width, into: column + run * width, step: step)
        }
      }
      // What is left beside and below.
      for index in 0..<length {
        let column = unsafe to + offset + (first + index) * step
        for run in (index < wholeLength ? wholeRuns : 0)..<runs {
          unsafe (column + run * width).storeBytes(
            of: (square + run * 64 + index * width).load(as: Number.self), as: Number.self)
        }
      }
      first += length
    }
  }
}

/// Makes columns of four numbers of four rows, which are a line of the cache apart.
@inline(__always)
private func transposeFour<Number: SIMDScalar>(
  _: Number.Type, _ rows: UnsafeRawPointer, into columns: UnsafeMutableRawPointer, step: Int
) {
  typealias Four = SIMD4<Number>
  func two(_ row: Int) -> SIMD8<Number> {
    unsafe SIMD8(
      lowHalf: (rows + row * 64).loadUnaligned(as: Four.self),
      highHalf: (rows + (row + 1) * 64).loadUnaligned(as: Four.self))
  }
  let (upper, lower) = (two(0), two(2))
  // Numbers 0 and 2 of all rows, and 1 and 3.
  let even = SIMD8(lowHalf: upper.evenHalf, highHalf: lower.evenHalf)
  let odd = SIMD8(lowHalf: upper.oddHalf, highHalf: lower.oddHalf)
  unsafe columns.storeBytes(of: even.evenHalf, as: Four.self)
  unsafe (columns + step).storeBytes(of: odd.evenHalf, as: Four.self)
  unsafe (columns + 2 * step).storeBytes(of: even.oddHalf, as: Four.self)
  unsafe (columns + 3 * step).storeBytes(of: odd.oddHalf, as: Four.self)
}

/// A window of a storage in memory. Runs that lie near each other are served by one read.
private struct SourceWindow {
  /// The least that is read at a time, where what follows is likely to be wanted.
  static let size = 256 << 10
  private let source: any ByteSource
  /// Kept from window to window, and as large as the largest; the first `count` bytes count.
  private var bytes: [UInt8] = []
  private var count = 0
  private var start = 0

  init(_ source: any ByteSource) {
    self.source = source
  }

  /// - Parameter step: How far on the next bytes are likely to be wanted from, so that no window ends within them; nil if they are not.
  mutating func withBytes(
    at offset: Int, count wanted: Int, followedEvery step: Int?,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(CheckpointError) {
    if offset < start || offset + wanted > start + count {
      let most = step.map { wanted + max(0, SourceWindow.size - wanted) / $0 * $0 } ?? wanted
      try fill(at: offset, max(min(most, source.byteCount - offset), wanted))
    }
    unsafe bytes.withUnsafeBytes { buffer in
      unsafe body(
        UnsafeRawBufferPointer(rebasing: buffer[(offset - start)..<(offset - start + wanted)]))
    }
  }

  private mutating func fill(at offset: Int, _ length: Int) throws(CheckpointError) {
    count = 0
    if bytes.count < length {
      bytes = try source.bytes(at: offset, count: length)
    } else {
      let source = source
      let result = unsafe bytes.withUnsafeMutableBytes { buffer in
        Result { () throws(CheckpointError) in
          try unsafe source.read(
            at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<length]))
        }
      }
      try result.get()
    }
    (start, count) = (offset, length)
  }
}
