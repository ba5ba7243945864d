public import CheckpointBytes
public import LanguageModels
internal import LayoutRules
public import Tokenizers

extension LanguageModel {
  /// What encoded texts are for this model: ids, the mask where there is padding, and the token types if the tokenizer
  /// gives them.
  ///
  /// - Throws: `mismatch` if the encodings differ in length, `inconsistent` if there is no token.
  public func inputs(_ encodings: [Encoding]) throws(CheckpointError) -> ModelInputs {
    guard encodings.contains(where: { !$0.ids.isEmpty }) else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "text"), "the text has no token",
        remedy: "give a text that is not empty")
    }
    var inputs = ModelInputs(inputIDs: try TokenArray(encodings.map(\.ids)))
    if encodings.contains(where: { $0.attentionMask.contains(0) }) {
      inputs.attentionMask = try TokenArray(encodings.map(\.attentionMask))
    }
    if takesTokenTypes(given: encodings.first?.givesTokenTypes) {
      inputs.tokenTypeIDs = try TokenArray(encodings.map(\.typeIDs))
    }
    return inputs
  }

  /// What encoded choices are for a model that chooses among texts, `[batch, choices, sequence]`: of each example as many.
  ///
  ///     let choices = try tokenizer.encodeBatch([TokenizerInput(question, pair: "A tonne."), …], options: padded)
  ///     let logits = try model(model.inputs(choices: [choices])).logits   // [1, choices]
  ///
  /// - Throws: What ``inputs(_:)`` throws; `mismatch` if examples differ in the number of choices.
  public func inputs(choices: [[Encoding]]) throws(CheckpointError) -> ModelInputs {
    var inputs = try inputs(Array(choices.joined()))
    let extents = [choices.count, choices.first?.count ?? 0]
    if let example = choices.firstIndex(where: { $0.count != extents[1] }) {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(field: "choices"),
        "example \(example) has \(choices[example].count), example 0 has \(extents[1])")
    }
    func folded(_ array: TokenArray) throws(CheckpointError) -> TokenArray {
      try TokenArray(dimensions: extents + [array.length], elements: array.elements)
    }
    inputs.inputIDs = try folded(inputs.inputIDs)
    if let mask = inputs.attentionMask { inputs.attentionMask = try folded(mask) }
    if let types = inputs.tokenTypeIDs { inputs.tokenTypeIDs = try folded(types) }
    return inputs
  }

  /// Runs the model on an encoded text.
  ///
  ///     let outputs = try model(tokenizer.encode("Paris is the [MASK] of France."))
  ///
  /// - Throws: What ``inputs(_:)`` and `LanguageModel/run(_:_:)` throw.
  public func callAsFunction(
    _ encoding: Encoding, options: RunOptions = RunOptions()
  ) throws(CheckpointError) -> ModelOutputs {
    try self(inputs([encoding]), options: options)
  }

  /// Runs the model on encoded texts of one length: pad them when encoding.
  ///
  /// - Throws: What ``inputs(_:)`` and `LanguageModel/run(_:_:)` throw.
  public func callAsFunction(
    _ encodings: [Encoding], options: RunOptions = RunOptions()
  ) throws(CheckpointError) -> ModelOutputs {
    try self(inputs(encodings), options: options)
  }
}
