extension String {
  /// The name of a class as Keras writes it in paths and modules: `XLMRobertaBackbone` is `xlm_roberta_backbone`, `GPT2CausalLM`
  /// is `gpt2_causal_lm`, `TFGPT2LMHeadModel` is `tfgpt2lm_head_model` (`to_snake_case` in `keras/src/utils/naming.py`, 3.15).
  package var kerasName: String {
    let letters = Array(unicodeScalars)
    func isSmall(_ index: Int) -> Bool {
      letters.indices.contains(index) && letters[index].properties.isLowercase
    }
    var name = ""
    for (index, letter) in letters.enumerated() {
      // A word begins at a capital with a small letter before or behind it.
      let begins = letter.properties.isUppercase && (isSmall(index - 1) || isSmall(index + 1))
      name += (begins && index > 0 ? "_" : "") + letter.properties.lowercaseMapping
    }
    return name
  }
}
