/// A family in KerasHub (0.32): what it is called there, and what is a constant there.
package struct KerasHubFamily: Sendable {
  /// What the number of token types is.
  package enum TokenTypes: Sendable, Hashable {
    /// `num_segments`.
    case stated
    /// Always this number: of the rows that Transformers has, the model adds the first, or has none.
    case constant(Int)
  }

  /// The backbone's class.
  package let backbone: String
  /// The package of the family's modules: `keras_hub.src.models.bert`.
  package let package: String
  /// The tokenizer's class.
  package let tokenizer: String
  /// The activation and the epsilon of the body, which nobody can set (`bert_backbone.py` and its like).
  package let activation: String
  package let epsilon: Double
  package let tokenTypes: TokenTypes
  /// The key of the number of tokens, and that of the width of embeddings; nil if they are as wide as the model.
  package let vocabulary: String
  package let embedding: String?
  /// The kinds of task that take the backbone, as `KerasPresetSaver._save_metadata` lists them.
  package let tasks: [String]
  /// True if a classifier has a layer of its own before the last, whose width is a setting.
  package let hasHiddenClassifier: Bool
  /// A classifier's dropout where nothing is said.
  package let classifierDropout: Double
  /// True if the masked language model's head computes the exact GELU and the epsilon 1e-5 where Transformers computes
  /// what the body does.
  package let hasHeadOfItsOwn: Bool

  package init(
    backbone: String, package: String, tokenizer: String, activation: String, epsilon: Double,
    tokenTypes: TokenTypes, vocabulary: String = "vocabulary_size", embedding: String? = nil,
    tasks: [String], hasHiddenClassifier: Bool = false,
    classifierDropout: Double = 0.1, hasHeadOfItsOwn: Bool = false
  ) {
    self.backbone = backbone
    self.package = package
    self.tokenizer = tokenizer
    self.activation = activation
    self.epsilon = epsilon
    self.tokenTypes = tokenTypes
    self.vocabulary = vocabulary
    self.embedding = embedding
    self.tasks = tasks
    self.hasHiddenClassifier = hasHiddenClassifier
    self.classifierDropout = classifierDropout
    self.hasHeadOfItsOwn = hasHeadOfItsOwn
  }
}

/// The tokenizer of a family's published models.
package struct FamilyTokenizer: Sendable {
  /// How words become tokens.
  package enum Kind: Sendable, Hashable {
    /// Pieces of words from a list; `vocab.txt`.
    case wordPiece
    /// Merged bytes; `vocab.json` and `merges.txt`.
    case bytePair
    /// Pieces by their probabilities; SentencePiece.
    case unigram
  }

  /// A special token that `config.json` names by its id.
  package struct Role: Sendable {
    package let key: String
    package let token: String
    /// The id in the published models.
    package let id: Int

    package init(_ key: String, _ token: String, _ id: Int) {
      self.key = key
      self.token = token
      self.id = id
    }
  }

  package let kind: Kind
  /// The classes of Transformers whose tokenizers are the family's own, the usual one first.
  package let classNames: [String]
  /// True if models see the token types that the tokenizer gives, where it does not say.
  package let givesTokenTypes: Bool
  /// The ids that `config.json` states.
  package let roles: [Role]
  /// The tokens without which KerasHub's tokenizer cannot be (`bert_tokenizer.py` and its like).
  package let needed: [String]

  package init(
    _ kind: Kind, classNames: [String], givesTokenTypes: Bool = false, roles: [Role],
    needed: [String]
  ) {
    self.kind = kind
    self.classNames = classNames
    self.givesTokenTypes = givesTokenTypes
    self.roles = roles
    self.needed = needed
  }
}
