import CheckpointBytes
import Foundation
import TestSupport
import Testing

/// A folder of `fixtures/cases/`: files of a kind that was found in the field, and what is expected of the tool.
struct FieldCase: CustomTestStringConvertible, Sendable {
  /// The folder's name.
  let name: String
  /// The folder.
  let path: String
  /// `expected.json`.
  let expected: JSONValue

  var testDescription: String { name }

  /// All cases of one half of the collection: `formats` or `models`.
  static func all(_ half: String) -> [FieldCase] {
    let root = Fixtures.path("cases/" + half)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.sorted().compactMap { name in
      let path = root + "/" + name
      guard let bytes = FileManager.default.contents(atPath: path + "/expected.json"),
        let expected = try? JSONValue(parsing: Array(bytes), context: name + "/expected.json")
      else { return nil }
      return FieldCase(name: name, path: path, expected: expected)
    }
  }

  /// Runs the tool on words that name files of the case's folder and files to be written.
  func run(_ words: [String], in scratch: TemporaryDirectory) -> ToolRun {
    ToolRun(
      arguments: words.enumerated().map { index, word in
        if word == "OUT" { return scratch.path + "/out.safetensors" }
        if word.hasPrefix("out.") { return scratch.path + "/" + word }
        if index > 0, word == "." { return path }
        let file = path + "/" + word
        return index > 0 && FileManager.default.fileExists(atPath: file) ? file : word
      })
  }
}

extension JSONValue {
  /// The number, whole or not.
  var decimal: Double? {
    guard case .number(let number) = self else { return nil }
    return number.double
  }

  /// A list of lists of numbers.
  var rowsOfNumbers: [[Double]]? {
    elements?.map { $0.elements?.compactMap(\.decimal) ?? [] }
  }

  /// The members of an object by their names.
  var dictionary: [ExactName: JSONValue] {
    Dictionary((members ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
  }
}
