extension ModelDefinition {
  /// BERT: `modeling_bert.py`, Transformers 5.23.
  static let bert: ModelDefinition = {
    let predictions =
      [ParameterTemplate("cls.predictions.bias", [.vocabulary])]
      + ParameterTemplate.linear("cls.predictions.transform.dense", .hidden, .hidden)
      + ParameterTemplate.norm("cls.predictions.transform.LayerNorm")
      + tiedDecoder("cls.predictions.decoder", bias: "cls.predictions.bias")
    let relationship = ParameterTemplate.linear("cls.seq_relationship", .fixed(2), .hidden)
    let labels = ParameterTemplate.linear("classifier", .labels, .hidden)
    return ModelDefinition(
      .bert, bodyPrefix: "bert.",
      body: [encoderWords, encoderPositions, encoderTokenTypes] + encoderNorm + encoderLayers,
      pooler: encoderPooler,
      heads: [
        .base: HeadDefinition("BertModel", usesPooler: true),
        .maskedLM: HeadDefinition("BertForMaskedLM", predictions),
        .causalLM: HeadDefinition("BertLMHeadModel", predictions),
        .preTraining: HeadDefinition(
          "BertForPreTraining", usesPooler: true, predictions + relationship),
        .nextSentence: HeadDefinition(
          "BertForNextSentencePrediction", usesPooler: true, relationship),
        .sequenceClassification: HeadDefinition(
          "BertForSequenceClassification", usesPooler: true, labels),
        .tokenClassification: HeadDefinition("BertForTokenClassification", labels),
        .multipleChoice: HeadDefinition(
          "BertForMultipleChoice", usesPooler: true,
          ParameterTemplate.linear("classifier", .fixed(1), .hidden)),
        .questionAnswering: HeadDefinition(
          "BertForQuestionAnswering",
          ParameterTemplate.linear("qa_outputs", .fixed(2), .hidden)),
      ],
      tables: LayoutTable.tensorFlow(.bert) + [.kerasHubBERT, .google])
  }()

  // The body of BERT, which is RoBERTa's too but for the order.

  static let encoderWords = ParameterTemplate(
    "{body}embeddings.word_embeddings.weight", [.vocabulary, .hidden])
  static let encoderPositions = ParameterTemplate(
    "{body}embeddings.position_embeddings.weight", [.positions, .hidden])
  static let encoderTokenTypes = ParameterTemplate(
    "{body}embeddings.token_type_embeddings.weight", [.tokenTypes, .hidden])
  static let encoderNorm = ParameterTemplate.norm("{body}embeddings.LayerNorm")
  static let encoderPooler = ParameterTemplate.linear("{body}pooler.dense", .hidden, .hidden)

  static let encoderLayers: [ParameterTemplate] = {
    let layer = "{body}encoder.layer.{layer}."
    var parts: [ParameterTemplate] = []
    for name in ["query", "key", "value"] {
      parts += ParameterTemplate.linear(layer + "attention.self." + name, .hidden, .hidden)
    }
    parts += ParameterTemplate.linear(layer + "attention.output.dense", .hidden, .hidden)
    parts += ParameterTemplate.norm(layer + "attention.output.LayerNorm")
    parts += ParameterTemplate.linear(layer + "intermediate.dense", .intermediate, .hidden)
    parts += ParameterTemplate.linear(layer + "output.dense", .hidden, .intermediate)
    return parts + ParameterTemplate.norm(layer + "output.LayerNorm")
  }()

  /// The output of an encoder's language model: the word embeddings again, and the head's own bias.
  static func tiedDecoder(_ name: String, bias: String) -> [ParameterTemplate] {
    [
      ParameterTemplate(
        name + ".weight", [.vocabulary, .hidden], tiedTo: encoderWords.name.text),
      ParameterTemplate(name + ".bias", [.vocabulary], tiedTo: bias),
    ]
  }
}
