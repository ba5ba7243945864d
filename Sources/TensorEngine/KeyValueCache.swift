internal import CKernels
public import CheckpointBytes

/// The keys and values of one layer that generation has computed so far, for some sequences.
///
/// They are kept packed, so that nothing is done twice when they are read, and in float32 whatever else a set of kernels rounds. Room is made ahead and doubled when it is used up.
/// A cache is used by one task at a time.
public final class KeyValueCache {
  /// The number of heads.
  public var heads: Int { layout.heads }
  /// The features of a head.
  public var headSize: Int { layout.headSize }
  /// The number of positions of each sequence.
  public private(set) var lengths: [Int]
  let layout: KeyValueLayout
  /// Positions of one sequence that there is room for; a multiple of 32.
  private(set) var capacity: Int
  private var keys: TensorStorage
  private var values: TensorStorage
  /// Rooms for a sequence that the storage has.
  private var slotCount: Int
  /// The room of each sequence, all different.
  private var slots: [Int]

  /// An empty cache with room for `capacity` positions of each sequence.
  public init(
    sequences: Int, heads: Int, headSize: Int, capacity: Int = 128
  ) throws(CheckpointError) {
    let name = "KeyValueCache"
    _ = try TensorStorage.count(heads, headSize, name)
    guard sequences >= 0, sequences <= RaggedBatch.mostSequences, heads <= KeyValueLayout.mostHeads,
      headSize <= 1 << 20, capacity >= 0, capacity <= 1 << 40
    else {
      throw CheckpointError(
        .inconsistent, name, "shape",
        "[\(sequences), \(heads), \(capacity), \(headSize)] makes no cache")
    }
    layout = KeyValueLayout(heads: heads, headSize: headSize, products: .plain)
    lengths = Array(repeating: 0, count: sequences)
    self.capacity = max(KeyValueLayout.panelColumns, KeyValueLayout.rounded(capacity))
    slotCount = sequences
    slots = Array(0..<sequences)
    (keys, values) = try Self.storage(layout, sequences, self.capacity)
  }

  private static func storage(
    _ layout: KeyValueLayout, _ sequences: Int, _ capacity: Int
  ) throws(CheckpointError) -> (TensorStorage, TensorStorage) {
    let positions = try TensorStorage.count(sequences, capacity, "KeyValueCache")
    guard let size = layout.size(positions: positions) else {
      throw CheckpointError(
        .limitExceeded, "KeyValueCache", "capacity", "\(positions) positions cannot be counted")
    }
    return (
      try TensorStorage(capacity: size.keys, "KeyValueCache"),
      try TensorStorage(capacity: size.values, "KeyValueCache")
    )
  }

  /// Where one sequence's keys and values are.
  func region(_ sequence: Int) -> KeyValueRegion { room(slots[sequence]) }

  private func room(_ slot: Int) -> KeyValueRegion {
    KeyValueRegion(layout, keys: keys, values: values, start: slot * capacity, capacity: capacity)
  }

  /// Adds keys and values to the end of each sequence: `batch.lengths[i]` rows to sequence `i`.
  ///
  /// Both tensors are `[tokens, heads · headSize]`. Throws a mismatch if they are not, or if the batch has another number of
  /// sequences.
  public func append(
    key: Tensor, value: Tensor, _ batch: RaggedBatch, in context: ExecutionContext
  ) throws(CheckpointError) {
    let name = "KeyValueCache.append"
    try expect(batch.count, equals: lengths.count, name, "batch", "sequences")
    try expect(key.rows, equals: batch.tokenCount, name, "key", "rows")
    try expect(value.rows, equals: batch.tokenCount, name, "value", "rows")
    try expect(key.columns, equals: heads * headSize, name, "key", "columns")
    try expect(value.columns, equals: heads * headSize, name, "value", "columns")
    try key.refuseGradient(name, "key")
    try value.refuseGradient(name, "value")
    var longest = 0
    for sequence in lengths.indices {
      longest = max(longest, lengths[sequence] + batch.lengths[sequence])
    }
    try reserve(longest)
    context.pool.run(lengths.count * heads) { index, _ in
      let (sequence, head) = index.quotientAndRemainder(dividingBy: heads)
      region(sequence).pack(
        key: key, value: value, rows: batch.starts[sequence]..<batch.starts[sequence + 1],
        head: head, at: lengths[sequence])
    }
    extendLifetime((key, value))
    for sequence in lengths.indices { lengths[sequence] += batch.lengths[sequence] }
  }

