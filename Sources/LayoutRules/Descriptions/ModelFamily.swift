internal import Synchronization

/// A family of models: one architecture of Transformers by its `model_type`, with all that is known of it.
///
/// An open identifier: which families there are is the matter of whoever describes them, and nothing in this module asks
/// which one it is.
public struct ModelFamily: Sendable {
  /// What `config.json` calls it in `model_type`.
  public var name: String { definition.name }
  /// All that is known of it.
  package let definition: FamilyDescription
  private let madeTables: MadeTables

  /// A family by its description.
  package init(_ definition: FamilyDescription) {
    self.definition = definition
    madeTables = MadeTables(definition)
  }

  /// How other programs name its parameters, Transformers' own names first.
  package var tables: [LayoutTable] { madeTables.tables }

  /// What stands before the names of the body in Transformers' models with a head (`base_model_prefix`, 5.23).
  public var bodyPrefix: String { definition.bodyPrefix }

  /// True if the weights of one are the other's, name for name: of one family, or of variants of one.
  package func hasWeights(of other: ModelFamily) -> Bool {
    (definition.variantOf ?? name) == (other.definition.variantOf ?? other.name)
  }

  /// The heads that Transformers has for this family, the body alone first.
  public var heads: [ModelHead] {
    ModelHead.allCases.filter { definition.heads[$0] != nil }
  }

  /// The rows of Transformers' position embeddings that no token has: where positions count from the padding token's id plus
  /// 1 (`create_position_ids_from_input_ids`, `modeling_roberta.py`, 5.23), and all models pad with 1.
  public var unusedPositions: Int {
    definition.body.positionRule == .afterPadding ? ModelSizes.unusedPositions : 0
  }
}

extension ModelFamily: Hashable, CustomStringConvertible {
  /// Its name.
  public var description: String { name }

  /// Families are told apart by their names.
  public static func == (left: ModelFamily, right: ModelFamily) -> Bool {
    left.name == right.name
  }

  /// See `Hashable`.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// The tables of a family, made when they are first asked for: few commands need those of all.
private final class MadeTables: Sendable {
  private let definition: FamilyDescription
  private let made = Mutex<[LayoutTable]?>(nil)

  init(_ definition: FamilyDescription) {
    self.definition = definition
  }

  var tables: [LayoutTable] {
    made.withLock { made in
      if let made { return made }
      let tables = [.transformers(definition)] + definition.conventions(definition)
      made = tables
      return tables
    }
  }
}

/// The families among which a model is looked for.
public struct FamilyList: Sendable {
  /// The families, in the order in which they are tried and told.
  public let families: [ModelFamily]
  /// The tables of all families but those that are variants of another.
  package let tables: [(family: ModelFamily, table: LayoutTable)]
  /// The shortest ends of the names of word embeddings: what does not end so need not be looked at.
  let anchorEnds: NameEnds

  /// Makes a list.
  package init(_ families: [ModelFamily]) {
    self.families = families
    let own = families.filter { !Self.isVariant($0, among: families) }
    tables = own.flatMap { family in family.tables.map { (family, $0) } }
    anchorEnds = Self.anchorEnds(own.flatMap(\.tables))
  }

  /// The family of a name; nil if it is none of these.
  public subscript(name: String) -> ModelFamily? { families.first { $0.name == name } }

  /// Those that are variants of another, by themselves: KerasHub and TensorFlow's classes put a variant's own name into names, so
  /// that no table of the family that it is one of finds them. Their tables are made when this is asked for.
  var variants: FamilyList { FamilyList(families.filter { Self.isVariant($0, among: families) }) }

  private static func isVariant(_ family: ModelFamily, among families: [ModelFamily]) -> Bool {
    families.contains { $0.name == family.definition.variantOf }
  }

  /// Their names, for messages.
  var names: String { families.map(\.name).joined(separator: ", ") }

  private static func anchorEnds(_ tables: [LayoutTable]) -> NameEnds {
    var ends: [[UInt8]] = []
    for table in tables {
      var values = TemplateValues()
      values.body = table.bodies.bare
      ends += table.rules[0].foreign[0].names(behindScope: values).map { Array($0.utf8) }
    }
    return NameEnds(ends)
  }
}

/// What stands on top of a body.
public enum ModelHead: String, Sendable, Hashable, CaseIterable {
  case base
  case maskedLM
  case causalLM
  case preTraining
  case replacedTokenDetection
  case doubleHeads
  case nextSentence
  case sequenceClassification
  case tokenClassification
  case multipleChoice
  case questionAnswering

  /// The class in Transformers 5.23, as `config.json` names it in `architectures`; nil if the family has no such head.
  public func className(in family: ModelFamily) -> String? {
    family.definition.heads[self]?.className
  }

  /// True if Transformers builds the body with a pooler for this head.
  public func usesPooler(in family: ModelFamily) -> Bool {
    family.definition.heads[self]?.usesPooler ?? false
  }
}
