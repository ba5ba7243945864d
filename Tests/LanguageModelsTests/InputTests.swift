import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import Testing
import WeightGraph

@Suite struct InputTests {
  private func model<Model: LanguageModel>(_ type: Model.Type) throws -> Model {
    let recorded = try #require(RecordedCase.all.first { $0.className == Model.className })
    return try #require(
      try load(
        Model.className, recorded.configuration,
        try weights(of: Model.className, in: Model.Configuration.family)) as? Model)
  }

  private func field(
    _ model: some LanguageModel, _ inputs: @autoclosure () throws -> ModelInputs
  ) -> String? {
    failure { _ = try model(try inputs()) }?.site.field
  }

  @Test("An index outside its table is an error that names argument and place")
  func indices() throws {
    let bert = try model(BertModel.self)
    #expect(
      field(bert, ModelInputs(inputIDs: try TokenArray([[5, 6], [7, 61]]))) == "input_ids[1, 1]")
    #expect(field(bert, ModelInputs(inputIDs: try TokenArray([[5, -1]]))) == "input_ids[0, 1]")
    let ids = try TokenArray([[5, 6]])
    #expect(
      field(bert, ModelInputs(inputIDs: ids, tokenTypeIDs: try TokenArray([[0, 2]])))
        == "token_type_ids[0, 1]")
    #expect(
      field(bert, ModelInputs(inputIDs: ids, positionIDs: try TokenArray([[16, 0]])))
        == "position_ids[0, 0]")
    #expect(
      field(bert, ModelInputs(inputIDs: ids, attentionMask: try TokenArray([[1, 2]])))
        == "attention_mask[0, 1]")
  }

  @Test("A sequence longer than the positions is an error")
  func positions() throws {
    let sixteen = ModelInputs(inputIDs: try TokenArray([Array(repeating: 5, count: 16)]))
    let seventeen = ModelInputs(inputIDs: try TokenArray([Array(repeating: 5, count: 17)]))
    for model in [try model(BertModel.self), try model(GPT2Model.self)] as [any LanguageModel] {
      _ = try model.run(sixteen, RunOptions())
      #expect(failure { _ = try model.run(seventeen, RunOptions()) }?.kind == .inconsistent)
    }
    // RoBERTa's first position is its padding token's plus 1.
    let roberta = try model(RobertaModel.self)
    _ = try roberta(ModelInputs(inputIDs: try TokenArray([Array(repeating: 5, count: 14)])))
    #expect(field(roberta, sixteen) == "input_ids")
  }

  @Test("A padding token outside the vocabulary is refused at load, whatever its size")
  func paddingToken() throws {
    for name in ["BertModel", "RobertaModel"] {
      let recorded = try #require(RecordedCase.all.first { $0.className == name })
      let graph = try weights(of: name, in: recorded.family)
      func error(_ padding: Int) -> CheckpointError? {
        let members = (recorded.configuration.members ?? []).filter { $0.key != "pad_token_id" }
        let configuration = JSONValue.object(
          members + [JSONValue.Member("pad_token_id", .integer(padding))])
        return failure { _ = try load(name, configuration, graph) }
      }
      for padding in [61, -62, .max, .min] {
        #expect(error(padding)?.kind == .inconsistent)
        #expect(error(padding)?.site.field == "pad_token_id")
      }
      // Negative numbers count from the end.
      for padding in [0, 60, -1, -61] { #expect(error(padding) == nil) }
    }
  }

  @Test("Arrays whose extents do not fit are an error that names the argument")
  func extents() throws {
    let bert = try model(BertModel.self)
    let ids = try TokenArray([[5, 6, 7], [8, 9, 10]])
    let short = try TokenArray([[1, 1, 1]])
    #expect(field(bert, ModelInputs(inputIDs: ids, attentionMask: short)) == "attention_mask")
    #expect(field(bert, ModelInputs(inputIDs: ids, tokenTypeIDs: short)) == "token_type_ids")
    _ = try bert(ModelInputs(inputIDs: ids, positionIDs: short))
    #expect(
      field(bert, ModelInputs(inputIDs: ids, positionIDs: try TokenArray([[1]]))) == "position_ids")
    let choices = ModelInputs(inputIDs: try TokenArray(choices: [[[5, 6], [7, 8]]]))
    #expect(field(bert, choices) == "input_ids")
    #expect(
      field(try model(BertForMultipleChoice.self), ModelInputs(inputIDs: ids)) == "input_ids")
    #expect(
      field(bert, ModelInputs(inputIDs: try TokenArray(dimensions: [3], elements: [1, 2, 3])))
        == "input_ids")
    #expect(field(bert, ModelInputs(inputIDs: ids, choiceTokenIDs: short)) == "mc_token_ids")
    let double = try model(GPT2DoubleHeadsModel.self)
    #expect(
      field(double, ModelInputs(inputIDs: ids, choiceTokenIDs: short)) == "mc_token_ids")
    #expect(
      field(
        double,
        ModelInputs(
          inputIDs: ids, choiceTokenIDs: try TokenArray(dimensions: [2], elements: [0, 3])))
        == "mc_token_ids[1]")
  }

  @Test(
    "Labels of choices are counted by the scores, whichever extent a summary leaves of them",
    arguments: [
      // Transformers 5.23 in float64.
      ("cls_index", [1, 0], 0.6501654828233294), ("first", [1, 0], 1.4002605659367384),
      ("first", [2, 0], 1.5715799933383923), ("last", [2, 0], 1.1155633894595298),
      ("mean", [1, 0], 1.1772056661955017), ("mean", [2, 0], 1.3198326245340697),
    ] as [(String, [Int], Double)])
  func choiceLabels(summary: String, labels: [Int], loss: Double) throws {
    let recorded = try #require(
      RecordedCase.all.first { $0.className == "GPT2DoubleHeadsModel" && $0.name == "6-choices" })
    let members = try #require(recorded.configuration.members)
    let settings = JSONValue.object(
      members.filter { $0.key != "summary_type" }
        + [JSONValue.Member("summary_type", .string(summary))])
    let model = try GPT2DoubleHeadsModel(
      weights: weights(of: "GPT2DoubleHeadsModel", in: .gpt2), document: settings)
    var inputs = try recorded.modelInputs()
    inputs.labels.choices = LabelArray(try TokenArray(dimensions: [2], elements: labels))
    let found = try #require(try model(inputs)["mc_loss"]?.values.first)
    #expect(abs(Double(found) - loss) < 1e-5)
  }

  @Test("An empty batch and empty sequences are errors")
  func empty() throws {
    let bert = try model(BertModel.self)
    #expect(field(bert, ModelInputs(inputIDs: try TokenArray([]))) == "input_ids")
    #expect(field(bert, ModelInputs(inputIDs: try TokenArray([[], []]))) == "input_ids")
  }

  @Test("Rows of different lengths, and counts that do not fit, make no array")
  func arrays() {
    #expect(failure { _ = try TokenArray([[1, 2], [3]]) }?.kind == .mismatch)
    #expect(failure { _ = try TokenArray(choices: [[[1]], [[1], [2]]]) }?.kind == .mismatch)
    #expect(failure { _ = try TokenArray(dimensions: [2, 2], elements: [1]) }?.kind == .mismatch)
    #expect(failure { _ = try TokenArray(dimensions: [.max, 2], elements: []) } != nil)
    #expect(failure { _ = try TokenArray(dimensions: [-1], elements: []) } != nil)
  }

  @Test("Arguments have Transformers' names, and no others")
  func arguments() throws {
    let ids = try TokenArray([[5, 6]])
    let mask = try TokenArray([[1, 0]])
    let inputs = try ModelInputs(arguments: ["input_ids": ids, "attention_mask": mask])
    #expect(inputs == ModelInputs(inputIDs: ids, attentionMask: mask))
    let missing = failure { _ = try ModelInputs(arguments: ["attention_mask": mask]) }
    #expect(missing?.kind == .notFound)
    let other = failure {
      _ = try ModelInputs(arguments: ["input_ids": ids, "inputs_embeds": mask])
    }
    #expect(other?.kind == .unsupported)
    #expect(other?.site.field == "inputs_embeds")
  }

  @Test("Several texts need a padding token to be labelled by GPT-2")
  func labelsWithoutPadding() throws {
    let recorded = try #require(
      RecordedCase.all.first { $0.name == "11-padding-is-absent" && $0.family == .gpt2 })
    let model = try load(
      recorded.className, recorded.configuration,
      try weights(of: recorded.className, in: .gpt2))
    let two = ModelInputs(inputIDs: try TokenArray([[5, 6], [7, 8]]))
    let error = failure { _ = try model.run(two, RunOptions()) }
    #expect(error?.kind == .unsupported)
    #expect(error?.site.field == "pad_token_id")
  }

  @Test("Positions that mean packed texts to the reference are refused")
  func packedTexts() throws {
    let recorded = try #require(RecordedCase.all.first { $0.className == "GPT2Model" })
    let members = try #require(recorded.configuration.members)
    let settings = JSONValue.object(
      members.filter { $0.key != "use_cache" } + [JSONValue.Member("use_cache", .boolean(false))])
    let model = try GPT2Model(
      weights: try weights(of: "GPT2Model", in: .gpt2), document: settings)
    let ids = try TokenArray([[5, 6, 7, 8]])
    let packed = try TokenArray([[0, 1, 0, 1]])
    let inputs = ModelInputs(inputIDs: ids, positionIDs: packed)
    #expect(field(model, inputs) == "position_ids[0, 2]")
    let mask = try TokenArray([[1, 1, 1, 1]])
    _ = try model(ModelInputs(inputIDs: ids, attentionMask: mask, positionIDs: packed))
    _ = try model(ModelInputs(inputIDs: ids, positionIDs: try TokenArray([[3, 4, 5, 6]])))
  }
}
