/// All that is known of a family: its parameters, its heads, and the tables of the layouts that hold it.
struct ModelDefinition: Sendable {
  /// What stands before the names of the body in a model with a head.
  let bodyPrefix: String
  /// The parameters of the body, without a pooler, in the order of `state_dict`.
  let body: [ParameterTemplate]
  /// The parameters of the pooler; none if the family has no pooler.
  let pooler: [ParameterTemplate]
  let heads: [ModelHead: HeadDefinition]
  /// The tables, Transformers' first; of several tables of one layout, the one to write first.
  let tables: [LayoutTable]
  /// Sizes that tell the family from another whose names are the same.
  let usualSizes: [Extent: Int]

  init(
    _ family: ModelFamily, bodyPrefix: String, body: [ParameterTemplate],
    pooler: [ParameterTemplate] = [], heads: [ModelHead: HeadDefinition],
    tables: [LayoutTable], usualSizes: [Extent: Int] = [:]
  ) {
    self.bodyPrefix = bodyPrefix
    self.body = body
    self.pooler = pooler
    self.heads = heads
    self.usualSizes = usualSizes
    let ordered = ModelHead.allCases.compactMap { heads[$0] }
    let all = body + pooler + ordered.flatMap(\.parameters)
    self.tables =
      [.transformers(family, names: all.map(\.name.text), bodyPrefix: bodyPrefix)] + tables
  }

  /// The parameters of a model with a head.
  func parameters(_ head: ModelHead, hasPooler: Bool) -> [ParameterTemplate] {
    body + (hasPooler ? pooler : []) + (heads[head]?.parameters ?? [])
  }
}

/// A head as Transformers has it for a family.
struct HeadDefinition: Sendable {
  let className: String
  var usesPooler = false
  /// Its own parameters, without those of the body.
  var parameters: [ParameterTemplate] = []

  init(
    _ className: String, usesPooler: Bool = false, _ parameters: [ParameterTemplate] = []
  ) {
    self.className = className
    self.usesPooler = usesPooler
    self.parameters = parameters
  }
}
