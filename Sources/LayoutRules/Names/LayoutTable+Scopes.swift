extension LayoutTable {
  /// What Keras makes of the model class's name: `tf_bert_for_masked_lm/`, `tfgpt2lm_head_model/`. It has to be there:
  /// Transformers 4.41 drops the first component of every name, whatever it is, so that names without a scope are all
  /// missing.
  static func tensorFlowScope(of head: ModelHead, in family: ModelFamily) -> String {
    ("TF" + (head.className(in: family) ?? "")).kerasName + "/"
  }
}
