internal import CKernels

/// Keys and values of some sequences in the order in which attention's products read them.
///
/// Each sequence has room for a multiple of 32 positions. Of each head there are first the keys, transposed: panels
/// (feature × 32 positions); and in a second buffer the values: panels (position × 32 features), the last one filled up with
/// zeros. So the same product serves attention as serves linear layers, and a cache needs no packing when it is read.
struct KeyValueLayout: Sendable {
  let heads: Int
  let headSize: Int

  static let panelColumns = Int(WEIGHBRIDGE_PANEL_COLUMNS)
  /// More than any model has; heads without features would be free otherwise.
  static let mostHeads = 1 << 20

  /// Panels of values of a head.
  var featurePanels: Int { (headSize + Self.panelColumns - 1) / Self.panelColumns }

  static func rounded(_ positions: Int) -> Int {
    (positions + panelColumns - 1) / panelColumns * panelColumns
  }

  /// Floats of keys and of values that one position needs, or nil beyond what can be counted.
  func size(positions: Int) -> (keys: Int, values: Int)? {
    let (keys, first) = (heads * headSize).multipliedReportingOverflow(by: positions)
    let (values, second) = (heads * featurePanels * Self.panelColumns)
      .multipliedReportingOverflow(by: positions)
    return first || second ? nil : (keys, values)
  }
}

/// Where the keys and values of one sequence are, and for how many positions there is room.
@safe struct KeyValueRegion {
  let layout: KeyValueLayout
  let keys: UnsafeMutablePointer<Float>
  let values: UnsafeMutablePointer<Float>
  /// A multiple of 32.
  let capacity: Int

  init(
    _ layout: KeyValueLayout, keys: TensorStorage, values: TensorStorage, start: Int, capacity: Int
  ) {
    self.layout = layout
    let width = KeyValueLayout.panelColumns
    unsafe self.keys = unsafe keys.memory + start * layout.heads * layout.headSize
    unsafe self.values = unsafe values.memory + start * layout.heads * layout.featurePanels * width
    self.capacity = capacity
  }

  /// The panel of keys that holds a position (a multiple of 32).
  @unsafe func keyPanel(head: Int, position: Int) -> UnsafeMutablePointer<Float> {
    unsafe keys + (head * capacity + position) * layout.headSize
  }

  /// A panel of values from a position on.
  @unsafe func valuePanel(head: Int, panel: Int, position: Int) -> UnsafeMutablePointer<Float> {
    let width = KeyValueLayout.panelColumns
    return unsafe values + ((head * layout.featurePanels + panel) * capacity + position) * width
  }

  /// Packs rows of keys and values as the positions from `first` on, for one head. Whatever a started panel holds beyond them
  /// is zeroed, so that nothing is ever computed from memory that nobody wrote.
  func pack(key: Tensor, value: Tensor, rows: Range<Int>, head: Int, at first: Int) {
    let width = KeyValueLayout.panelColumns
    let size = layout.headSize
    var row = rows.lowerBound
    while row < rows.upperBound {
      let position = first + row - rows.lowerBound
      let lane = position % width
      let count = min(width - lane, rows.upperBound - row)
      let panel = unsafe keyPanel(head: head, position: position - lane)
      if lane == 0, count < width { unsafe weighbridge_fill(panel, size * width, 0) }
      unsafe weighbridge_pack_panel(
        key.pointer(row: row) + head * size, 1, key.stride, size, count, panel + lane)
      row += count
    }
    for panel in 0..<layout.featurePanels {
      let columns = min(width, size - panel * width)
      let to = unsafe valuePanel(head: head, panel: panel, position: first)
      if columns < width { unsafe weighbridge_fill(to, rows.count * width, 0) }
      unsafe weighbridge_pack_panel(
        value.pointer(row: rows.lowerBound) + head * size + panel * width, value.stride, 1,
        rows.count, columns, to)
    }
  }
}
