import CheckpointBytes
import LanguageModels
import Testing

@Suite struct ScoreProcessorTests {
  /// The numbers of a list of lists; null is minus infinity.
  private func scores(_ value: JSONValue?) -> [[Float]] {
    (value?.elements ?? []).map { row in
      (row.elements ?? []).map { element in
        guard case .number(let number) = element else { return -.infinity }
        return Float(number.double)
      }
    }
  }

  private func processor(_ document: JSONValue) throws -> ScoreProcessor {
    var settings = try GenerationSettings(document)
    settings.samples = true
    var processor = ScoreProcessor(settings)
    processor.promptLength = 6
    processor.maxLength = settings.maxLength ?? .max
    return processor
  }

  @Test("Scores come out as Transformers' processors and warpers leave them")
  func reference() throws {
    let recorded = try cases("warpers.json")
    #expect(recorded.count == 26)
    for value in recorded {
      let settings = try #require(value["settings"])
      let processor = try processor(settings)
      let ids = rows(value["input_ids"])
      let expected = scores(value["processed"])
      for (row, before) in scores(value["scores"]).enumerated() {
        var after = before
        try processor.apply(to: &after, tokens: ids[row][...], padding: 0)
        #expect(after == expected[row], "\(JSONWriter.text(settings)), row \(row)")
        #expect(after != before || settings["top_k"] == .integer(50))
      }
    }
  }

  @Test("No end before the least length")
  func leastLength() throws {
    var processor = ScoreProcessor()
    processor.eosTokenIDs = [1, 3]
    processor.minLength = 4
    processor.promptLength = 2
    var scores: [Float] = [1, 2, 3, 4]
    try processor.apply(to: &scores, tokens: [0, 0, 0], padding: 0)
    #expect(scores == [1, -.infinity, 3, -.infinity])
    scores = [1, 2, 3, 4]
    try processor.apply(to: &scores, tokens: [0, 0, 0, 0], padding: 0)
    #expect(scores == [1, 2, 3, 4])
    processor.minNewTokens = 3
    try processor.apply(to: &scores, tokens: [0, 0, 0, 0], padding: 0)
    #expect(scores == [1, -.infinity, 3, -.infinity])
  }

  @Test("What is proposed for scores that are no numbers is what was not done already")
  func noNumbers() throws {
    var processor = ScoreProcessor()
    processor.removesInvalidValues = true
    processor.eosTokenIDs = [1]
    // Zero times a factor beyond all numbers.
    processor.endPressure = GenerationSettings.EndPressure(start: 0, factor: 1e300)
    var scores: [Float] = [1, .nan]
    let error = failure { try processor.apply(to: &scores, tokens: [0], padding: 0) }
    #expect(
      error?.description == "generate: the scores of new token 2 are no numbers; other weights")
  }

  @Test("Repetition does not count padding")
  func padding() throws {
    var processor = ScoreProcessor()
    processor.repetitionPenalty = 2
    var scores: [Float] = [4, 4, -4, 4]
    try processor.apply(to: &scores, tokens: [0, 1, 2], padding: 1)
    #expect(scores == [4, 2, -8, 4])
  }
}
