extension ModelDefinition {
  /// GPT-2: `modeling_gpt2.py`, Transformers 5.23.
  static let gpt2: ModelDefinition = {
    let layer = "{body}h.{layer}."
    let language = [
      ParameterTemplate("lm_head.weight", [.vocabulary, .hidden], tiedTo: "{body}wte.weight")
    ]
    return ModelDefinition(
      .gpt2, bodyPrefix: "transformer.",
      body: [
        ParameterTemplate("{body}wte.weight", [.vocabulary, .hidden]),
        ParameterTemplate("{body}wpe.weight", [.positions, .hidden]),
      ] + ParameterTemplate.norm(layer + "ln_1")
        + ParameterTemplate.convolution(layer + "attn.c_attn", .hidden, .tripleHidden)
        + ParameterTemplate.convolution(layer + "attn.c_proj", .hidden, .hidden)
        + ParameterTemplate.norm(layer + "ln_2")
        + ParameterTemplate.convolution(layer + "mlp.c_fc", .hidden, .intermediate)
        + ParameterTemplate.convolution(layer + "mlp.c_proj", .intermediate, .hidden)
        + ParameterTemplate.norm("{body}ln_f"),
      heads: [
        .base: HeadDefinition("GPT2Model"),
        .causalLM: HeadDefinition("GPT2LMHeadModel", language),
        .doubleHeads: HeadDefinition(
          "GPT2DoubleHeadsModel",
          language
            + ParameterTemplate.linear("multiple_choice_head.summary", .fixed(1), .hidden)),
        .sequenceClassification: HeadDefinition(
          "GPT2ForSequenceClassification",
          [ParameterTemplate("score.weight", [.labels, .hidden])]),
        .tokenClassification: HeadDefinition(
          "GPT2ForTokenClassification",
          ParameterTemplate.linear("classifier", .labels, .hidden)),
        .questionAnswering: HeadDefinition(
          "GPT2ForQuestionAnswering",
          ParameterTemplate.linear("qa_outputs", .fixed(2), .hidden)),
      ],
      tables: LayoutTable.tensorFlow(.gpt2) + [.kerasHubGPT2, .openAI])
  }()
}
