internal import CKernels

/// Keys and values of some sequences in the order in which attention's products read them.
///
/// Each sequence has room for a multiple of 32 positions. Of each head there are first the keys, as weights of a product that maps
/// features to scores: panels of 32 positions; and in a second buffer the values, as weights of one that maps positions to
/// features: panels of 32 features, the last one filled up with zeros. So the products of linear layers serve attention, and a
/// cache needs no packing when it is read.
struct KeyValueLayout: Sendable {
  let heads: Int
  let headSize: Int
  let products: AttentionProducts

  static let panelColumns = Int(WEIGHBRIDGE_PANEL_COLUMNS)
  /// More than any model has; heads without features would be free otherwise.
  static let mostHeads = 1 << 20

  /// Panels of values of a head.
  var featurePanels: Int { (headSize + Self.panelColumns - 1) / Self.panelColumns }

  /// Floats of a panel of keys, which has 32 positions of a head.
  var keyPanelSize: Int { products.panelSize(headSize) }

  /// Floats of 32 positions of a panel of values.
  var valuePartSize: Int { products.panelSize(Self.panelColumns) }

  static func rounded(_ positions: Int) -> Int {
    (positions + panelColumns - 1) / panelColumns * panelColumns
  }

  /// Floats of keys and of values that so many positions need, a multiple of 32, or nil beyond what can be counted.
  func size(positions: Int) -> (keys: Int, values: Int)? {
    let parts = positions / Self.panelColumns
    let (keys, first) = (heads * keyPanelSize).multipliedReportingOverflow(by: parts)
    let (values, second) = (heads * featurePanels * valuePartSize)
      .multipliedReportingOverflow(by: parts)
    return first || second ? nil : (keys, values)
  }
}

/// The products of attention: how queries, keys and values are packed for them, and what they round.
@safe struct AttentionProducts: @unchecked Sendable {
  /// Constant for the life of the process.
  let table: UnsafePointer<weighbridge_attention>

  /// How a cache is packed: as products of float32 that round nothing read it, in all sets of kernels. Which of these computes is the
  /// context's business.
  static let plain = unsafe AttentionProducts(
    table: KernelSet.portable.table.pointee.plain_attention)

  var loops: weighbridge_weights { unsafe table.pointee.products.pointee }

  /// Floats of a panel of so many rows.
  func panelSize(_ rows: Int) -> Int {
    unsafe table.pointee.products.pointee.packing.pointee.panel_size(rows)
      / MemoryLayout<Float>.size
  }

  /// Floats of a packed block of rows.
  func blockSize(_ rows: Int, _ depth: Int) -> Int {
    unsafe table.pointee.products.pointee.block_size(rows, depth) / MemoryLayout<Float>.size
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
    let parts = start / KeyValueLayout.panelColumns
    unsafe self.keys = unsafe keys.memory + parts * layout.heads * layout.keyPanelSize
    unsafe self.values =
      unsafe values.memory + parts * layout.heads * layout.featurePanels * layout.valuePartSize
    self.capacity = capacity
  }

  /// The panel of keys that holds a position (a multiple of 32).
  @unsafe func keyPanel(head: Int, position: Int) -> UnsafeMutablePointer<Float> {
    unsafe keys + (head * capacity + position) / KeyValueLayout.panelColumns * layout.keyPanelSize
  }

  /// A panel of values from a position (a multiple of 32) on.
  @unsafe func valuePanel(head: Int, panel: Int, position: Int) -> UnsafeMutablePointer<Float> {
    let positions = (head * layout.featurePanels + panel) * capacity + position
    return unsafe values + positions / KeyValueLayout.panelColumns * layout.valuePartSize
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
      let keys = unsafe keyPanel(head: head, position: position - lane)
      if lane == 0, count < width { unsafe weighbridge_fill(keys, layout.keyPanelSize, 0) }
      unsafe layout.products.table.pointee.pack(
        key.pointer(row: row) + head * size, 1, key.stride, keys, 0, size, lane, count)
      for panel in 0..<layout.featurePanels {
        let columns = min(width, size - panel * width)
        let values = unsafe valuePanel(head: head, panel: panel, position: position - lane)
        if lane == 0, count < width || columns < width {
          unsafe weighbridge_fill(values, layout.valuePartSize, 0)
        }
        unsafe layout.products.table.pointee.pack(
          value.pointer(row: row) + head * size + panel * width, value.stride, 1, values, lane,
          count, 0, columns)
      }
      row += count
    }
  }
}
