internal import Weighbridge

/// Rows whose names differ in one number only, put together: `layer.{0…11}.weight`.
struct FoldedNames {
  /// One row, or several that are alike.
  struct Group {
    let name: String
    let first: InspectReport.Row
    let count: Int

    init(_ row: InspectReport.Row) {
      name = row.name.string
      first = row
      count = 1
    }

    fileprivate init(_ name: String, _ rows: [InspectReport.Row]) {
      self.name = name
      first = rows[0]
      count = rows.count
    }
  }

  private struct Key: Hashable {
    let prefix: ExactName
    let suffix: ExactName
    let dtype: DType
    let shape: Shape
  }

  let groups: [Group]

  init(_ rows: [InspectReport.Row]) {
    var order: [Key?] = []
    var members: [Key: [(number: Int, row: InspectReport.Row)]] = [:]
    var singles: [Int: InspectReport.Row] = [:]
    for row in rows {
      if let (prefix, number, suffix) = FoldedNames.split(row.name.string), row.tiedTo == nil {
        let key = Key(
          prefix: ExactName(prefix), suffix: ExactName(suffix), dtype: row.weight.dtype,
          shape: row.weight.shape)
        if members[key] == nil { order.append(key) }
        members[key, default: []].append((number, row))
      } else {
        singles[order.count] = row
        order.append(nil)
      }
    }
    groups = order.indices.flatMap { position -> [Group] in
      guard let key = order[position], let rows = members[key] else {
        return singles[position].map { [Group($0)] } ?? []
      }
      let numbers = rows.map(\.number)
      let isRun = zip(numbers, numbers.dropFirst()).allSatisfy { $0 + 1 == $1 }
      guard rows.count > 1, isRun else { return rows.map { Group($0.row) } }
      let name = "\(key.prefix){\(numbers[0])…\(numbers[numbers.count - 1])}\(key.suffix)"
      return [Group(name, rows.map(\.row))]
    }
  }

  /// A name with exactly one numeric component, cut around it.
  private static func split(_ name: String) -> (String, Int, String)? {
    let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let numeric = parts.filter { part in
      !part.isEmpty && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
    guard numeric.count == 1, let part = numeric.first, let number = Int(Substring(part)) else {
      return nil
    }
    return (
      String(name[..<part.startIndex]), number, String(name[part.endIndex...])
    )
  }
}

/// Columns of text.
enum TextTable {
  /// Rows as lines, columns as wide as their widest cell; a row of one cell is printed as it is.
  static func lines(_ rows: [[String]]) -> [String] {
    var widths: [Int] = []
    for row in rows where row.count > 1 {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.count)
      }
    }
    return rows.map { row in
      guard row.count > 1 else { return row.first ?? "" }
      var line = ""
      for (column, cell) in row.enumerated() {
        line += cell
        if column < row.count - 1 {
          line += String(repeating: " ", count: widths[column] - cell.count + 2)
        }
      }
      return line
    }
  }
}
