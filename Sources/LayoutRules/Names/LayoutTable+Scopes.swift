extension LayoutTable {
  /// What Keras makes of the model class's name: `tf_bert_for_masked_lm/`, `tfgpt2lm_head_model/`. It has to be there:
  /// Transformers 4.41 drops the first component of every name, whatever it is, so that names without a scope are all
  /// missing.
  static func tensorFlowScope(of head: ModelHead, in family: ModelFamily) -> String {
    let name = head.className(in: family) ?? ""
    let letters = Array(name.unicodeScalars)
    func isSmall(_ index: Int) -> Bool {
      letters.indices.contains(index) && letters[index].properties.isLowercase
    }
    var scope = "tf"
    for (index, letter) in letters.enumerated() {
      // A word begins at a capital with a small letter before or behind it.
      let begins = letter.properties.isUppercase && (isSmall(index - 1) || isSmall(index + 1))
      scope += (begins ? "_" : "") + letter.properties.lowercaseMapping
    }
    return scope + "/"
  }
}
