internal import CheckpointBytes
internal import TensorEngine

/// The labels of a data set, in the order of their classes. Two are one if their UTF-8 bytes are, as elsewhere in the field: "é" composed and
/// decomposed are two.
public struct LabelSet: Sendable, Hashable {
  /// The names by class.
  public let names: [String]
  private let classes: [ExactName: Int]

  /// Labels in the order of their classes.
  public init(_ names: [String]) {
    self.names = names
    classes = Dictionary(
      names.enumerated().map { (ExactName($1), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// All labels that examples have, sorted: numbers by their value, names by their bytes.
  ///
  /// - Parameter keys: Where a label stands.
  /// - Throws: What ``DataRow`` throws for examples without one.
  init(of rows: [DataRow], _ keys: [String]) throws(CheckpointError) {
    var found: Set<ExactName> = []
    for row in rows { found.formUnion(try Self.labels(of: row, keys).map { ExactName($0) }) }
    // `01` is a name: as a number it would be another label.
    let numbers = found.compactMap { label in
      Int(label.string).flatMap { String($0) == label.string ? $0 : nil }
    }
    self.init(
      numbers.count == found.count
        ? numbers.sorted().map(String.init) : found.sorted().map(\.string))
  }

  /// The number of labels.
  public var count: Int { names.count }

  /// The class of a label: by its name, which may be `LABEL_3` for 3, or by its number where no name is one. Nil for none of them.
  func index(of label: String) -> Int? {
    if let known = classes[ExactName(label)] ?? classes[ExactName(Self.unnamed + label)] {
      return known
    }
    guard let number = Int(label), String(number) == label, names.indices.contains(number),
      !names.contains(where: { Int($0) != nil || $0.hasPrefix(Self.unnamed) })
    else { return nil }
    return number
  }

  /// The names for messages, each in quotes: one may be empty.
  package var listed: String {
    singleLine(names.map { quoted($0) }.joined(separator: ", "), limit: 200)
  }

  /// What a model calls a class without a name, before its number.
  private static let unnamed = "LABEL_"

  /// The class of a label.
  ///
  /// - Throws: `inconsistent` for none of them, with file and line.
  func index(of label: String, _ row: DataRow, _ key: String) throws(CheckpointError) -> Int {
    if let known = index(of: label) { return known }
    throw row.failure(
      .inconsistent, key,
      "the label \(quoted(label)) is none of \(listed)")
  }

  /// The labels of an example as texts: one, or a list.
  static func labels(of row: DataRow, _ keys: [String]) throws(CheckpointError) -> [String] {
    guard let value = row.value(keys) else { return [try row.text(keys)] }
    // A table has no other way to say that there is none.
    guard !row.isOfTexts || value.string != "" else {
      throw row.failure(.notFound, keys[0], "expected a label, found an empty field")
    }
    if let list = value.elements {
      return try list.map { (element) throws(CheckpointError) in
        try text(of: element, row, keys[0])
      }
    }
    return [try text(of: value, row, keys[0])]
  }

  private static func text(
    of value: JSONValue, _ row: DataRow, _ key: String
  ) throws(CheckpointError) -> String {
    if let text = value.string ?? value.integer.map({ String($0) }) {
      guard text != String(ignoredLabel) else {
        throw row.failure(
          .inconsistent, key,
          "the label \(ignoredLabel) is no class: torch leaves it out of a loss",
          remedy: "leave out what has no label")
      }
      return text
    }
    if case .boolean(let value) = value { return value ? "1" : "0" }
    throw row.failure(
      .malformed, key,
      "expected a label, found \(singleLine(JSONWriter.text(value), limit: 60))",
      remedy: TrainingTask.labelKeys.contains(key) ? TrainingTask.otherwise : nil)
  }
}
