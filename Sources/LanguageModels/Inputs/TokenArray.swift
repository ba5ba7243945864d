public import CheckpointBytes

/// Whole numbers in a grid: token ids, masks, positions. `[batch, sequence]`, or `[batch, choices, sequence]`.
public struct TokenArray: Sendable, Hashable {
  /// The extents, outermost first; the last is the length of the sequences.
  public let dimensions: [Int]
  /// The numbers in row-major order.
  public let elements: [Int]

  /// Takes numbers in row-major order.
  ///
  /// - Throws: `mismatch` if there are not as many as the extents say.
  public init(dimensions: [Int], elements: [Int]) throws(CheckpointError) {
    var count = 1
    for extent in dimensions {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflow else {
        throw inputFailure(.malformed, nil, "extents \(dimensions) cannot be counted")
      }
      count = product
    }
    guard count == elements.count else {
      throw inputFailure(
        .mismatch, nil, "\(elements.count) numbers for extents \(dimensions), expected \(count)")
    }
    self.dimensions = dimensions
    self.elements = elements
  }

  /// `[batch, sequence]` of rows of one length.
  ///
  /// - Throws: `mismatch`, naming the row, if one has another length than the first.
  public init(_ rows: [[Int]]) throws(CheckpointError) {
    let length = rows.first?.count ?? 0
    if let row = rows.firstIndex(where: { $0.count != length }) {
      throw inputFailure(
        .mismatch, nil, "row \(row) has \(rows[row].count) numbers, row 0 has \(length)",
        remedy: "pad the rows to one length and mask the padding")
    }
    try self.init(dimensions: [rows.count, length], elements: Array(rows.joined()))
  }

  /// `[batch, choices, sequence]` of choices of one number and length.
  ///
  /// - Throws: `mismatch` if they differ.
  public init(choices: [[[Int]]]) throws(CheckpointError) {
    let count = choices.first?.count ?? 0
    guard choices.allSatisfy({ $0.count == count }) else {
      throw inputFailure(.mismatch, nil, "not every example has \(count) choices")
    }
    let rows = try TokenArray(Array(choices.joined()))
    try self.init(
      dimensions: [choices.count, count, rows.dimensions[1]], elements: rows.elements)
  }

  /// The length of the sequences.
  public var length: Int { dimensions.last ?? 0 }
  /// The number of sequences: all extents but the last multiplied.
  public var sequenceCount: Int { length == 0 ? 0 : elements.count / length }

  /// One sequence; its index must be below ``sequenceCount``.
  package func sequence(_ index: Int) -> ArraySlice<Int> {
    elements[(index * length)..<((index + 1) * length)]
  }

  /// The name of an element's place: `[1, 5]`.
  func place(of index: Int) -> String {
    var rest = index
    var indices: [String] = []
    for extent in dimensions.reversed() {
      indices.append(String(extent == 0 ? 0 : rest % extent))
      rest /= max(extent, 1)
    }
    return "[" + indices.reversed().joined(separator: ", ") + "]"
  }
}

/// An error about what a model is given: the argument stands where a file's field would.
func inputFailure(
  _ kind: FailureKind, _ argument: String?, _ problem: String, remedy: Wording? = nil
) -> CheckpointError {
  CheckpointError(kind, CheckpointError.Site(field: argument), problem, remedy: remedy)
}
