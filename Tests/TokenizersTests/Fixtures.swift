import CheckpointBytes
import TestSupport
import Tokenizers

/// A JSON file under `fixtures/tokenizers/`.
func fixture(_ name: String) throws -> JSONValue {
  try JSONValue(parsing: Fixture("tokenizers/\(name)").bytes(), context: name)
}

/// The directory of a tokenizer under `fixtures/tokenizers/`.
func directory(_ name: String) -> String { Fixture("tokenizers/\(name)").path }

extension JSONValue {
  /// The numbers in a list; -1 for `null`.
  var numbers: [Int] { (elements ?? []).map { $0.integer ?? -1 } }
}

extension Encoding {
  /// The offsets' starts and ends in a row.
  var ends: [Int] { offsets.flatMap { [$0.lowerBound, $0.upperBound] } }
}

/// Text with every difference that Swift's `==` does not see.
struct Exact: Equatable, CustomStringConvertible {
  let scalars: [UInt32]
  let description: String
  init(_ text: String?) {
    scalars = (text ?? "nothing").unicodeScalars.map(\.value)
    description = text.debugDescription
  }
}
