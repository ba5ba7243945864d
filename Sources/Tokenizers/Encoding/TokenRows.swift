/// The tokens of many texts, one row each, in flat arrays: what models take, without an object a text.
public struct TokenRows: Sendable, Equatable {
  /// The ids of all rows, one row after the other.
  public internal(set) var ids: [UInt32] = []
  /// Which part of its text each token stands for, in Unicode scalars, as ``Encoding/offsets``; nil if that was not asked
  /// for.
  public internal(set) var offsets: [Range<UInt32>]?
  /// Where each row ends in ``ids``.
  public internal(set) var rowEnds: [Int] = []

  /// No rows.
  public init(placesTokens: Bool = false) {
    offsets = placesTokens ? [] : nil
  }

  /// How many rows there are.
  public var count: Int { rowEnds.count }

  /// Where a row's tokens lie in ``ids`` and ``offsets``; empty for a row that is not there.
  public func range(ofRow row: Int) -> Range<Int> {
    guard rowEnds.indices.contains(row) else { return 0..<0 }
    return (row == 0 ? 0 : rowEnds[row - 1])..<rowEnds[row]
  }

  /// The ids of a row.
  public subscript(row: Int) -> ArraySlice<UInt32> { ids[range(ofRow: row)] }

  /// Appends other rows, of which the offsets are known if they are here.
  mutating func append(_ other: TokenRows) {
    let start = ids.count
    ids += other.ids
    if let more = other.offsets { offsets? += more }
    rowEnds += other.rowEnds.lazy.map { start + $0 }
  }

  /// Appends the row that an encoding is.
  mutating func append(_ encoding: Encoding) {
    ids += encoding.ids.lazy.map { UInt32(truncatingIfNeeded: $0) }
    offsets?.append(
      contentsOf: encoding.offsets.lazy.map {
        UInt32(truncatingIfNeeded: $0.lowerBound)..<UInt32(truncatingIfNeeded: $0.upperBound)
      })
    rowEnds.append(ids.count)
  }
}
