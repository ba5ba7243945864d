/// Columns of text, as wide as their widest cell, and no wider than the terminal: there names are cut in the middle.
package struct TextTable {
  /// A column with its heading.
  package struct Column {
    let title: String
    var isRight = false
    /// True if cells may be cut where there is not enough room; names and paths.
    var isFlexible = false

    /// Text: to the left, as long as it is.
    package static func text(_ title: String) -> Column { Column(title: title) }
    /// A name: to the left, cut in the middle where there is no room.
    package static func name(_ title: String) -> Column { Column(title: title, isFlexible: true) }
    /// A number: to the right.
    package static func number(_ title: String) -> Column { Column(title: title, isRight: true) }
  }

  /// A line of cells, and what stands below it in lines of its own.
  struct Row {
    var cells: [String]
    var role: TextRole?
    var below: [String] = []
  }

  private let columns: [Column]
  private var rows: [Row] = []
  /// The least that a column is cut to.
  private static let leastWidth = 12
  private static let gap = "  "

  package init(_ columns: Column...) { self.columns = columns }

  /// Adds a row. Of fewer cells than there are columns the last takes what room there is.
  package mutating func add(_ cells: [String], _ role: TextRole? = nil, below: [String] = []) {
    rows.append(Row(cells: cells, role: role, below: below))
  }

  /// The lines, headings first; none without rows.
  package func lines(_ style: TextStyle = .plain) -> [String] {
    guard !rows.isEmpty else { return [] }
    // A column of which nothing is known anywhere says nothing.
    let used = columns.indices.filter { column in
      column == 0 || rows.contains { column < $0.cells.count && !$0.cells[column].isEmpty }
    }
    let widths = widths(of: used, style.width)
    var lines: [String] = []
    if used.contains(where: { !columns[$0].title.isEmpty }) {
      let titles = columns.map(\.title)
      lines.append(style.paint(line(titles, used, widths), .heading))
    }
    for row in rows {
      lines.append(style.paint(line(row.cells, used, widths), row.role))
      lines += row.below.flatMap(style.folded).map { style.paint($0, .faint) }
    }
    return lines
  }

  private func widths(of used: [Int], _ room: Int?) -> [Int] {
    var widths = used.map { column in
      rows.reduce(columns[column].title.shownWidth) { width, row in
        column < row.cells.count && !spans(column, row.cells)
          ? max(width, row.cells[column].shownWidth) : width
      }
    }
    guard let room else { return widths }
    // The widest of those that may be cut gives way first.
    var excess = widths.reduce(0, +) + Self.gap.count * (widths.count - 1) - room
    while excess > 0 {
      let flexible = widths.indices.filter {
        columns[used[$0]].isFlexible && widths[$0] > Self.leastWidth
      }
      guard let widest = flexible.max(by: { widths[$0] < widths[$1] }) else { break }
      let next = flexible.filter { $0 != widest }.map { widths[$0] }.max() ?? Self.leastWidth
      let cut = min(excess, max(1, widths[widest] - max(next, Self.leastWidth)))
      widths[widest] -= cut
      excess -= cut
    }
    return widths
  }

  /// True for the last cell of a row that has fewer of them than there are columns.
  private func spans(_ column: Int, _ cells: [String]) -> Bool {
    column == cells.count - 1 && cells.count < columns.count
  }

  private func line(_ cells: [String], _ used: [Int], _ widths: [Int]) -> String {
    // Put together as bytes: text is looked at with each part that is appended.
    var line: [UInt8] = []
    line.reserveCapacity(widths.reduce(0) { $0 + $1 + Self.gap.utf8.count })
    for (place, column) in used.enumerated() where column < cells.count {
      if place > 0 { line += Self.gap.utf8 }
      if spans(column, cells) {
        line += cells[column].utf8
        break
      }
      var (cell, width) = (cells[column], cells[column].shownWidth)
      if width > widths[place] {
        cell = cutInTheMiddle(cell, to: widths[place])
        width = cell.shownWidth
      }
      if columns[column].isRight { pad() }
      line += cell.utf8
      if !columns[column].isRight { pad() }

      func pad() {
        for _ in 0..<max(0, widths[place] - width) { line.append(UInt8(ascii: " ")) }
      }
    }
    while line.last == UInt8(ascii: " ") { line.removeLast() }
    return String(decoding: line, as: UTF8.self)
  }
}
