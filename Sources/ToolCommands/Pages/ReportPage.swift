internal import Weighbridge

/// A report as a page for a browser: what is in it, and nothing of how it looks. ``ReportPage/html`` is one file that needs no
/// other.
struct ReportPage {
  /// A sentence that says how it ended.
  struct Verdict {
    let text: String
    let isGood: Bool
  }

  /// A part of the page under a heading.
  enum Section {
    case table(PageTable)
    case list(title: String, items: [String])
    case pictures(AttentionPictures)
    /// A text whose words are shaded by numbers, those above 0 in one colour and those below in another.
    case shaded(title: String, words: [(text: String, weight: Double)])
  }

  /// The command that made it: `inspect`.
  let command: String
  /// What it is about, mostly a path.
  let title: String
  var verdict: Verdict?
  /// What is known of the whole, by name.
  var facts: [(name: String, value: String)] = []
  var sections: [Section] = []

  init(_ command: String, title: String) {
    self.command = command
    self.title = title
  }

  /// Adds a list, unless it is empty.
  mutating func addList(_ title: String, _ items: [String]) {
    if !items.isEmpty { sections.append(.list(title: title, items: items)) }
  }

  /// Adds a table, unless it is empty.
  mutating func add(_ table: PageTable) {
    if !table.rows.isEmpty { sections.append(.table(table)) }
  }

  /// Adds pictures of what heads look at, unless there are none.
  mutating func add(_ pictures: AttentionPictures) {
    if !pictures.layers.isEmpty { sections.append(.pictures(pictures)) }
  }

  /// Writes the page; a file that exists is replaced.
  func write(to path: String) throws(CheckpointError) {
    let file = try OutputFile(path: path)
    try file.write(Array(html.utf8), at: 0)
    try file.commit()
  }
}

/// Rows that the reader sorts, filters and looks into.
struct PageTable {
  /// How a column is shown and sorted.
  enum Kind: String {
    /// Text, sorted as text; numbers in it by their value.
    case text
    /// A name whose components are the branches of a tree.
    case name
    case number
    case bytes
    case shape
    /// A distribution, drawn.
    case histogram
  }

  /// A cell.
  enum Cell {
    case none
    case text(String)
    case number(Double)
    case integer(Int)
    case integers([Int])
  }

  /// What is shown of a row that is looked into.
  struct Detail {
    var facts: [(name: String, value: String)] = []
    var histogram: (low: Double, high: Double, counts: [Int])?
    /// Values that stand out, with their places.
    var values: [(place: String, value: Double)] = []
  }

  struct Row {
    var cells: [Cell]
    /// True for what a reader is to look at first.
    var isBad = false
    var detail = Detail()
  }

  let title: String
  let columns: [(title: String, kind: Kind)]
  var rows: [Row] = []
  /// What stands between the components of names; nil if there is no tree to be made.
  var separator: String?
  /// True if the tree is what is seen first, and not the rows in their order.
  var startsAsTree = false

  init(_ title: String, _ columns: [(title: String, kind: Kind)]) {
    self.title = title
    self.columns = columns
  }
}

// MARK: For the script of the page

extension ReportPage {
  /// What the script draws.
  var json: JSONValue {
    .object([
      JSONValue.Member("command", .string(command)), JSONValue.Member("title", .string(title)),
      JSONValue.Member(
        "verdict",
        verdict.map {
          .object([
            JSONValue.Member("text", .string($0.text)),
            JSONValue.Member("good", .boolean($0.isGood)),
          ])
        } ?? .null), JSONValue.Member("facts", Self.pairs(facts)),
      JSONValue.Member(
        "sections",
        .array(
          sections.map { section in
            switch section {
            case .table(let table): table.json
            case .pictures(let pictures): pictures.json
            case .list(let title, let items):
              .object([
                JSONValue.Member("title", .string(title)),
                JSONValue.Member("items", .array(items.map { .string($0) })),
              ])
            case .shaded(let title, let words):
              .object([
                JSONValue.Member("title", .string(title)),
                JSONValue.Member(
                  "words",
                  .array(
                    words.map { .array([.string($0.text), PageTable.Cell.number($0.weight).json]) })
                ),
              ])
            }
          })),
    ])
  }

  fileprivate static func pairs(_ facts: [(name: String, value: String)]) -> JSONValue {
    .array(facts.map { .array([.string($0.name), .string($0.value)]) })
  }
}

extension PageTable {
  fileprivate var json: JSONValue {
    .object([
      JSONValue.Member("title", .string(title)),
      JSONValue.Member("separator", separator.map { .string($0) } ?? .null),
      JSONValue.Member("tree", .boolean(startsAsTree)),
      JSONValue.Member(
        "columns",
        .array(columns.map { .array([.string($0.title), .string($0.kind.rawValue)]) })),
      JSONValue.Member(
        "rows",
        .array(
          rows.map { row in
            var members = [JSONValue.Member("c", .array(row.cells.map(\.json)))]
            if row.isBad { members.append(JSONValue.Member("bad", .boolean(true))) }
            if let detail = row.detail.json { members.append(JSONValue.Member("d", detail)) }
            return .object(members)
          })),
    ])
  }
}

extension PageTable.Cell {
  fileprivate var json: JSONValue {
    switch self {
    case .none: .null
    case .text(let text): .string(text)
    case .number(let value): value.isFinite ? .double(value) : .string("\(value)")
    case .integer(let value): .integer(value)
    case .integers(let values): .array(values.map { .integer($0) })
    }
  }
}

extension PageTable.Detail {
  fileprivate var json: JSONValue? {
    var members: [JSONValue.Member] = []
    if !facts.isEmpty { members.append(JSONValue.Member("facts", ReportPage.pairs(facts))) }
    if let histogram {
      members.append(
        JSONValue.Member(
          "histogram",
          .object([
            JSONValue.Member("low", .double(histogram.low)),
            JSONValue.Member("high", .double(histogram.high)),
            JSONValue.Member("counts", .array(histogram.counts.map { .integer($0) })),
          ])))
    }
    if !values.isEmpty {
      members.append(
        JSONValue.Member(
          "values",
          .array(values.map { .array([.string($0.place), PageTable.Cell.number($0.value).json]) })))
    }
    return members.isEmpty ? nil : .object(members)
  }
}
