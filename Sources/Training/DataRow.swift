public import CheckpointBytes

/// One example as it stands in a file: values by the keys of columns.
public struct DataRow: Sendable {
  /// The values, in the order of the file.
  public let values: JSONValue
  /// Where it stands.
  public let file: String
  /// The line, counted from 1; nil where a file is one example.
  public let line: Int?
  /// True for a row of a table, whose columns have no types: what is a number is its text.
  private(set) var isOfTexts = false

  /// An example.
  public init(_ values: JSONValue, file: String, line: Int? = nil) {
    self.values = values
    self.file = file
    self.line = line
  }

  /// A row of a table.
  init(columns: [String], _ texts: [String], file: String, line: Int) {
    self.init(
      .object(zip(columns, texts).map { JSONValue.Member(ExactName($0), .string($1)) }),
      file: file, line: line)
    isOfTexts = true
  }

  /// The keys of its columns.
  var keys: [String] { values.members?.map { $0.key.string } ?? [] }

  /// The value of the first of some keys that is there.
  func value(_ keys: [String]) -> JSONValue? {
    for key in keys {
      if let value = values[ExactName(key)], value != .null { return value }
    }
    return nil
  }

  /// The text under one of some keys.
  func text(_ keys: [String]) throws(CheckpointError) -> String {
    guard let found = value(keys) else {
      throw failure(
        .notFound, keys[0],
        "expected \(keys.map { quoted($0) }.joined(separator: " or ")), there are "
          + "\(self.keys.map { quoted($0) }.joined(separator: ", "))")
    }
    guard let text = found.string else {
      throw failure(
        .malformed, keys[0],
        "expected a text, found \(singleLine(JSONWriter.text(found), limit: 60))")
    }
    return text
  }

  /// An error about this example.
  func failure(
    _ kind: FailureKind, _ key: String?, _ problem: String, remedy: Wording? = nil
  ) -> CheckpointError {
    let place = line.map { "line \($0)" }
    let field = [place, key].compactMap { $0 }.joined(separator: ", ")
    return CheckpointError(
      kind, file: file, field: field.isEmpty ? nil : field, problem, remedy: remedy)
  }
}

/// Examples to learn from.
public struct TrainingData: Sendable {
  /// The examples, in the order of the files.
  public let rows: [DataRow]
  /// What lies beside them and is none of them, a sentence each.
  public let notes: [String]

  /// Examples that were put together.
  public init(_ rows: [DataRow]) { self.init(rows, notes: []) }

  private init(_ rows: [DataRow], notes: [String]) {
    self.rows = rows
    self.notes = notes
  }

  /// Examples of a file or a directory: JSON objects line by line (`.jsonl`), rows under a header (`.csv`, `.tsv`), a text a line
  /// (`.txt`), or a directory of texts by label.
  ///
  /// - Throws: `unsupported` for another kind of file, `inconsistent` if there is no example, `malformed` with the line.
  public init(path: String) throws(CheckpointError) {
    if try PathKind(path: path) == .directory {
      self = try .textFolder(path)
      return
    }
    notes = []
    switch path.split(separator: ".").last?.lowercased() {
    case "jsonl", "ndjson", "json": rows = try Self.lines(path)
    case "csv": rows = try SeparatedValues.rows(path, separator: ",")
    case "tsv": rows = try SeparatedValues.rows(path, separator: "\t")
    case "txt": rows = try Self.texts(path)
    default:
      throw CheckpointError(
        .unsupported, file: path, "its name tells no kind of examples",
        remedy: "there are .jsonl, .csv, .tsv, .txt and directories of texts by label")
    }
    try requireRows(path)
  }

  /// Texts in directories that are named by their labels: `pos/0_9.txt`, `neg/1_2.txt` (the layout of the IMDB reviews). What lies in
  /// `unsup`, as these call reviews without a label, is left aside.
  ///
  /// - Throws: `inconsistent` if there is no text, in all or of a label.
  public static func textFolder(_ path: String) throws(CheckpointError) -> TrainingData {
    var rows: [DataRow] = []
    var notes: [String] = []
    for label in try Directory.names(in: path).sorted() {
      let directory = Directory.join(path, label)
      guard !label.hasPrefix("."), try PathKind(path: directory) == .directory else { continue }
      guard label != "unsup" else {
        notes.append("\(singleLine(directory)): texts without a label, left aside")
        continue
      }
      let names = try Directory.names(in: directory).sorted().filter { $0.hasSuffix(".txt") }
      guard !names.isEmpty else {
        throw CheckpointError(
          .inconsistent, file: directory, "expected texts of this label (*.txt), found none")
      }
      for name in names {
        let file = Directory.join(directory, name)
        let source = try SourceFile(path: file)
        let bytes = try source.bytes(at: 0, count: source.size)
        let text = try string(bytes[...], DataRow(.null, file: file))
        rows.append(
          DataRow(
            .object([
              JSONValue.Member("text", .string(text)), JSONValue.Member("label", .string(label)),
            ]), file: file))
      }
    }
    let data = TrainingData(rows, notes: notes)
    try data.requireRows(path)
    return data
  }

  private func requireRows(_ path: String) throws(CheckpointError) {
    guard rows.isEmpty else { return }
    throw CheckpointError(.inconsistent, file: path, "there is no example in it")
  }

  private static func lines(_ path: String) throws(CheckpointError) -> [DataRow] {
    var rows: [DataRow] = []
    try forEachLine(path) { (line, number) throws(CheckpointError) in
      let place = DataRow(.null, file: path, line: number)
      let value: JSONValue
      do throws(ParseFailure) {
        value = try JSONValue(parsing: Array(line), context: "JSON")
      } catch {
        throw place.failure(.malformed, nil, "no JSON: \(error.problem)")
      }
      guard value.members != nil else {
        throw place.failure(
          .malformed, nil,
          "expected a JSON object, found \(singleLine(JSONWriter.text(value), limit: 60))")
      }
      rows.append(DataRow(value, file: path, line: number))
    }
    return rows
  }

  private static func texts(_ path: String) throws(CheckpointError) -> [DataRow] {
    var rows: [DataRow] = []
    try forEachLine(path) { (line, number) throws(CheckpointError) in
      let text = try string(line, DataRow(.null, file: path, line: number))
      rows.append(
        DataRow(.object([JSONValue.Member("text", .string(text))]), file: path, line: number))
    }
    return rows
  }

  private static func forEachLine(
    _ path: String, _ body: (ArraySlice<UInt8>, Int) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let reader = try LineReader(path: path)
    while let block = try reader.next() {
      try block.forEachLine { (line, number) throws(CheckpointError) in
        try body(block.bytes[line], number)
      }
    }
  }

  /// The bytes as text. Throws `malformed` if they are no UTF-8.
  static func string(
    _ bytes: ArraySlice<UInt8>, _ row: DataRow
  ) throws(CheckpointError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw row.failure(.malformed, nil, "it is no UTF-8")
    }
    return text
  }
}
