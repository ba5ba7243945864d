import TestSupport
import Weighbridge

extension GuideTests {
  /// Stands before Swift's `print`: what the guide prints is made into text, and does not lie between the results of tests.
  func print(_ items: Any..., terminator: String = "\n") {
    _ = items.map { "\($0)" }.joined(separator: " ") + terminator
  }
}

/// What the readers of the guide have: models in directories.
final class GuideModels {
  private var directories: [TemporaryDirectory] = []

  /// The path of a fixture.
  func path(_ fixture: String) -> String { Fixtures.path(fixture) }

  /// A path in a new directory, where nothing is yet.
  func newPath(_ name: String) throws -> String {
    let directory = try TemporaryDirectory()
    directories.append(directory)
    return directory.file(name)
  }

  /// Some reviews with their labels, as examples to learn from.
  func reviews() throws -> String {
    let directory = try TemporaryDirectory()
    directories.append(directory)
    let rows = [
      ("the scale is even", "good"), ("the load is heavy", "bad"), ("a fine truck", "good"),
      ("a bad bridge", "bad"),
    ]
    let lines = rows.map { #"{"text": "\#($0.0)", "label": "\#($0.1)"}"# + "\n" }.joined()
    return try directory.write(Array(lines.utf8), as: "reviews.jsonl")
  }

  /// Reviews as IMDB's lie: `train` and `test`, in each a directory of texts for either label.
  func reviewFolder() throws -> String {
    let directory = try TemporaryDirectory()
    directories.append(directory)
    for part in ["train", "test"] {
      for (label, text) in [("neg", "the load is heavy"), ("pos", "the scale is even")] {
        try Directory.makeAll(directory.file("\(part)/\(label)"))
        _ = try directory.write(Array(text.utf8), as: "\(part)/\(label)/0_1.txt")
      }
    }
    return directory.path
  }

  /// A directory with a model of `fixtures/tasks` and a tokenizer of `fixtures/tokenizers`.
  func directory(_ task: String, _ tokenizer: String) throws -> String {
    let directory = try TemporaryDirectory()
    directories.append(directory)
    for (fixture, name) in [
      ("tasks/\(task).safetensors", "model.safetensors"), ("tasks/\(task).json", "config.json"),
      ("tokenizers/\(tokenizer)/tokenizer.json", "tokenizer.json"),
      ("tokenizers/\(tokenizer)/tokenizer_config.json", "tokenizer_config.json"),
    ] { _ = try directory.write(try Fixture(fixture).bytes(), as: name) }
    return directory.path
  }
}
