import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import OrderedCollections
import Testing
import WeightGraph

/// A comparison that cannot fail proves nothing: each small fault must be seen.
@Suite struct MutationTests {
  private func recorded(_ className: String, _ name: String) throws -> RecordedCase {
    try #require(RecordedCase.all.first { $0.className == className && $0.name == name })
  }

  /// True if every output is close to what was recorded.
  private func agrees(
    _ recorded: RecordedCase, settings: [JSONValue.Member] = [], inputs: ModelInputs? = nil,
    weights changed: WeightGraph? = nil
  ) throws -> Bool {
    let members = try #require(recorded.configuration.members)
    let configuration = JSONValue.object(
      members.filter { member in !settings.contains { $0.key == member.key } } + settings)
    let graph = try changed ?? weights(of: recorded.className, in: recorded.family)
    let model = try load(recorded.className, configuration, graph)
    let outputs = try model.run(try inputs ?? recorded.modelInputs(), recorded.options)
    let expected = try recorded.expected()
    return try outputs.all.allSatisfy { output in
      let reference = try #require(expected[output.name])
      return Distance(output, reference.values).isClose(
        torch: try #require(recorded.errors[output.name]))
    }
  }

  static let settings: [(String, String, ExactName, JSONValue)] = [
    ("BertForMaskedLM", "6-right", "hidden_act", .string("gelu_new")),
    ("BertForMaskedLM", "6-right", "layer_norm_eps", .double(1e-5)),
    ("BertForMaskedLM", "6-right", "num_attention_heads", .integer(4)),
    ("BertForMaskedLM", "6-right", "is_decoder", .boolean(true)),
    ("BertLMHeadModel", "8-right", "is_decoder", .boolean(false)),
    ("RobertaModel", "0-right*", "layer_norm_eps", .double(1e-4)),
    ("RobertaModel", "0-right*", "pad_token_id", .integer(2)),
    ("GPT2Model", "0-right*", "activation_function", .string("gelu")),
    ("GPT2Model", "0-right*", "layer_norm_epsilon", .double(1e-4)),
    ("GPT2Model", "0-right*", "scale_attn_weights", .boolean(false)),
    ("GPT2Model", "0-right*", "scale_attn_by_inverse_layer_idx", .boolean(true)),
    ("GPT2Model", "0-right*", "tie_last_hidden_states", .boolean(false)),
    ("GPT2DoubleHeadsModel", "8-short", "summary_type", .string("last")),
    ("GPT2DoubleHeadsModel", "8-short", "summary_activation", .string("tanh")),
    ("GPT2ForSequenceClassification", "10-right", "pad_token_id", .integer(7)),
  ]

  @Test("Another setting is seen", arguments: settings)
  func setting(_ className: String, _ name: String, _ key: ExactName, _ value: JSONValue) throws {
    let recorded = try recorded(className, name)
    #expect(try agrees(recorded))
    #expect(try !agrees(recorded, settings: [JSONValue.Member(key, value)]))
  }

  @Test("RoBERTa's language model ignores the activation in its head only")
  func robertaActivation() throws {
    let recorded = try recorded("RobertaForMaskedLM", "2-right")
    #expect(try agrees(recorded))
    #expect(
      try !agrees(recorded, settings: [JSONValue.Member("hidden_act", .string("gelu"))]))
  }

  @Test(
    "Other inputs are seen",
    arguments: [("BertModel", "0-right*"), ("RobertaModel", "0-right*"), ("GPT2Model", "0-right*")])
  func inputs(_ className: String, _ name: String) throws {
    let recorded = try recorded(className, name)
    let inputs = try recorded.modelInputs()
    #expect(try agrees(recorded))
    var changed = inputs
    changed.tokenTypeIDs = nil
    #expect(try !agrees(recorded, inputs: changed))
    changed = inputs
    changed.attentionMask = nil
    #expect(try !agrees(recorded, inputs: changed))
    changed = inputs
    changed.positionIDs = try TokenArray([[1, 2, 3, 4, 5, 6]])
    #expect(try !agrees(recorded, inputs: changed))
    changed = inputs
    var mask = try #require(inputs.attentionMask).elements
    mask[0] = 0
    changed.attentionMask = try TokenArray(
      dimensions: inputs.inputIDs.dimensions, elements: mask)
    #expect(try !agrees(recorded, inputs: changed))
  }

  @Test(
    "Weights in each other's place are seen",
    arguments: [
      ("BertForMaskedLM", "6-right", "attention.self.query.weight", "attention.self.key.weight"),
      ("BertForMaskedLM", "6-right", "attention.output.LayerNorm.bias", "output.dense.bias"),
      (
        "BertForPreTraining", "5-right", "pooler.dense.bias", "cls.predictions.transform.dense.bias"
      ),
      (
        "RobertaForSequenceClassification", "4-right", "classifier.dense.weight",
        "layer.0.attention.output.dense.weight"
      ),
      ("GPT2LMHeadModel", "5-right", "h.0.ln_1.weight", "h.0.ln_2.weight"),
      ("GPT2LMHeadModel", "5-right", "h.0.attn.c_proj.bias", "h.1.attn.c_proj.bias"),
    ])
  func swapped(_ className: String, _ name: String, _ first: String, _ second: String) throws {
    let recorded = try recorded(className, name)
    let graph = try weights(of: className, in: recorded.family)
    let names = graph.weights.keys
    let one = try #require(names.first { $0.string.hasSuffix(first) })
    let other = try #require(names.first { $0.string.hasSuffix(second) && $0 != one })
    let changed = try graph.renamed { $0 == one ? other : $0 == other ? one : $0 }
    #expect(try agrees(recorded, weights: graph))
    #expect(try !agrees(recorded, weights: changed))
  }
}
