import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import TensorValues
import Testing
import Verification
import WeightGraph

/// One thing that is wrong with a model or with what it is given, and where verification is to find it.
struct Mutation: Sendable, CustomStringConvertible {
  /// What is wrong.
  let description: String
  let className: String
  let family: ModelFamily
  /// The recorded cases, all on the inputs named `right`.
  var cases = ["0-right*"]
  /// Outputs of those cases that the class does not have.
  var without: Set<ExactName> = []
  /// Settings that are wrong.
  var settings: [(ExactName, JSONValue)] = []
  /// The weight that is wrong, and what is done to it.
  var weight: (ExactName, @Sendable (Weight) throws -> Weight)?
  /// The output where it shows first, and the module.
  let first: ExactName
  let module: String?
}

/// Rows in reverse order.
@Sendable private func reversed(_ weight: Weight) throws -> Weight {
  var rows: [Weight] = []
  for row in (0..<weight.shape.dimensions[0]).reversed() {
    rows.append(try weight.sliced(axis: 0, row..<(row + 1)))
  }
  return try Weight.concatenated(rows, axis: 0)
}

@Suite("Mutations are found, and where they are")
struct MutationTests {
  static let mutations: [Mutation] = [
    Mutation(
      description: "another activation", className: "BertModel", family: .bert,
      settings: [("hidden_act", .string("relu"))], first: "hidden_states.1",
      module: "encoder.layer.0"),
    Mutation(
      description: "the tanh form of the same activation", className: "BertModel", family: .bert,
      settings: [("hidden_act", .string("gelu_new"))], first: "hidden_states.1",
      module: "encoder.layer.0"),
    Mutation(
      description: "another epsilon", className: "BertModel", family: .bert,
      settings: [("layer_norm_eps", .double(1e-3))], first: "hidden_states.0",
      module: "embeddings"),
    Mutation(
      description: "causal, and should not be", className: "BertModel", family: .bert,
      settings: [("is_decoder", .boolean(true))], first: "attentions.0",
      module: "encoder.layer.0.attention.self"),
    Mutation(
      description: "another number of heads", className: "BertModel", family: .bert,
      settings: [("num_attention_heads", .integer(4))], first: "attentions.0",
      module: "encoder.layer.0.attention.self"),
    Mutation(
      description: "a square weight transposed in the last layer", className: "BertModel",
      family: .bert,
      weight: (
        "encoder.layer.1.attention.output.dense.weight",
        { try $0.transposed([1, 0]) }
      ), first: "hidden_states.2", module: "encoder.layer.1"),
    Mutation(
      description: "rows of the pooler in another order", className: "BertModel", family: .bert,
      weight: ("pooler.dense.bias", reversed), first: "pooler_output", module: nil),
    Mutation(
      description: "start and end swapped in the head", className: "BertForQuestionAnswering",
      family: .bert, cases: ["0-right*", "13-right"],
      without: ["last_hidden_state", "pooler_output"], weight: ("qa_outputs.weight", reversed),
      first: "start_logits", module: nil),
    Mutation(
      description: "the head's bias in another order", className: "BertForMaskedLM", family: .bert,
      cases: ["0-right*", "6-right"], without: ["last_hidden_state", "pooler_output"],
      weight: ("cls.predictions.bias", reversed), first: "logits", module: nil),
    Mutation(
      description: "positions counted from another padding token", className: "RobertaModel",
      family: .roberta, settings: [("pad_token_id", .integer(3))], first: "hidden_states.0",
      module: "embeddings"),
    Mutation(
      description: "another activation", className: "GPT2Model", family: .gpt2,
      settings: [("activation_function", .string("gelu"))], first: "hidden_states.1",
      module: "h.0"),
    Mutation(
      description: "another epsilon", className: "GPT2Model", family: .gpt2,
      settings: [("layer_norm_epsilon", .double(1e-3))], first: "attentions.0",
      module: "h.0.attn"),
    Mutation(
      description: "scores not scaled", className: "GPT2Model", family: .gpt2,
      settings: [("scale_attn_weights", .boolean(false))], first: "attentions.0",
      module: "h.0.attn"),
    Mutation(
      description: "scores scaled by the layer", className: "GPT2Model", family: .gpt2,
      settings: [("scale_attn_by_inverse_layer_idx", .boolean(true))], first: "attentions.1",
      module: "h.1.attn"),
    Mutation(
      description: "the last norm in another order", className: "GPT2Model", family: .gpt2,
      weight: ("ln_f.weight", reversed), first: "hidden_states.2", module: "h.1, ln_f"),
  ]

