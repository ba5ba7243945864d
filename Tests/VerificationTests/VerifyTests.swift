import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import Verification
import WeightGraph

@Suite("Verification of models")
struct VerifyTests {
  @Test(
    "A model that computes what Transformers does is equal, at every position",
    arguments: [
      ("BertModel", .bert, ["0-right*"], "right"), ("BertModel", .bert, ["0-left*"], "left"),
      ("BertModel", .bert, ["0-without"], "without"),
      ("BertForMaskedLM", .bert, ["6-right"], "right"),
      ("BertForPreTraining", .bert, ["5-right"], "right"),
      ("BertForMultipleChoice", .bert, ["14-choices"], "choices"),
      ("RobertaModel", .roberta, ["0-right*"], "right"),
      ("RobertaForQuestionAnswering", .roberta, ["6-right"], "right"),
      ("GPT2Model", .gpt2, ["0-left*"], "left"), ("GPT2Model", .gpt2, ["0-right*"], "right"),
      ("GPT2DoubleHeadsModel", .gpt2, ["6-choices-named+"], "choices-named"),
    ] as [(String, ModelFamily, [String], String)])
  func equal(_ name: String, _ family: ModelFamily, _ cases: [String], _ inputs: String) throws {
    let golden = try RecordedCases.golden(family, cases, inputs: inputs)
    let model = try RecordedCases.model(name, family)
    let report = try verify(model, against: golden)
    #expect(report.isEqual, "\(VerificationSummary(report).lines)")
    #expect(report.entries.count == golden.outputs.count)
    #expect(report.criteria.tolerance == .float32)
  }

  @Test("Nothing passes an exact tolerance, and the worst stays far within the default one")
  func margins() throws {
    let golden = try RecordedCases.golden(.bert, ["0-right*"], inputs: "right")
    let model = try RecordedCases.model("BertModel", .bert)
    #expect(try !verify(model, against: golden, tolerance: Tolerance()).isEqual)
    let report = try verify(model, against: golden)
    let excess = report.entries.compactMap(\.values?.worstExcess).max() ?? .infinity
    #expect(excess < 0.5, "\(excess)")
  }

  @Test("Outputs come in the order of computation")
  func order() throws {
    let golden = try RecordedCases.golden(.bert, ["0-right*"], inputs: "right")
    let report = try verify(RecordedCases.model("BertModel", .bert), against: golden)
    #expect(
      report.entries.map(\.name) == [
        "hidden_states.0", "attentions.0", "hidden_states.1", "attentions.1", "hidden_states.2",
        "last_hidden_state", "pooler_output",
      ])
    #expect(
      report.entries.map { report.module(of: $0) } == [
        "embeddings", "encoder.layer.0.attention.self", "encoder.layer.0",
        "encoder.layer.1.attention.self", "encoder.layer.1", nil, nil,
      ])
  }

  @Test("What only one of the two has is a difference")
  func missingAndExtra() throws {
    let model = try RecordedCases.model("BertModel", .bert)
    let fewer = try RecordedCases.golden(
      .bert, ["0-right*"], inputs: "right", without: ["pooler_output", "hidden_states.1"])
    let report = try verify(model, against: fewer)
    #expect(!report.isEqual && report.firstDivergence == nil)
    #expect(report.extra == ["hidden_states.1", "pooler_output"] && report.missing == [])
    let more = try RecordedCases.golden(.bert, ["0-right*", "6-right"], inputs: "right")
    let other = try verify(model, against: more)
    #expect(!other.isEqual && other.firstDivergence == nil)
    #expect(other.missing == ["logits"] && other.extra == [])
    #expect(VerificationSummary(other).lines == ["recorded, not computed: logits"])
  }

  @Test("Without hidden states a layer cannot be named, and the summary says so")
  func withoutHiddenStates() throws {
    let golden = try RecordedCases.golden(.bert, ["0-plain"], inputs: "plain")
    let changed = [JSONValue.Member("hidden_act", .string("relu"))]
    let report = try verify(
      RecordedCases.model("BertModel", .bert, changes: changed), against: golden)
    #expect(report.firstDivergence?.name == "last_hidden_state")
    #expect(
      VerificationSummary(report).lines.contains(
        "no hidden states were recorded, so that the layer cannot be named"))
  }
}
