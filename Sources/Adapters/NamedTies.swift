internal import CheckpointBytes
internal import OrderedCollections
internal import WeightGraph

/// A head whose output matrix is the table of words: what its class leaves out of files, and by which name one knows the class
/// (`_tied_weights_keys` of Transformers 5.23).
private struct TiedHead {
  /// A weight of the class.
  let evidence: ExactName
  /// The output matrix.
  let matrix: ExactName
  /// The table; nil for the one that is called `word_embeddings`.
  var table: ExactName?
  /// The output's bias, and what it is.
  var bias: (name: ExactName, target: ExactName)?

  static let all = [
    // MPNet, Data2VecText, RobertaPreLayerNorm, ESM
    TiedHead(
      evidence: "lm_head.dense.weight", matrix: "lm_head.decoder.weight",
      bias: ("lm_head.decoder.bias", "lm_head.bias")),
    // DeBERTa, ERNIE, LayoutLM
    TiedHead(
      evidence: "cls.predictions.transform.dense.weight", matrix: "cls.predictions.decoder.weight",
      bias: ("cls.predictions.decoder.bias", "cls.predictions.bias")),
    // ALBERT
    TiedHead(
      evidence: "predictions.dense.weight", matrix: "predictions.decoder.weight",
      bias: ("predictions.decoder.bias", "predictions.bias")),
    // Whisper
    TiedHead(
      evidence: "model.encoder.conv1.weight", matrix: "proj_out.weight",
      table: "model.decoder.embed_tokens.weight"),
    // T5: its class without a head has the same names, and leaves the matrix aside.
    TiedHead(
      evidence: "decoder.block.0.layer.0.SelfAttention.q.weight", matrix: "lm_head.weight",
      table: "shared.weight"),
  ]

  /// The tables of language models whose only part of its own is the output matrix, `lm_head`: all other names begin like theirs.
  static let languageModelTables: [ExactName] = [
    "model.shared.weight", "model.embed_tokens.weight", "model.decoder.embed_tokens.weight",
    "model.language_model.embed_tokens.weight", "transformer.wte.weight",
    "transformer.word_embeddings.weight",
  ]
}

extension WeightGraph {
  /// What a model of no known family leaves out since it is another weight, by what is there: for each name the weight that it is.
  var namedTies: [ExactName: ExactName] {
    var ties: [ExactName: ExactName] = [:]
    func tie(_ name: ExactName, to target: ExactName?) {
      guard let target, self[name] == nil, self[target] != nil else { return }
      ties[name] = target
    }
    for head in TiedHead.all where self[head.evidence] != nil {
      tie(head.matrix, to: head.table ?? wordEmbeddings)
      if let bias = head.bias { tie(bias.name, to: bias.target) }
    }
    for front in ["", "model."] {
      for stack in ["encoder.", "decoder."]
      where weights.keys.contains(where: { $0.hasPrefix(front + stack) }) {
        tie(
          ExactName(front + stack + "embed_tokens.weight"), to: ExactName(front + "shared.weight"))
      }
    }
    if ties.values.allSatisfy({ $0.hasSuffix("shared.weight") }),
      let table = TiedHead.languageModelTables.first(where: { self[$0] != nil }), isBody(of: table)
    {
      tie("lm_head.weight", to: table)
    }
    return ties
  }

  /// The one table that is called so.
  private var wordEmbeddings: ExactName? {
    let tables = weights.keys.filter { $0.hasSuffix("word_embeddings.weight") }
    return tables.count == 1 ? tables[0] : nil
  }

  /// True if no name is of a head, which would stand beside those that begin as the table's.
  private func isBody(of table: ExactName) -> Bool {
    let front = String(table.string.prefix { $0 != "." }) + "."
    // The bias of BART's scores is a buffer of the class.
    return weights.keys.allSatisfy { $0.hasPrefix(front) || $0 == "final_logits_bias" }
  }
}
