import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import TestSupport
import Testing
import WeightGraph

/// One recorded run of the reference's `generate`.
struct RecordedText: Sendable, CustomStringConvertible {
  let family: ModelFamily
  let className: String
  let configuration: JSONValue
  let document: JSONValue
  /// By Transformers' names.
  let arguments: [String: [[Int]]]
  let sequences: [[Int]]

  var description: String { "\(className) \(JSONWriter.text(document))" }

  init(_ value: JSONValue) throws {
    family = try #require(value["family"]?.string.flatMap { ModelFamily(named: $0) })
    className = try #require(value["class"]?.string)
    configuration = try #require(value["configuration"])
    document = try #require(value["settings"])
    let members = try #require(value["inputs"]?.members)
    arguments = Dictionary(
      uniqueKeysWithValues: members.map { ($0.key.string, rows($0.value)) })
    sequences = rows(value["sequences"])
  }

  static let all: [RecordedText] = {
    (try? cases("generation.json").map { try RecordedText($0) }) ?? []
  }()

  static let searches = all.filter { $0.document["num_beams"] == nil }

  /// The model.
  func model() throws -> any CausalLanguageModel {
    let file = family == .gpt2 ? "gpt2-generation" : nil
    var graph = try weights(of: className, in: family, file: file)
    if family == .gpt2 { graph = try graph.renamed { $0 == "lm_head.weight" ? nil : $0 } }
    return try #require(
      try load(className, configuration, graph) as? any CausalLanguageModel)
  }

  /// The recorded settings over those of the configuration, as `generate` puts them together.
  func settings(_ model: any CausalLanguageModel) throws -> GenerationSettings {
    var settings = try GenerationSettings(document)
    let own = try model.defaultSettings
    if document["eos_token_id"] == nil { settings.eosTokenIDs = own.eosTokenIDs }
    if settings.padTokenID == nil { settings.padTokenID = own.padTokenID }
    return settings
  }

  func inputs() throws -> ModelInputs {
    try ModelInputs(arguments: try arguments.mapValues { try TokenArray($0) })
  }
}

/// The numbers of a list of lists.
func rows(_ value: JSONValue?) -> [[Int]] {
  (value?.elements ?? []).map { ($0.elements ?? []).compactMap(\.integer) }
}

@Suite struct GenerationTests {
  @Test("Texts are Transformers', token for token", arguments: RecordedText.all)
  func reference(_ recorded: RecordedText) throws {
    let model = try recorded.model()
    let texts = try model.generate(try recorded.inputs(), try recorded.settings(model))
    #expect(texts == recorded.sequences)
  }

  @Test("The fixtures have texts of 200 tokens, greedy and with beams")
  func lengths() {
    #expect(RecordedText.all.count == 29)
    let long = RecordedText.all.filter { ($0.sequences.first?.count ?? 0) > 200 }
    #expect(Set(long.map { $0.document["num_beams"] == nil }) == [true, false])
  }

  @Test("A stream has the tokens of the text, one step at a time", arguments: RecordedText.searches)
  func stream(_ recorded: RecordedText) async throws {
    let model = try recorded.model()
    var texts = try #require(recorded.arguments["input_ids"])
    for try await tokens in model.stream(try recorded.inputs(), try recorded.settings(model)) {
      for (text, token) in tokens.enumerated() { texts[text].append(token) }
    }
    #expect(texts == recorded.sequences)
  }

