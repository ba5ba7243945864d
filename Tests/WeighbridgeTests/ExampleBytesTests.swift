import TestSupport
import Testing
import Weighbridge

/// Files of examples that somebody damaged.
@Suite struct ExampleBytesTests {
  private static let seeds: [(name: String, text: String)] = [
    (
      "a.jsonl",
      #"{"text": "a good é day", "label": "pos"}"# + "\n" + #"{"text": "b", "label": [0, 2]}"#
    ),
    ("b.jsonl", #"{"tokens": ["a", "", "ab"], "ner_tags": ["O", "B", "I"]}"#),
    (
      "c.jsonl",
      #"{"question": "b?", "context": "a 😀 ab", "answers": {"text": ["ab"], "answer_start": [4]}}"#
    ), ("d.csv", "text,label\n\"a, \"\"b\"\"\r\nc\",1\r\n\r\n d ,\n"),
    ("e.tsv", "sentence1\tsentence2\tlabel\na\tb\t0.5\n"), ("f.txt", "a b\n\nc\n"),
  ]

  /// How many examples a file has.
  private func count(
    _ path: String, _ kind: TrainingTask.Kind, _ tokenizer: Tokenizer
  ) -> Result<Int, CheckpointError> {
    do throws(CheckpointError) {
      let data = try TrainingData(path: path)
      let task = try TrainingTask(kind, of: data)
      return .success(
        try task.examples(data, tokenizer, length: 16, takesTypes: true).count)
    } catch {
      return .failure(error)
    }
  }

  @Test("An answer that begins where no number can end is refused with its line")
  func greatPlaces() throws {
    let tokenizer = try Tokenizer.load(from: Fixtures.path("tokenizers/bert-uncased"))
    let directory = try TemporaryDirectory()
    for start in ["9223372036854775807", "9223372036854775806", "5", "-1"] {
      let row =
        #"{"question": "b?", "context": "a ab", "answers": {"text": ["ab"], "answer_start": ["#
        + start + "]}}"
      let path = try directory.write(Array(row.utf8), as: "a.jsonl")
      guard case .failure(let error) = count(path, .questionAnswering, tokenizer) else {
        Issue.record("\(start) was taken")
        continue
      }
      #expect(error.kind == .inconsistent && error.site.field == "line 1, answers", "\(error)")
    }
  }

  @Test("Whatever bytes a file has, its examples become tokens or are refused in one line")
  func anyBytes() throws {
    let tokenizer = try Tokenizer.load(from: Fixtures.path("tokenizers/bert-uncased"))
    let directory = try TemporaryDirectory()
    var generator = SeededGenerator(seed: 15)
    var (taken, refused) = (0, 0)
    for round in 0..<1200 {
      let seed = Self.seeds[round % Self.seeds.count]
      var bytes = Array(seed.text.utf8)
      for _ in 0..<(round < Self.seeds.count ? 0 : Int.random(in: 1...4, using: &generator)) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(bytes.randomElement(using: &generator) ?? 0, at: place)
        default: bytes.removeSubrange(place...)
        }
        if bytes.isEmpty { bytes = [0x7B] }
      }
      let path = try directory.write(bytes, as: seed.name)
      for kind in TrainingTask.Kind.allCases {
        switch count(path, kind, tokenizer) {
        case .success(let count):
          #expect(count > 0)
          taken += 1
        case .failure(let error):
          #expect(error.description.utf8.allSatisfy { $0 >= 0x20 }, "\(error)")
          refused += 1
        }
      }
    }
    #expect(taken > 300 && refused > 300, "\(taken) taken, \(refused) refused")
  }
}