  @Test(
    "What is wrong with a model is found in the first layer that it changes", arguments: mutations)
  func model(_ mutation: Mutation) throws {
    let golden = try RecordedCases.golden(
      mutation.family, mutation.cases, inputs: "right", without: mutation.without)
    let right = try RecordedCases.model(mutation.className, mutation.family)
    let unchanged = try verify(right, against: golden)
    #expect(unchanged.isEqual, "\(VerificationSummary(unchanged).lines)")

    let wrong = try RecordedCases.model(
      mutation.className, mutation.family,
      changes: mutation.settings.map { JSONValue.Member($0.0, $0.1) }
    ) { name, weight in
      guard let (changed, change) = mutation.weight,
        name == changed || name == ExactName(mutation.family.bodyPrefix + changed.string)
      else { return weight }
      return try change(weight)
    }
    let report = try verify(wrong, against: golden)
    #expect(!report.isEqual)
    #expect(report.firstDivergence?.name == mutation.first)
    let module = report.firstDivergence.flatMap { report.module(of: $0) }
    #expect(module == mutation.module)
    let summary = VerificationSummary(report).lines
    #expect(
      summary.first?.hasPrefix("first to differ: ") == true
        && summary.first?.contains(mutation.first.string) == true, "\(summary)")
  }

  /// Something else than what was recorded goes in: two sequences of `right` are shorter than the third.
  @Test(
    "What is wrong with the inputs is found where they first matter",
    arguments: [
      ("BertModel", .bert, "token_type_ids", nil, "hidden_states.0"),
      ("BertModel", .bert, "position_ids", Array(1...6), "hidden_states.0"),
      ("BertModel", .bert, "attention_mask", [1, 1, 1, 1, 1, 1], "attentions.0"),
      ("RobertaModel", .roberta, "position_ids", Array(0..<6), "hidden_states.0"),
      ("GPT2Model", .gpt2, "token_type_ids", nil, "hidden_states.0"),
      ("GPT2Model", .gpt2, "position_ids", Array(1...6), "hidden_states.0"),
      ("GPT2Model", .gpt2, "attention_mask", [1, 1, 1, 1, 1, 1], "attentions.0"),
    ] as [(String, ModelFamily, ExactName, [Int]?, ExactName)])
  func inputs(
    _ className: String, _ family: ModelFamily, _ argument: ExactName, _ row: [Int]?,
    _ first: ExactName
  ) throws {
    var changed: [ExactName: Weight] = [:]
    if let row {
      let rows = (0..<3).flatMap { _ in row.map(Int64.init) }
      changed[argument] = try Records.weight([3, 6], rows)
    }
    let golden = try RecordedCases.golden(
      family, ["0-right*"], inputs: "right", without: row == nil ? [argument] : [], with: changed)
    let report = try verify(RecordedCases.model(className, family), against: golden)
    #expect(report.firstDivergence?.name == first)
    // All of the words of a person's report.
    #expect(VerificationSummary(report).lines.count >= 4)
  }

  @Test("Every layer in turn: a changed bias is found in its layer, and not before")
  func layers() throws {
    for layer in 0..<2 {
      let golden = try RecordedCases.golden(.bert, ["0-right*"], inputs: "right")
      let name = ExactName("encoder.layer.\(layer).output.dense.bias")
      let wrong = try RecordedCases.model("BertModel", .bert) {
        found, weight in
        found == name ? try reversed(weight) : weight
      }
      let report = try verify(wrong, against: golden)
      #expect(report.firstDivergence?.name == ExactName("hidden_states.\(layer + 1)"))
    }
  }
}
