extension ModelDefinition {
  /// RoBERTa: `modeling_roberta.py`, Transformers 5.23.
  static let roberta: ModelDefinition = {
    let language =
      [ParameterTemplate("lm_head.bias", [.vocabulary])]
      + ParameterTemplate.linear("lm_head.dense", .hidden, .hidden)
      + ParameterTemplate.norm("lm_head.layer_norm")
      + tiedDecoder("lm_head.decoder", bias: "lm_head.bias")
    return ModelDefinition(
      .roberta, bodyPrefix: "roberta.",
      // RobertaEmbeddings makes its positions after everything else.
      body: [encoderWords, encoderTokenTypes] + encoderNorm + [encoderPositions] + encoderLayers,
      pooler: encoderPooler,
      heads: [
        .base: HeadDefinition("RobertaModel", usesPooler: true),
        .maskedLM: HeadDefinition("RobertaForMaskedLM", language),
        .causalLM: HeadDefinition("RobertaForCausalLM", language),
        .sequenceClassification: HeadDefinition(
          "RobertaForSequenceClassification",
          ParameterTemplate.linear("classifier.dense", .hidden, .hidden)
            + ParameterTemplate.linear("classifier.out_proj", .labels, .hidden)),
        .tokenClassification: HeadDefinition(
          "RobertaForTokenClassification",
          ParameterTemplate.linear("classifier", .labels, .hidden)),
        .multipleChoice: HeadDefinition(
          "RobertaForMultipleChoice", usesPooler: true,
          ParameterTemplate.linear("classifier", .fixed(1), .hidden)),
        .questionAnswering: HeadDefinition(
          "RobertaForQuestionAnswering",
          ParameterTemplate.linear("qa_outputs", .fixed(2), .hidden)),
      ],
      tables: LayoutTable.tensorFlow(.roberta) + [.kerasHubRoBERTa] + LayoutTable.fairseq,
      usualSizes: [.tokenTypes: 1])
  }()
}
