package import CheckpointBytes
package import LayoutRules
package import OrderedCollections

/// The low-rank factors that are to be trained in place of a model's weights. The defaults are those of PEFT's `LoraConfig` (0.21).
public struct LowRankSettings: Sendable, Hashable {
  /// The rank of the factors.
  public var rank: Int
  /// α: what factors add is multiplied by α / rank.
  public var alpha: Double
  /// The share of the inputs of the factors that training leaves out, 0 to 1.
  public var dropout: Double
  /// The linear modules that get factors, by their names or the ends of these: `query`, `attention.output.dense`. Nil for the queries and
  /// values of the attention, as PEFT has it.
  public var targets: [String]?

  /// Instead of names: every linear module but a language model's scores, and what is stored whole, as PEFT has it.
  public static let everyLayer = "all-linear"

  /// Settings.
  public init(
    rank: Int = 8, alpha: Double = 8, dropout: Double = 0, targets: [String]? = nil
  ) {
    self.rank = rank
    self.alpha = alpha
    self.dropout = dropout
    self.targets = targets
  }

  /// What factors add is multiplied by this.
  package var scale: Double { alpha / Double(rank) }

  /// The matrices of a model that get factors, with the dimension along which their outputs lie, in the model's order.
  ///
  /// - Parameters:
  ///   - architecture: The model.
  ///   - whole: The modules that learn whole, a component of a name each: in these nothing gets factors.
  /// - Throws: `inconsistent` for a rank or α that is no such number, and for a name that none of the layers has.
  package func matrices(
    of architecture: ModelArchitecture, whole: some Sequence<String>
  ) throws(CheckpointError) -> OrderedDictionary<ExactName, Int> {
    func refusal(_ field: String, _ problem: String) -> CheckpointError {
      CheckpointError(.inconsistent, CheckpointError.Site(field: field), problem)
    }
    guard (1...AdapterExtraction.greatestRank).contains(rank) else {
      throw refusal("rank", "expected 1 to \(AdapterExtraction.greatestRank), found \(rank)")
    }
    guard alpha.isFinite, alpha != 0 else {
      throw refusal("alpha", "expected a number other than 0, found \(alpha)")
    }
    let whole = whole.map { ExactName($0) }
    let matrices = architecture.linearMatrices.filter { !$0.name.hasComponent(among: whole) }
    guard dropout >= 0, dropout < 1 else {
      throw refusal("dropout", "expected 0 or more and less than 1, found \(dropout)")
    }
    var wanted: Set<ExactName> = []
    for target in targets ?? architecture.family.definition.body.adaptedModules {
      let found = matrices.map(\.name).filter {
        target == Self.everyLayer || $0.isOfModule(ending: target)
      }
      guard !found.isEmpty else {
        let known = OrderedSet(matrices.map { $0.name.lastOfModule }).sorted()
        throw refusal(
          "target modules",
          "no layer has a linear module \(quoted(target)); there are \(known.joined(separator: ", "))"
        )
      }
      wanted.formUnion(found)
    }
    var chosen: OrderedDictionary<ExactName, Int> = [:]
    for (name, axis) in matrices where wanted.contains(name) { chosen[name] = axis }
    return chosen
  }

  /// `adapter_config.json`.
  ///
  /// - Parameters:
  ///   - architecture: The model.
  ///   - whole: The modules that learn whole.
  ///   - baseModel: What the model is called.
  package func document(
    of architecture: ModelArchitecture, whole: [String], baseModel: String
  ) throws(CheckpointError) -> JSONValue {
    let matrices = try matrices(of: architecture, whole: whole)
    let names = targets ?? architecture.family.definition.body.adaptedModules
    // The names as they were given, if they are of no other module's: PEFT looks at all that there are.
    let isExact = architecture.parameters.allSatisfy { parameter in
      matrices[parameter.name] != nil || !names.contains { parameter.name.isOfModule(ending: $0) }
    }
    return AdapterConfiguration.document(
      rank: rank, alpha: alpha, dropout: dropout,
      targets: isExact && !names.contains(Self.everyLayer)
        ? names : matrices.keys.map { $0.module },
      whole: whole, isTransposed: matrices.values.contains(1), baseModel: baseModel,
      taskType: architecture.head.taskType)
  }
}

extension ModelHead {
  /// The name of the task in PEFT (`TaskType`, 0.21); nil where it has none.
  fileprivate var taskType: String? {
    switch self {
    case .sequenceClassification: "SEQ_CLS"
    case .tokenClassification: "TOKEN_CLS"
    case .questionAnswering: "QUESTION_ANS"
    case .causalLM: "CAUSAL_LM"
    default: nil
    }
  }
}

extension ExactName {
  /// True for the weight of a module of this name, or whose name ends so behind a dot.
  fileprivate func isOfModule(ending name: String) -> Bool {
    self == ExactName(name + ".weight") || hasSuffix("." + name + ".weight")
  }

  fileprivate var lastOfModule: String { String(module.split(separator: ".").last ?? "") }
}