  /// Makes room for `positions` positions of each sequence.
  public func reserve(_ positions: Int) throws(CheckpointError) {
    guard positions > capacity else { return }
    let (doubled, overflow) = capacity.multipliedReportingOverflow(by: 2)
    guard !overflow, positions <= Int.max - KeyValueLayout.panelColumns else {
      throw CheckpointError(
        .limitExceeded, "KeyValueCache.reserve", "positions", "\(positions) are too many")
    }
    try rebuild(from: Array(lengths.indices), capacity: max(doubled, positions))
  }

  /// Lets sequence `i` go on with what sequence `sources[i]` has so far, as beam search needs it; there may be more or fewer
  /// sequences afterwards. Only what is needed twice is copied. Throws `inconsistent` for a sequence that there is not.
  public func reorder(_ sources: [Int]) throws(CheckpointError) {
    for source in sources where source < 0 || source >= lengths.count {
      throw CheckpointError(
        .inconsistent, "KeyValueCache.reorder", "sources",
        "expected below \(lengths.count), found \(source)")
    }
    guard sources.count <= slotCount else {
      try rebuild(from: sources, capacity: capacity)
      return
    }
    var isKept = [Bool](repeating: false, count: slotCount)
    for source in sources { isKept[slots[source]] = true }
    var free = isKept.indices.filter { !isKept[$0] }
    var reordered: [Int] = []
    for source in sources {
      let slot = slots[source]
      if isKept[slot] {
        // The first to go on with it keeps its place.
        isKept[slot] = false
        reordered.append(slot)
      } else if let copy = free.popLast() {
        room(slot).copy(lengths[source], to: room(copy))
        reordered.append(copy)
      }
    }
    lengths = sources.map { lengths[$0] }
    slots = reordered
  }

  /// Forgets all positions, and keeps the room.
  public func removeAll() {
    for sequence in lengths.indices { lengths[sequence] = 0 }
  }

  private func rebuild(from sources: [Int], capacity: Int) throws(CheckpointError) {
    let rounded = KeyValueLayout.rounded(capacity)
    let (newKeys, newValues) = try Self.storage(layout, sources.count, rounded)
    for (sequence, source) in sources.enumerated() {
      let old = region(source)
      let new = KeyValueRegion(
        layout, keys: newKeys, values: newValues, start: sequence * rounded, capacity: rounded)
      old.copy(lengths[source], to: new)
    }
    lengths = sources.map { lengths[$0] }
    slotCount = sources.count
    slots = Array(sources.indices)
    self.capacity = rounded
    keys = newKeys
    values = newValues
  }
}

extension KeyValueRegion {
  /// Copies the first positions into a region of the same layout with room for them.
  fileprivate func copy(_ positions: Int, to other: KeyValueRegion) {
    let parts = KeyValueLayout.rounded(positions) / KeyValueLayout.panelColumns
    for head in 0..<layout.heads {
      unsafe weighbridge_copy(
        keyPanel(head: head, position: 0), other.keyPanel(head: head, position: 0),
        parts * layout.keyPanelSize)
      for panel in 0..<layout.featurePanels {
        unsafe weighbridge_copy(
          valuePanel(head: head, panel: panel, position: 0),
          other.valuePanel(head: head, panel: panel, position: 0), parts * layout.valuePartSize)
      }
    }
  }
}
