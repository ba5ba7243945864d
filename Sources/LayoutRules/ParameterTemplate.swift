/// A canonical parameter before sizes are known.
struct ParameterTemplate {
  let name: NameTemplate
  let extents: [Extent]
  let tiedTo: NameTemplate?

  init(_ name: String, _ extents: [Extent], tiedTo: String? = nil) {
    self.name = NameTemplate(name)
    self.extents = extents
    self.tiedTo = tiedTo.map { NameTemplate($0) }
  }

  /// Consecutive templates that belong to layers, together; the others alone.
  static func runs(of templates: [ParameterTemplate]) -> [[ParameterTemplate]] {
    var runs: [[ParameterTemplate]] = []
    for template in templates {
      if template.name.isPerLayer, let last = runs.last, last[0].name.isPerLayer {
        runs[runs.count - 1].append(template)
      } else {
        runs.append([template])
      }
    }
    return runs
  }

  /// The parameters of a model (`modeling_bert.py`, `modeling_gpt2.py`, `modeling_roberta.py`, Transformers 5.23).
  static func all(
    _ family: ModelFamily, _ head: ModelHead, hasPooler: Bool
  ) -> [ParameterTemplate] {
    switch family {
    case .gpt2: gpt2 + gpt2Head(head)
    case .bert, .roberta:
      encoder(family) + (hasPooler ? linear("{body}pooler.dense", .hidden, .hidden) : [])
        + (family == .bert ? bertHead(head) : robertaHead(head))
    }
  }

  private static func linear(_ name: String, _ output: Extent, _ input: Extent) -> [Self] {
    [Self(name + ".weight", [output, input]), Self(name + ".bias", [output])]
  }

  private static func convolution(_ name: String, _ input: Extent, _ output: Extent) -> [Self] {
    [Self(name + ".weight", [input, output]), Self(name + ".bias", [output])]
  }

  private static func norm(_ name: String) -> [Self] {
    [Self(name + ".weight", [.hidden]), Self(name + ".bias", [.hidden])]
  }

  private static func encoder(_ family: ModelFamily) -> [Self] {
    let layer = "{body}encoder.layer.{layer}."
    let positions = Self("{body}embeddings.position_embeddings.weight", [.positions, .hidden])
    var parts = [Self("{body}embeddings.word_embeddings.weight", [.vocabulary, .hidden])]
    if family == .bert { parts.append(positions) }
    parts.append(Self("{body}embeddings.token_type_embeddings.weight", [.tokenTypes, .hidden]))
    parts += norm("{body}embeddings.LayerNorm")
    // RobertaEmbeddings makes its positions after everything else.
    if family == .roberta { parts.append(positions) }
    for name in ["query", "key", "value"] {
      parts += linear(layer + "attention.self." + name, .hidden, .hidden)
    }
    parts += linear(layer + "attention.output.dense", .hidden, .hidden)
    parts += norm(layer + "attention.output.LayerNorm")
    parts += linear(layer + "intermediate.dense", .intermediate, .hidden)
    parts += linear(layer + "output.dense", .hidden, .intermediate)
    return parts + norm(layer + "output.LayerNorm")
  }

  private static let gpt2: [Self] = {
    let layer = "{body}h.{layer}."
    return [
      Self("{body}wte.weight", [.vocabulary, .hidden]),
      Self("{body}wpe.weight", [.positions, .hidden]),
    ] + norm(layer + "ln_1") + convolution(layer + "attn.c_attn", .hidden, .tripleHidden)
      + convolution(layer + "attn.c_proj", .hidden, .hidden) + norm(layer + "ln_2")
      + convolution(layer + "mlp.c_fc", .hidden, .intermediate)
      + convolution(layer + "mlp.c_proj", .intermediate, .hidden) + norm("{body}ln_f")
  }()

  private static func bertHead(_ head: ModelHead) -> [Self] {
    let predictions =
      [Self("cls.predictions.bias", [.vocabulary])]
      + linear("cls.predictions.transform.dense", .hidden, .hidden)
      + norm("cls.predictions.transform.LayerNorm")
      + decoder("cls.predictions.decoder", bias: "cls.predictions.bias")
    let relationship = linear("cls.seq_relationship", .fixed(2), .hidden)
    switch head {
    case .maskedLM, .causalLM: return predictions
    case .preTraining: return predictions + relationship
    case .nextSentence: return relationship
    default: return classifier(head)
    }
  }

  private static func robertaHead(_ head: ModelHead) -> [Self] {
    switch head {
    case .maskedLM, .causalLM:
      [Self("lm_head.bias", [.vocabulary])] + linear("lm_head.dense", .hidden, .hidden)
        + norm("lm_head.layer_norm") + decoder("lm_head.decoder", bias: "lm_head.bias")
    case .sequenceClassification:
      linear("classifier.dense", .hidden, .hidden)
        + linear("classifier.out_proj", .labels, .hidden)
    default: classifier(head)
    }
  }

  private static func gpt2Head(_ head: ModelHead) -> [Self] {
    let languageModel = Self(
      "lm_head.weight", [.vocabulary, .hidden], tiedTo: "{body}wte.weight")
    switch head {
    case .causalLM: return [languageModel]
    case .doubleHeads:
      return [languageModel] + linear("multiple_choice_head.summary", .fixed(1), .hidden)
    case .sequenceClassification: return [Self("score.weight", [.labels, .hidden])]
    default: return classifier(head)
    }
  }

  private static func decoder(_ name: String, bias: String) -> [Self] {
    let embeddings = "{body}embeddings.word_embeddings.weight"
    return [
      Self(name + ".weight", [.vocabulary, .hidden], tiedTo: embeddings),
      Self(name + ".bias", [.vocabulary], tiedTo: bias),
    ]
  }

  /// The heads that are one matrix in every family.
  private static func classifier(_ head: ModelHead) -> [Self] {
    switch head {
    case .sequenceClassification, .tokenClassification:
      linear("classifier", .labels, .hidden)
    case .multipleChoice: linear("classifier", .fixed(1), .hidden)
    case .questionAnswering: linear("qa_outputs", .fixed(2), .hidden)
    default: []
    }
  }
}
