public import CheckpointBytes

/// The classes of a classifier.
public struct ClassLabels: Sendable, Hashable {
  /// How many there are: the rows of the classifier.
  public let count: Int
  /// Their names by row, where there are any.
  public let names: [Int: String]

  /// Makes labels of their number and names.
  public init(count: Int, names: [Int: String] = [:]) {
    self.count = count
    self.names = names
  }

  /// The name of a row: `id2label`'s, or `LABEL_3` as Transformers calls row 3.
  public func name(of row: Int) -> String { names[row] ?? "LABEL_\(row)" }

  /// Reads the labels of a `config.json` of Transformers (`PreTrainedConfig.__post_init__`, 5.23): `num_labels` says how many
  /// there are, where it is stated, and `id2label` names them if it has as many; without it `id2label` says both. Two are
  /// the default. A name that is no text, a number say, becomes the text that JSON has for it.
  ///
  /// - Throws: `malformed` for values of other types, naming the key.
  public init(_ configuration: JSONValue, file: String?) throws(CheckpointError) {
    func refuse(_ key: String, expected: String, _ found: JSONValue) -> CheckpointError {
      CheckpointError(
        .malformed, CheckpointError.Site(file: file, field: key),
        "expected \(expected), found \(singleLine(JSONWriter.text(found), limit: 60))")
    }
    func stated(_ key: ExactName) -> JSONValue? {
      configuration[key].flatMap { $0 == .null ? nil : $0 }
    }
    var names: [Int: String]?
    if let table = stated("id2label") {
      guard let members = table.members else {
        throw refuse("id2label", expected: "an object", table)
      }
      var found: [Int: String] = [:]
      for member in members {
        guard let row = Int(member.key.string) else {
          throw refuse("id2label", expected: "numbers as keys", .string(member.key.string))
        }
        found[row] = member.value.string ?? JSONWriter.text(member.value)
      }
      names = found
    }
    if let number = stated("num_labels") {
      guard let count = number.integer, count >= 0 else {
        throw refuse("num_labels", expected: "a number of labels", number)
      }
      self.init(count: count, names: names?.count == count ? names ?? [:] : [:])
    } else {
      self.init(count: names?.count ?? 2, names: names ?? [:])
    }
  }
}

extension JSONValue {
  /// The settings of a model with other labels. Those that are the numbers of their classes have Transformers' names.
  package func labelled(_ labels: [String]) -> JSONValue {
    let areClasses = labels.enumerated().allSatisfy { "\($0)" == $1 }
    let names = areClasses ? labels.map { "LABEL_\($0)" } : labels
    let byClass = names.enumerated().map { JSONValue.Member(ExactName(String($0)), .string($1)) }
    let byName = names.enumerated().map { JSONValue.Member(ExactName($1), .integer($0)) }
    return setting("id2label", to: .object(byClass)).setting("label2id", to: .object(byName))
      .setting("num_labels", to: nil)
  }
}