  @Test("A mask that is not stated is taken from the padding")
  func inferredMask() throws {
    let recorded = try #require(
      RecordedText.searches.first { $0.arguments["attention_mask"] != nil })
    let model = try recorded.model()
    var inputs = try recorded.inputs()
    inputs.attentionMask = nil
    #expect(
      try model.generate(inputs, try recorded.settings(model)) == recorded.sequences)
  }

  @Test("A prompt's text is the same alone and among others")
  func batch() throws {
    let recorded = try #require(
      RecordedText.searches.first { $0.arguments["attention_mask"] != nil })
    let model = try recorded.model()
    let mask = try #require(recorded.arguments["attention_mask"])
    let ids = try #require(recorded.arguments["input_ids"])
    for row in ids.indices {
      let prompt = zip(ids[row], mask[row]).filter { $0.1 == 1 }.map(\.0)
      let text = try model.generate(
        ModelInputs(inputIDs: try TokenArray([prompt])), try recorded.settings(model))
      #expect(Array(text[0].dropFirst(prompt.count)) == Array(recorded.sequences[row].dropFirst(5)))
    }
  }

  @Test("Texts end for the caller's reasons too")
  func callersEnd() throws {
    let recorded = try #require(RecordedText.searches.first)
    let model = try recorded.model()
    let texts = try model.generate(
      try recorded.inputs(), try recorded.settings(model), ends: { $0.count >= 11 })
    #expect(texts == recorded.sequences.map { Array($0.prefix(11)) })
  }

  @Test("Scores that are no probabilities are not drawn from, as torch refuses them")
  func noProbabilities() throws {
    let recorded = try #require(RecordedText.searches.first)
    let model = try recorded.model()
    let inputs = try recorded.inputs()
    var cold = try recorded.settings(model)
    cold.samples = true
    cold.maxNewTokens = 2
    cold.temperature = 0x1p-1070
    // Every token may come once only, and a text is to have more than there are.
    var spent = cold
    spent.temperature = 1
    spent.noRepeatNGramSize = 1
    spent.eosTokenIDs = []
    spent.maxNewTokens = model.configuration.vocabularySize + 1
    for settings in [cold, spent] {
      let error = failure { _ = try model.generate(inputs, settings) }
      #expect(error?.kind == .inconsistent)
      #expect(error?.site == CheckpointError.Site(field: "do_sample"))
    }
    cold.beamCount = 2
    #expect(failure { _ = try model.generate(inputs, cold) }?.site.field == "do_sample")
    // Torch's argmax of scores that are all -inf is the first.
    spent.samples = false
    let texts = try model.generate(inputs, spent)
    #expect(texts.allSatisfy { $0.last == 0 })
  }

  @Test("No token is made of scores that are no numbers", arguments: [1, 2])
  func noNumbers(beams: Int) throws {
    let recorded = try #require(RecordedText.searches.first)
    let model = try recorded.model()
    var settings = try recorded.settings(model)
    settings.beamCount = beams
    settings.sequenceBias = [GenerationSettings.SequenceBias([1], .nan)]
    let error = failure { _ = try model.generate(try recorded.inputs(), settings) }
    #expect(
      error?.description
        == "generate: the scores of new token 1 are no numbers; other weights, or remove_invalid_values"
    )
    settings.removesInvalidValues = true
    #expect(
      try model.generate(try recorded.inputs(), settings).count == recorded.sequences.count)
  }

  @Test("Drawn texts depend on the seed alone")
  func sampling() throws {
    let recorded = try #require(RecordedText.searches.first)
    let model = try recorded.model()
    var settings = try recorded.settings(model)
    settings.samples = true
    settings.maxNewTokens = 20
    settings.returnedSequenceCount = 3
    settings.temperature = 1.5
    settings.seed = 5
    let first = try model.generate(try recorded.inputs(), settings)
    #expect(first.count == 3)
    #expect(Set(first).count == 3)
    #expect(try model.generate(try recorded.inputs(), settings) == first)
    settings.seed = 6
    #expect(try model.generate(try recorded.inputs(), settings) != first)
    settings.topK = 1
    settings.returnedSequenceCount = 1
    let greedy = try model.generate(try recorded.inputs(), settings)
    #expect(greedy == recorded.sequences.map { Array($0.prefix(25)) })
    settings.beamCount = 2
    settings.topK = 50
    let beams = try model.generate(try recorded.inputs(), settings)
    #expect(try model.generate(try recorded.inputs(), settings) == beams)
  }

  /// What `generate` of Transformers 5.23 does with each of these in `generation_config.json`: greedy search passes over what
  /// only matters where tokens are drawn or where there are beams, and the same of the others.
  @Test(
    "What a file states is wrong only in a search that it matters in",
    arguments: [
      (#""temperature": 0"#, "drawing", FailureKind.malformed),
      (#""temperature": -1.0"#, "drawing", .malformed),
      (#""temperature": "x""#, "drawing", .malformed),
      (#""temperature": 1e-6"#, "", .malformed), (#""temperature": null"#, "", .malformed),
      (#""top_k": -1"#, "drawing", .malformed), (#""top_k": 5.0"#, "drawing", .malformed),
      (#""top_k": "x""#, "drawing", .malformed), (#""top_k": 0"#, "", .malformed),
      (#""top_p": 1.5"#, "", .malformed), (#""top_p": -0.1"#, "drawing", .malformed),
      (#""typical_p": 0.95"#, "", .malformed), (#""typical_p": 0"#, "drawing", .malformed),
      (#""typical_p": 1.5"#, "", .malformed), (#""min_p": 0.1"#, "", .malformed),
      (#""min_p": 3.0"#, "drawing", .malformed), (#""min_p": "x""#, "drawing", .malformed),
      (#""top_h": 0.5"#, "", .malformed), (#""top_h": 2.0"#, "drawing", .malformed),
      (#""epsilon_cutoff": 0.1"#, "", .malformed), (#""epsilon_cutoff": 1.0"#, "", .malformed),
      (#""epsilon_cutoff": -0.5"#, "", .malformed), (#""eta_cutoff": 0.1"#, "", .malformed),
      (#""eta_cutoff": 2.0"#, "", .malformed), (#""bad_words_ids": [[5]]"#, "", .malformed),
      (#""renormalize_logits": true"#, "", .malformed),
      (#""renormalize_logits": "x""#, "beams", .malformed),
      (#""length_penalty": "x""#, "beams", .malformed),
      (#""num_beam_groups": 2"#, "beams", .unsupported),
      (#""diversity_penalty": 0.5"#, "", .unsupported),
      (#""penalty_alpha": 0.6"#, "contrastive", .unsupported),
      (#""min_length": -1"#, "", .malformed), (#""no_repeat_ngram_size": -1"#, "", .malformed),
    ])
  func conditionalSettings(_ setting: String, _ search: String, _ kind: FailureKind) throws {
    let recorded = try #require(RecordedText.searches.first)
    let model = try recorded.model()
    let key = try document("{\(setting)}").members?.first?.key.string
    let searches: [(name: Set<String>, settings: String)] = [
      (["contrastive"], ""), (["drawing"], #", "do_sample": true"#),
      (["beams"], #", "num_beams": 2"#),
      (["drawing", "beams"], #", "do_sample": true, "num_beams": 2"#),
    ]
    for (names, others) in searches {
      var settings = try GenerationSettings(
        document("{\(setting)\(others)}"), file: "generation_config.json")
      settings.maxNewTokens = 2
      let error = failure { _ = try model.generate(try recorded.inputs(), settings) }
      #expect((error != nil) == names.contains(search), "\(names)")
      if let error {
        #expect(error.kind == kind)
        #expect(error.site == CheckpointError.Site(file: "generation_config.json", field: key))
      }
      // What is set in its place counts instead; with one token to look at there is nothing to contrast.
      settings.temperature = 1
      settings.topK = 0
      settings.topP = 1
      settings.lengthPenalty = 1
      (settings.minP, settings.typicalP, settings.topH) = (0, 1, 1)
      settings.renormalizes = false
      let after = failure { _ = try model.generate(try recorded.inputs(), settings) }
      #expect(
        (after != nil) == (error != nil && kind == .unsupported && search != "contrastive"))
    }
  }

  @Test("Requests that make no sense are refused, and name what is wrong")
  func refusals() throws {
    let recorded = try #require(RecordedText.searches.first)
    let model = try recorded.model()
    let own = try recorded.settings(model)
    func field(
      _ inputs: ModelInputs? = nil, _ change: (inout GenerationSettings) -> Void
    ) throws -> String? {
      var settings = own
      change(&settings)
      let inputs = try inputs ?? recorded.inputs()
      return failure { _ = try model.generate(inputs, settings) }?.site.field
    }
    #expect(try field { ($0.samples, $0.temperature) = (true, 0) } == "temperature")
    #expect(try field { ($0.samples, $0.topP) = (true, -0.5) } == "top_p")
    #expect(try field { ($0.samples, $0.topK) = (true, -1) } == "top_k")
    #expect(try field { ($0.beamCount, $0.lengthPenalty) = (2, .infinity) } == "length_penalty")
    #expect(try field { $0.beamCount = 0 } == "num_beams")
    #expect(try field { $0.beamCount = .max } == "num_beams")
    #expect(try field { $0.repetitionPenalty = -1 } == "repetition_penalty")
    #expect(try field { $0.returnedSequenceCount = 2 } == "num_return_sequences")
    for suppressed in [[5], [6, 5], [6]] {
      let isForced = suppressed.contains(5)
      let first = try field { ($0.suppressedTokens, $0.forcedFirstTokenID) = (suppressed, 5) }
      #expect(first == (isForced ? "forced_bos_token_id" : nil))
      let last = try field { ($0.suppressedTokens, $0.forcedLastTokenIDs) = (suppressed, [5]) }
      #expect(last == (isForced ? "forced_eos_token_id" : nil))
    }
    #expect(try field { ($0.suppressedTokens, $0.forcedLastTokenIDs) = ([5], [5, 6]) } == nil)
    #expect(
      try field {
        $0.maxNewTokens = nil
        $0.maxLength = 5
      } == "max_length")
    #expect(try field { $0.maxNewTokens = .max } == "max_new_tokens")
    #expect(try field { $0.maxNewTokens = 300 } == "max_new_tokens")
    let right = ModelInputs(
      inputIDs: try TokenArray([[5, 60]]), attentionMask: try TokenArray([[1, 0]]))
    #expect(try field(right) { _ in } == "attention_mask")
    let empty = ModelInputs(inputIDs: try TokenArray([[]]))
    #expect(try field(empty) { _ in } == "input_ids")
    let outside = ModelInputs(inputIDs: try TokenArray([[3, 61]]))
    #expect(try field(outside) { _ in } == "input_ids[0, 1]")
  }

  @Test("A model that looks ahead does not go on with texts")
  func encoder() throws {
    let recorded = try #require(RecordedText.all.first { $0.family == .bert })
    let members = try #require(recorded.configuration.members)
    let configuration = JSONValue.object(members.filter { $0.key != "is_decoder" })
    let graph = try weights(of: "BertLMHeadModel", in: .bert)
    let model = try BertLMHeadModel(weights: graph, document: configuration)
    let inputs = try recorded.inputs()
    let error = failure { _ = try model.generate(inputs) }
    #expect(error?.kind == .unsupported)
    #expect(error?.site.field == "is_decoder")
  }

  @Test("Beams have no stream")
  func beamStream() async throws {
    let recorded = try #require(RecordedText.searches.first)
    let model = try recorded.model()
    var settings = try recorded.settings(model)
    settings.beamCount = 2
    await #expect(throws: CheckpointError.self) {
      for try await _ in model.stream(try recorded.inputs(), settings) {}
    }
  }
}
