/// All that is known of a family: how its settings, its parameters and its tokenizer are called, what it computes, and how
/// other programs write it. Whatever names a family holds this one: a class, so that it is not copied with each of them.
package final class FamilyDescription: Sendable {
  /// `model_type` of its `config.json`.
  package let name: String
  /// What `config.json` says.
  package let settings: SettingsTable
  /// What stands before the names of the body in a model with a head.
  package let bodyPrefix: String
  /// The body: its modules and how they are put together.
  package let body: BodyDescription
  /// The heads that Transformers has for it.
  package let heads: [ModelHead: HeadDescription]
  /// The tokenizer.
  package let tokenizer: FamilyTokenizer
  /// What KerasHub calls it; nil if it is not there.
  package let kerasHub: KerasHubFamily?
  /// Sizes that tell the family from another whose names are the same.
  package let usualSizes: [Extent: Int]
  /// The family whose parameters these are, name for name, if it is not this one: weights alone are taken for that one's.
  package let variantOf: String?
  /// How other programs name its parameters; of several tables of one layout, the one to write first.
  let conventions: @Sendable (FamilyDescription) -> [LayoutTable]

  package init(
    _ name: String, settings: SettingsTable, bodyPrefix: String, body: BodyDescription,
    heads: [ModelHead: HeadDescription], tokenizer: FamilyTokenizer,
    kerasHub: KerasHubFamily? = nil, usualSizes: [Extent: Int] = [:], variantOf: String? = nil,
    conventions: @escaping @Sendable (FamilyDescription) -> [LayoutTable]
  ) {
    self.name = name
    self.settings = settings
    self.bodyPrefix = bodyPrefix
    self.body = body
    self.heads = heads
    self.tokenizer = tokenizer
    self.kerasHub = kerasHub
    self.usualSizes = usualSizes
    self.variantOf = variantOf
    self.conventions = conventions
  }
}

extension FamilyDescription {
  /// The parameters of the body, without a pooler, in the order of `state_dict`.
  var bodyParameters: [ParameterTemplate] { body.modules.flatMap(\.parameters) }

  /// The parameters of the pooler; none if the family has no pooler.
  var poolerParameters: [ParameterTemplate] { body.poolerModules.flatMap(\.parameters) }

  /// The parameters of a head, without those of the body.
  func ownParameters(_ head: ModelHead) -> [ParameterTemplate] {
    headModules(head).flatMap(\.parameters)
  }

  /// True if a token type is an input of the models: looked up in a table of its own, or among the words.
  package var takesTokenTypes: Bool {
    switch body {
    case .encoder(let encoder): encoder.tokenTypes != nil
    case .decoder: true
    }
  }

  /// The modules of a head, without those of the body.
  package func headModules(_ head: ModelHead) -> [ModuleTemplate] {
    heads[head]?.modules(words: body.words) ?? []
  }

  /// The parameters of a model with a head.
  func parameters(_ head: ModelHead, hasPooler: Bool) -> [ParameterTemplate] {
    bodyParameters + (hasPooler ? poolerParameters : []) + ownParameters(head)
  }
}

/// A module of a model by its name: what parameters it has, and in which form other frameworks hold them.
package struct ModuleTemplate: Sendable {
  package enum Kind: Sendable {
    /// A table of rows.
    case embedding(Extent, width: Extent)
    /// PyTorch's `Linear`, `[out, in]`.
    case linear(out: Extent, in: Extent, hasBias: Bool)
    /// The same with a bias, where the two differ; where they are equal there is none.
    case projection(out: Extent, in: Extent)
    /// Transformers' `Conv1D`, `[in, out]`.
    case convolution(in: Extent, out: Extent)
    /// A layer norm over so many numbers.
    case norm(Extent)
    /// A vector that is a parameter by itself.
    case vector(Extent)
    /// The matrix of a language model: the word embeddings again, with a bias of its own or that of another name.
    case scores(words: String, width: Extent, bias: ScoreBias)
  }

  /// The bias of a language model's scores.
  package enum ScoreBias: Sendable, Hashable {
    case none
    case own
    /// Another parameter, which it is tied to.
    case tied(to: String)
  }

  /// The name, without `weight` and `bias`.
  package let name: String
  package let kind: Kind

  package init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// Its parameters, in the order of `state_dict`.
  var parameters: [ParameterTemplate] {
    switch kind {
    case .embedding(let rows, let width): [ParameterTemplate(name + ".weight", [rows, width])]
    case .linear(let out, let input, let hasBias):
      [ParameterTemplate(name + ".weight", [out, input])]
        + (hasBias ? [ParameterTemplate(name + ".bias", [out])] : [])
    case .projection(let out, let input):
      [
        ParameterTemplate(name + ".weight", [out, input], between: (input, out)),
        ParameterTemplate(name + ".bias", [out], between: (input, out)),
      ]
    case .convolution(let input, let out):
      [
        ParameterTemplate(name + ".weight", [input, out]), ParameterTemplate(name + ".bias", [out]),
      ]
    case .norm(let width):
      [
        ParameterTemplate(name + ".weight", [width]), ParameterTemplate(name + ".bias", [width]),
      ]
    case .vector(let extent): [ParameterTemplate(name, [extent])]
    case .scores(let words, let width, let bias):
      [ParameterTemplate(name + ".weight", [.vocabulary, width], tiedTo: words)]
        + Self.parameters(of: bias, name)
    }
  }

  private static func parameters(of bias: ScoreBias, _ name: String) -> [ParameterTemplate] {
    switch bias {
    case .none: []
    case .own: [ParameterTemplate(name + ".bias", [.vocabulary])]
    case .tied(let other): [ParameterTemplate(name + ".bias", [.vocabulary], tiedTo: other)]
    }
  }
}
