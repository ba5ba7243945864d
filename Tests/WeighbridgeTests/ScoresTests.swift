import TestSupport
import Testing
import Weighbridge

@Suite("Scores, row by row")
struct ScoresTests {
  private let models = GuideModels()

  /// What the reference gave, by task.
  private func recorded(_ task: ExactName) throws -> [JSONValue] {
    let document = try JSONValue(
      parsing: Fixture("tasks/expected.json").bytes(), context: "expected")
    return try #require(document[task]?.elements)
  }

  @Test(
    "A score that is no number makes all probabilities none, wherever it stands (torch.softmax)",
    arguments: [0, 1, 2])
  func notNumbers(_ place: Int) {
    var scores: [Float] = [0.5, -1, 2]
    scores[place] = .nan
    #expect(scores.softmax().allSatisfy { $0.isNaN })
    scores[place] = .infinity
    #expect(scores.softmax()[place].isNaN)
    #expect([-Float.infinity, -.infinity].softmax() == [0, 0])
  }

  @Test("The rows of a token classifier are the pipeline's labels, words, places and scores")
  func tokens() throws {
    let directory = try models.directory("bert-tagger", "bert-uncased")
    let model = try BertForTokenClassification.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let cases = try recorded("classify-tokens")
    #expect(cases.count == 2)
    for expected in cases {
      let text = try #require(expected["text"]?.string)
      let answers = try #require(expected["answers"]?.elements)
      let encoding = try tokenizer.encode(text)
      let logits = try #require(try model(encoding).logits)
      #expect(logits.rows.count == answers.count + 2)
      for answer in answers {
        let index = try #require(answer["index"]?.integer)
        let row = try #require(logits.row(0, index))
        #expect(row == logits.rows[index])
        let best = try #require(row.argmax())
        #expect(model.configuration.labels.name(of: best) == answer["entity"]?.string)
        let score = try #require(answer["score"]?.double)
        #expect((Double(row.softmax()[best]) - score).magnitude < 1e-6)
        // Of an unknown token the pipeline shows the text.
        let token = encoding.tokens[index]
        let word = token == "[UNK]" ? text[scalars: encoding.offsets[index]] : token
        #expect(word == answer["word"]?.string)
        #expect(encoding.offsets[index].lowerBound == answer["start"]?.integer)
        #expect(encoding.offsets[index].upperBound == answer["end"]?.integer)
      }
    }
  }

  @Test("The rows of a question answerer give the reference's best span, and its offsets the text")
  func answers() throws {
    let directory = try models.directory("bert-answerer", "bert-uncased")
    let model = try BertForQuestionAnswering.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let cases = try recorded("answer")
    #expect(cases.count == 2)
    for expected in cases {
      let context = try #require(expected["context"]?.string)
      let encoding = try tokenizer.encode(
        try #require(expected["question"]?.string), pair: context)
      let outputs = try model(encoding)
      let starts = try #require(outputs["start_logits"]?.row(0))
      let ends = try #require(outputs["end_logits"]?.row(0))
      let tokens = encoding.sequenceIDs.indices.filter { encoding.sequenceIDs[$0] == 1 }
      let spans = tokens.flatMap { first in
        tokens.filter { first <= $0 && $0 < first + 15 }.map { first...$0 }
      }
      let best = try #require(
        spans.max {
          starts[$0.lowerBound] + ends[$0.upperBound] < starts[$1.lowerBound] + ends[$1.upperBound]
        })
      #expect([best.lowerBound, best.upperBound] == expected["tokens"]?.elements?.map(\.integer))
      let place =
        encoding.offsets[best.lowerBound].lowerBound..<encoding.offsets[best.upperBound].upperBound
      #expect([place.lowerBound, place.upperBound] == expected["place"]?.elements?.map(\.integer))
      #expect(context[scalars: place] == expected["answer"]?.string)
    }
  }

