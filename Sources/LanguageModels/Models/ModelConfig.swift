public import CheckpointBytes
public import LayoutRules

/// The settings of one family's models, as `config.json` has them. Nothing that changes a number is left out.
public protocol ModelConfig: Sendable, Hashable {
  /// The family whose settings these are.
  static var family: ModelFamily { get }
  /// The families among which weights are recognised.
  static var families: FamilyList { get }

  /// Reads the settings; what is not there has the default of Transformers 5.23.
  ///
  /// - Parameters:
  ///   - document: The contents of `config.json`.
  ///   - file: The name of the file, for errors.
  /// - Throws: `malformed` for a value of the wrong type, `mismatch` for another `model_type`, `unsupported` for a
  ///   setting that changes what the model computes and is not implemented, naming key and value.
  init(_ document: JSONValue, file: String?) throws(CheckpointError)

  /// The settings as a `config.json` has them: the document that they were read from, with all of its further keys; where a
  /// setting was changed since, all of them are stated.
  ///
  /// - Throws: `unsupported` for a changed setting that the family's `config.json` has no place for.
  var document: JSONValue { get throws(CheckpointError) }
  /// The classes that the checkpoint was saved from (`architectures`); may be empty.
  var architectures: [String] { get }
  /// The number of attention heads.
  var headCount: Int { get }
  /// The width of the model.
  var hiddenSize: Int { get }
  /// The width of the embeddings, which may be another.
  var embeddingSize: Int { get }
  /// The number of layers.
  var layerCount: Int { get }
  /// The number of rows of the word embeddings.
  var vocabularySize: Int { get }
  /// The number of rows of the position embeddings.
  var positionCount: Int { get }
  /// The token that fills sequences up, if there is one.
  var padTokenID: Int? { get }
  /// The first token of a text, if there is one.
  var bosTokenID: Int? { get }
  /// The tokens that end a text; may be empty.
  var eosTokenIDs: [Int] { get }
  /// The classes of a classifier.
  var labels: ClassLabels { get }
  /// What a sequence classifier is for, if it is stated. The logits do not depend on it.
  var problemType: ProblemType? { get }
  /// False if the output matrix of a language model is a weight of its own, and not the word embeddings.
  var tiesWordEmbeddings: Bool { get }
  /// True if a token sees only itself and those before it.
  var isCausal: Bool { get }
  /// True if the last of the hidden states has gone through a norm behind the layers.
  var normsLastHiddenState: Bool { get }
  /// What attention gives where a token may see nothing, if the settings ask for an implementation of it
  /// (`attn_implementation`) that differs from the default's; nil otherwise.
  var blindRows: RunOptions.BlindRows? { get }
}

/// What a sequence classifier is for.
public enum ProblemType: String, Sendable, Hashable, CaseIterable {
  /// Numbers, taken as they are.
  case regression
  /// One class: softmax over the logits.
  case singleLabelClassification = "single_label_classification"
  /// Any number of classes: the sigmoid of each logit.
  case multiLabelClassification = "multi_label_classification"
}
