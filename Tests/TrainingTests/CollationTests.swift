import CheckpointBytes
import TensorEngine
import TestSupport
import Testing
import Tokenizers
import Training

/// What rows become before a model sees them, beside what Transformers' examples make of them (`fixtures/training/collation.py`).
@Suite struct CollationTests {
  private let recorded: JSONValue

  init() throws {
    recorded = try JSONValue(
      parsing: Fixture("training/collation.json").bytes(), context: "collation")
  }

  private func tokenizer(_ recorded: JSONValue) throws -> Tokenizer {
    let name = try #require(recorded["tokenizer"]?.string)
    let directory = Fixture("tokenizers/" + name).path
    if let side = recorded["truncation_side"]?.string, side != "right" {
      let config = try Fixture("tokenizers/\(name)/tokenizer_config.json").bytes()
      return try Tokenizer.load(
        from: directory,
        contents: [
          "tokenizer.json": try Fixture("tokenizers/\(name)/tokenizer.json").bytes(),
          "tokenizer_config.json": Array("{\"truncation_side\": \"\(side)\", ".utf8)
            + config.dropFirst(),
        ])
    }
    guard recorded["add_prefix_space"] == .boolean(true) else {
      return try Tokenizer.load(from: directory)
    }
    // As `AutoTokenizer.from_pretrained(…, add_prefix_space=True)` opens it.
    var contents: [String: [UInt8]] = [:]
    for file in ["tokenizer.json", "tokenizer_config.json"] {
      let text = String(decoding: try Fixture("tokenizers/\(name)/\(file)").bytes(), as: UTF8.self)
      let parts = text.split(
        separator: "\"add_prefix_space\": false", omittingEmptySubsequences: false)
      let other = text.split(
        separator: "\"add_prefix_space\":false", omittingEmptySubsequences: false)
      #expect(parts.count + other.count > 2, "\(file) states it")
      let changed = (parts.count > 1 ? parts : other).joined(
        separator: "\"add_prefix_space\": true")
      contents[file] = Array(changed.utf8)
    }
    return try Tokenizer.load(from: directory, contents: contents)
  }

  private func integers(_ value: JSONValue?) -> [Int] {
    value?.elements?.compactMap(\.integer) ?? []
  }

  private func rows(_ values: [JSONValue]) -> TrainingData {
    TrainingData(values.enumerated().map { DataRow($1, file: "rows.jsonl", line: $0 + 1) })
  }

  private func examples(
    _ kind: TrainingTask.Kind, _ values: [JSONValue], _ tokenizer: Tokenizer, _ length: Int,
    known: LabelSet? = nil
  ) throws -> [TrainingExample] {
    let data = rows(values)
    return try TrainingTask(kind, of: data, known: known)
      .examples(data, tokenizer, length: length, takesTypes: false)
  }

  private func failure(_ work: () throws -> Void) -> CheckpointError? {
    do {
      try work()
      return nil
    } catch { return error as? CheckpointError }
  }