  @Test("Scores that are no numbers answer no question")
  func noAnswers() throws {
    let directory = try models.directory("bert-answerer", "bert-uncased")
    let checkpoint = try Checkpoint.open(directory)
    let nothing = try Weight([Float](repeating: .nan, count: 2), shape: [2])
    let graph = try checkpoint.graph.mapWeights { name, weight in
      name == "qa_outputs.bias" ? nothing : weight
    }
    let configuration = try JSONValue(
      parsing: Fixture("tasks/bert-answerer.json").bytes(), context: "configuration")
    let model = try ModelClass(configuration: configuration).load(
      weights: graph, configuration: configuration)
    let task = try QuestionAnswering(
      TextModel(model, tokenizer: try Tokenizer.load(from: directory)))
    #expect(
      throws: CheckpointError(
        .inconsistent, field: "context", "the scores of its tokens are no numbers",
        remedy: "other weights")
    ) {
      try task.answer(to: Question("What?", context: "The scale shows forty tonnes."))
    }
  }

  @Test("A row is asked for by all indices but the last, and is nil elsewhere")
  func rowPlaces() throws {
    let directory = try models.directory("bert-masked", "bert-uncased")
    let model = try BertModel.load(from: directory)
    let ids = try TokenArray([[2, 57, 14, 3], [2, 40, 3, 0]])
    // Attentions come in one part for each text.
    let outputs = try model(ModelInputs(inputIDs: ids), options: RunOptions(extras: .attentions))
    for output in outputs.all {
      let leading = output.dimensions.dropLast()
      var indices = Array(repeating: 0, count: leading.count)
      for expected in output.rows {
        switch indices.count {
        case 2: #expect(output.row(indices[0], indices[1]) == expected)
        default: #expect(output.row(indices[0], indices[1], indices[2]) == expected)
        }
        for place in indices.indices.reversed() {
          indices[place] += 1
          guard indices[place] == leading[place] else { break }
          indices[place] = 0
        }
      }
      #expect(Array(output.rows.joined()) == output.values)
    }
    let states = try #require(outputs.lastHiddenState)
    #expect(states.row(1, 3) != nil)
    #expect(states.row() == nil && states.row(0) == nil && states.row(0, 0, 0) == nil)
    #expect(states.row(2, 0) == nil && states.row(0, 4) == nil && states.row(-1, 0) == nil)
  }

  @Test("Scores become probabilities, places and angles")
  func arithmetic() {
    // torch.softmax(torch.tensor([1., 2., 3.]), 0)
    let probabilities = [1, 2, 3].softmax()
    for (one, other) in zip(probabilities, [0.09003057, 0.24472848, 0.66524094] as [Float]) {
      #expect((one - other).magnitude < 1e-7)
    }
    #expect([0, 100_000].softmax() == [0, 1])
    #expect(([] as [Float]).softmax().isEmpty && ([] as [Float]).argmax() == nil)
    #expect(([2, 7, 7, 1] as [Float]).argmax() == 1)
    #expect(([2, 7, 7, 1] as [Float]).topK(3) == [1, 2, 0])
    #expect(([2, 7] as [Float]).topK(5) == [1, 0] && ([2] as [Float]).topK(-1).isEmpty)
    #expect(([3, 4] as [Float]).cosineSimilarity(to: [4, 3]) == 0.96)
    #expect(([0, 0] as [Float]).cosineSimilarity(to: [4, 3]) == 0)
    #expect(([1, 0] as [Float]).cosineSimilarity(to: [1]).isNaN)
    // As torch 2.13: what is no number is above all, and lengths below 1e-8 count as that.
    #expect(([1, .nan, 3] as [Float]).argmax() == 1 && ([1, .nan] as [Float]).topK(2) == [1, 0])
    #expect(([.nan, 2, .nan, 3] as [Float]).topK(3) == [0, 2, 3])
    #expect(([.nan, 1] as [Float]).cosineSimilarity(to: [.nan, 1]).isNaN)
    let tiny = ([1e-9, 1e-9] as [Float]).cosineSimilarity(to: [1e-9, 1e-9])
    #expect((tiny - 0.02).magnitude < 1e-6)
  }

  @Test("Offsets cut texts by scalars, and nothing outside of a text")
  func offsets() {
    let text = "e\u{301}a 👍🏽."
    #expect(text[scalars: 0..<1] == "e" && text[scalars: 1..<3] == "\u{301}a")
    #expect(text[scalars: 4..<6] == "👍🏽" && text[scalars: 6..<90] == ".")
    #expect(text[scalars: -3..<1] == "e" && text[scalars: -3 ..< -1].isEmpty)
    #expect(text[scalars: 3..<3].isEmpty && text[scalars: 50..<60].isEmpty)
  }

  @Test("A batch of plain texts is the batch of inputs")
  func plainTexts() throws {
    let directory = try models.directory("bert-masked", "bert-uncased")
    let tokenizer = try Tokenizer.load(from: directory)
    let options = EncodingOptions(padding: Padding())
    let texts = ["the scale", "a model of the scale"]
    let inputs = texts.map { TokenizerInput($0) }
    #expect(
      try tokenizer.encodeBatch(texts, options: options)
        == tokenizer.encodeBatch(inputs, options: options))
  }
}

extension JSONValue {
  fileprivate var double: Double? {
    guard case .number(let number) = self else { return nil }
    return number.double
  }
}
