package import CheckpointBytes
internal import TensorValues

/// The part of a matrix of steps that has one scale: blocks of so many rows and columns, side by side from the first element on, those
/// at the ends cut off. So DeepSeek stores matrices of 8-bit floats.
package struct ScaleBlock: Sendable, Hashable {
  /// The number of rows, at least 1.
  package let rows: Int
  /// The number of columns, at least 1.
  package let columns: Int

  /// Takes the extents; nil unless each is at least 1.
  package init?(rows: Int, columns: Int) {
    guard rows > 0, columns > 0 else { return nil }
    self.rows = rows
    self.columns = columns
  }

  private init(all extent: Int) { (rows, columns) = (extent, extent) }

  /// The whole of any matrix.
  package static let whole = ScaleBlock(all: .max)
}

extension Weight {
  /// A matrix of steps times the scale of each block: step · scale in float32, rounded once.
  ///
  /// - Parameters:
  ///   - steps: I8 or F8_E4M3, `[rows, columns]`, with elements.
  ///   - scales: Real numbers of at most 32 bits, one for each block: `[⌈rows ÷ block.rows⌉, ⌈columns ÷ block.columns⌉]`.
  ///   - block: The extents of a block.
  /// - Throws: `unsupported` for other types or shapes.
  package static func scaled(
    _ steps: Weight, by scales: Weight, of block: ScaleBlock
  ) throws(CheckpointError) -> Weight {
    let (whole, own) = (steps.shape, scales.shape.dimensions)
    guard steps.canBeSteps, scales.canBeScales, whole.elementCount > 0,
      own == [
        (whole.dimensions[0] - 1) / block.rows + 1, (whole.dimensions[1] - 1) / block.columns + 1,
      ],
      let spread = try? StoredTensor(
        source: BlockScales(try scales.cast(to: .f32), of: block, whole), dtype: .f32,
        layout: StridedLayout(packed: whole))
    else { throw steps.refusal(ofScales: scales) }
    return try scaledUnchecked(steps, Weight(spread))
  }
}

/// The scales of blocks, as one for each element of the matrix.
private final class BlockScales: ByteSource {
  private let scales: Weight
  private let block: ScaleBlock
  private let shape: Shape

  init(_ scales: Weight, of block: ScaleBlock, _ shape: Shape) {
    self.scales = scales
    self.block = block
    self.shape = shape
  }

  var byteCount: Int { DType.f32.byteCount(elementCount: shape.elementCount) ?? 0 }
  var fileRange: FileRange? { nil }
  var origin: String { "scales of blocks ← " + scales.lineage }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let (columns, blocks) = (shape.dimensions[1], scales.shape.dimensions[1])
    let first = offset / 4
    var known: (row: Int, values: [Float]) = (-1, [])
    for index in 0..<destination.count / 4 {
      let (row, column) = (first + index).quotientAndRemainder(dividingBy: columns)
      let blockRow = row / block.rows
      if blockRow != known.row {
        known = (blockRow, try scales.floats(from: blockRow * blocks, count: blocks))
      }
      unsafe destination.storeBytes(
        of: known.values[column / block.columns], toByteOffset: index * 4, as: Float.self)
    }
  }

  func verifyIntegrity() throws(CheckpointError) {
    for source in scales.sources { try source.verifyIntegrity() }
  }
}