  @Test("Parts of passages and answers as tokens are those of run_qa.py")
  func questionAnswering() throws {
    let all = try #require(recorded["question_answering"])
    var (outside, answered, corrected) = (0, 0, 0)
    for recorded in try #require(all["cases"]?.elements) {
      let tokenizer = try tokenizer(recorded)
      let length = try #require(recorded["max_length"]?.integer)
      #expect(TrainingTask.stride(length: length) == recorded["stride"]?.integer)
      let rows = try #require(recorded["rows"]?.elements)
      let wanted = try #require(recorded["features"]?.elements)
      #expect(rows.count == wanted.count && rows.count > 20)
      for (row, wanted) in zip(rows, wanted.map { $0.elements ?? [] }) {
        let found = try examples(.questionAnswering, [row], tokenizer, length)
        let text = JSONWriter.text(row)
        #expect(found.map(\.ids) == wanted.map { integers($0["input_ids"]) }, "\(text)")
        let spans = found.map { example -> [Int] in
          guard case .span(let start, let end) = example.label else { return [] }
          return [start, end]
        }
        #expect(
          spans == wanted.map { [$0["start"]?.integer, $0["end"]?.integer].compactMap { $0 } },
          "\(recorded["tokenizer"]?.string ?? "") \(length): \(text)")
        outside += wanted.count { $0["start"]?.integer == 0 }
        answered += wanted.count { $0["start"]?.integer != 0 }
        corrected += wanted.count { $0["script"] != nil }
      }
      // All at once they are the same.
      #expect(
        try examples(.questionAnswering, rows, tokenizer, length).map(\.ids)
          == wanted.flatMap { $0.elements ?? [] }.map { integers($0["input_ids"]) })
      for row in try #require(all["too_long"]?.elements) {
        let error = failure { _ = try examples(.questionAnswering, [row], tokenizer, length) }
        #expect(error?.kind == .inconsistent && error?.site.file == "rows.jsonl")
        #expect(error?.site.field == "line 1, question")
      }
    }
    #expect(outside > 100 && answered > 100 && corrected > 10)
  }

  @Test("Questions that leave little room have parts with less in common")
  func littleRoom() throws {
    let tokenizer = try Tokenizer.load(from: Fixture("tokenizers/bert-uncased").path)
    let context = Array(repeating: "a", count: 20).joined(separator: " ")
    // 24 tokens: three are put in, 17 asked, and 4 are left, of which two neighbours have 2 in common.
    let row = JSONValue.object([
      JSONValue.Member(
        "question", .string(Array(repeating: "a", count: 17).joined(separator: " "))),
      JSONValue.Member("context", .string(context)),
    ])
    let found = try examples(.questionAnswering, [row], tokenizer, 24)
    #expect(found.count == 9 && found.allSatisfy { $0.ids.count == 24 })
    // 384 tokens are what run_qa.py takes, with 128 in common.
    #expect(TrainingTask.stride(length: 384) == 128 && TrainingTask.stride(length: 4096) == 128)
  }

  @Test("Answers that are none are told with their line")
  func answers() throws {
    let tokenizer = try Tokenizer.load(from: Fixture("tokenizers/bert-uncased").path)
    for (answers, kind) in [
      (#"{"text": [""], "answer_start": [0]}"#, FailureKind.inconsistent),
      (#"{"text": ["day"], "answer_start": [3]}"#, .inconsistent),
      (#"{"text": ["day"], "answer_start": [-1]}"#, .inconsistent),
      (#"{"text": ["day"], "answer_start": [9223372036854775807]}"#, .inconsistent),
      (#"{"text": ["day"], "answer_start": []}"#, .malformed),
      (#"{"text": ["day", 1], "answer_start": [2, "x"]}"#, .malformed),
      (#"{"text": "day", "answer_start": 2}"#, .malformed), (#""day""#, .malformed),
    ] {
      let line = #"{"question": "what", "context": "a day", "answers": \#(answers)}"#
      let row = try JSONValue(parsing: Array(line.utf8), context: "row")
      let error = failure { _ = try examples(.questionAnswering, [row], tokenizer, 24) }
      #expect(error?.kind == kind && error?.site.field == "line 1, answers", "\(answers)")
    }
  }

  @Test("Labels of words stand on the pieces on which run_ner.py has them")
  func tokenClassification() throws {
    let all = try #require(recorded["token_classification"])
    let labels = LabelSet(try #require(all["labels"]?.elements).compactMap(\.string))
    for recorded in try #require(all["cases"]?.elements) {
      let tokenizer = try tokenizer(recorded)
      let length = try #require(recorded["max_length"]?.integer)
      let rows = try #require(recorded["rows"]?.elements)
      let wanted = try #require(recorded["features"]?.elements)
      let found = try examples(.tokenClassification, rows, tokenizer, length, known: labels)
      #expect(found.count == wanted.count && found.count > 5)
      for ((example, wanted), row) in zip(zip(found, wanted), rows) {
        let place = "\(recorded["tokenizer"]?.string ?? "") \(length): \(JSONWriter.text(row))"
        #expect(example.ids == integers(wanted["input_ids"]), "\(place)")
        guard case .tokens(let labels) = example.label else {
          Issue.record("no labels of tokens")
          continue
        }
        #expect(labels == integers(wanted["labels"]), "\(place)")
      }
    }
  }

  @Test("Blocks of texts are those of run_clm.py, with an end behind each text")
  func causal() throws {
    for recorded in try #require(recorded["causal"]?.elements) {
      let length = try #require(recorded["block_size"]?.integer)
      let rows = try #require(recorded["texts"]?.elements).map {
        JSONValue.object([JSONValue.Member("text", $0)])
      }
      let found = try examples(.causalLM, rows, try tokenizer(recorded), length).map(\.ids)
      let wanted = try #require(recorded["blocks"]?.elements).map { integers($0) }
      // A rest is a block where there is no other; the reference has then nothing to learn from.
      #expect(found == (wanted.isEmpty ? [integers(recorded["rest"])] : wanted), "\(length)")
    }
  }

  @Test("Tokens that are hidden together are words as the tokenizer cuts them, special tokens none")
  func words() throws {
    var apart = 0
    for recorded in try #require(recorded["words"]?.elements) {
      let tokenizer = try tokenizer(recorded)
      let length = try #require(recorded["max_length"]?.integer)
      for row in try #require(recorded["rows"]?.elements) {
        let found = try examples(.maskedLM, [row], tokenizer, length)
        #expect(found.count == 1 && found[0].ids == integers(row["input_ids"]))
        let numbers = found[0].maskedTogether
        let groups = numbers.map { number in number.flatMap { numbers.firstIndex(of: $0) } }
        #expect(groups == row["words"]?.elements?.map(\.integer), "\(JSONWriter.text(row))")
        apart += row["words"] == row["collator"] ? 0 : 1
      }
    }
    // The reference's collator takes what touches for a word: signs with what they stand behind, and characters of several pieces apart.
    #expect(apart > 5)
  }

  @Test("Of many masks 15 % of the tokens are hidden, of which 80 % are the mask, and 10 % others")
  func shares() throws {
    let tokenizer = try Tokenizer.load(from: Fixture("tokenizers/bert-uncased").path)
    let text = "unaffordable cafes are near the running water of a good day"
    let row = JSONValue.object([JSONValue.Member("text", .string(text))])
    let example = try examples(.maskedLM, [row], tokenizer, 64)[0]
    let words = example.maskedTogether
    let (mask, count) = (try #require(tokenizer.maskTokenID), tokenizer.vocabularyCount)
    let places = words.indices.filter { words[$0] != nil }
    #expect(words.first == .some(nil) && words.last == .some(nil) && places.count > 20)
    for takesWholeWords in [false, true] {
      var masking = Masking(maskID: mask, vocabularyCount: count)
      masking.takesWholeWords = takesWholeWords
      var (hidden, masked, others, kept, together, wordsHidden) = (0, 0, 0, 0, 0, 0)
      var drawn: Set<Int> = []
      let rounds = 4000
      for round in 0..<rounds {
        var generator = CounterGenerator(seed: 7, .masking, number: UInt32(round))
        let result = masking(example, &generator)
        #expect(result.ids.count == example.ids.count)
        for place in words.indices {
          let (id, label) = (result.ids[place], result.labels[place])
          guard label != -100 else {
            #expect(id == example.ids[place])
            continue
          }
          #expect(words[place] != nil && label == example.ids[place])
          hidden += 1
          if id == mask {
            masked += 1
          } else if id == example.ids[place] {
            kept += 1
          } else {
            others += 1
            drawn.insert(id)
          }
        }
        // Whole words: all tokens of a word, or none.
        let byWord = Dictionary(grouping: places, by: { words[$0] })
        for (_, places) in byWord {
          let labels = places.count { result.labels[$0] != -100 }
          if labels == places.count { wordsHidden += 1 }
          if labels == 0 || labels == places.count { together += 1 }
        }
        if takesWholeWords { #expect(together == (round + 1) * byWord.count) }
      }
      /// Five deviations of a binomial share; of whole words the tokens of one are no draws of their own, the words are.
      func expect(_ found: Int, of trials: Int, _ share: Double, _ what: String) {
        let deviation = (Double(trials) * share * (1 - share)).squareRoot()
        #expect(
          abs(Double(found) - Double(trials) * share) < 5 * deviation,
          "\(what): \(found) of \(trials)")
      }
      let words = Set(words.compactMap { $0 })
      if takesWholeWords {
        expect(wordsHidden, of: rounds * words.count, 0.15, "words")
      } else {
        expect(hidden, of: rounds * places.count, 0.15, "tokens")
        #expect(together < rounds * words.count)
      }
      // One of the drawn tokens in so many is the mask or the token itself.
      let once = 1 / Double(count)
      expect(masked, of: hidden, 0.8 + 0.1 * once, "masks")
      expect(kept, of: hidden, 0.1 + 0.1 * once, "kept")
      expect(others, of: hidden, 0.1 * (1 - 2 * once), "others")
      // Of all tokens, the last and the special ones too.
      #expect(drawn.count > count / 2 && drawn.allSatisfy { $0 < count })
    }
  }
}
