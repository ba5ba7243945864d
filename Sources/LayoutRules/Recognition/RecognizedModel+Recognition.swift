public import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

extension RecognizedModel {
  /// Recognises a checkpoint from names and shapes; a stated family or head is a check, and decides where names cannot.
  ///
  /// - Parameters:
  ///   - graph: The checkpoint's weights.
  ///   - families: The families that are known.
  ///   - family: The family, if it is known; nil for any.
  ///   - head: The head, if it is known; nil for what the weights show.
  ///   - task: Of several classification heads of fairseq, the one that is meant.
  /// - Throws: what ``Recognition`` and its ``Recognition/model(family:head:task:)`` throw.
  public init(
    _ graph: WeightGraph, among families: FamilyList, family: ModelFamily? = nil,
    head: ModelHead? = nil, task: String? = nil
  ) throws(CheckpointError) {
    self = try Recognition(graph, among: families).model(family: family, head: head, task: task)
  }

  init(
    _ recognition: Recognition, _ candidates: [RecognitionCandidate], family: ModelFamily?,
    head: ModelHead?, task: String?
  ) throws(CheckpointError) {
    let (names, shapes) = (recognition.names, recognition.shapes)
    let (candidate, rival) = RecognitionCandidate.best(of: candidates, stated: family, shapes)
    let table = candidate.table
    let found = candidate.family
    let definition = found.definition
    guard family == nil || family == found else {
      throw refusal(
        candidate.anchor,
        "the checkpoint is of family \(found), stated is \(family?.name ?? "")")
    }
    let layers = candidate.layers(in: shapes)
    try candidate.checkWhole(layers, shapes)
    var values = candidate.values
    values.layer = layers.numbers[0]
    let named = try candidate.task(stated: task, head: head, in: shapes)
    if let named { values.task = named.name }
    otherTasks = named?.others ?? []
    var sizes = BoundExtents()
    try sizes.bind(definition.bodyParameters + definition.poolerParameters, table, values, shapes)
    sizes.assumeAbsent(of: table)
    sizes.layers = layers.count
    try candidate.checkSizes(sizes, values, shapes)
    let heads = try HeadMatch.all(found, table, values, shapes, sizes, stated: head)
    guard let best = head.map({ wanted in heads.first { $0.head == wanted } }) ?? heads.first
    else {
      throw refusal(
        candidate.anchor,
        "the parameters of \(head?.className(in: found) ?? "the stated head") are not there; "
          + "what is there fits \(heads.first?.head.className(in: found) ?? "nothing")")
    }
    architecture = try ModelArchitecture(
      family: found, head: best.head, sizes: best.sizes.sizes(),
      hasPooler: definition.poolerParameters.contains {
        table.isPresent($0, values: values, in: shapes)
      })
    layout = table.layout
    wrapper = names.wrapper(of: candidate.anchor, front: values.wrapper)
    innerWrappers = names.inside(wrapper)
    let others = head == nil ? heads.filter { $0.head != best.head } : []
    fittingHead = heads.first?.head ?? best.head
    alternatives = others.filter { $0.isLike(best) }.map(\.head)
    isFamilyLikelyOnly = rival != nil
    certainty = Self.certainty(
      found, table, rival: rival, best: best, others: others,
      wrapper: Self.isUsual(wrapper) ? nil : wrapper)
    remarks = layers.remarks
    self.table = table
    self.values = values
    self.names = names
  }

  private static func certainty(
    _ family: ModelFamily, _ table: LayoutTable, rival: ModelFamily?, best: HeadMatch,
    others: [HeadMatch], wrapper: String?
  ) -> Certainty {
    func names(_ heads: [HeadMatch]) -> String {
      heads.compactMap { $0.head.className(in: family) }.joined(separator: ", ")
    }
    var reasons: [String] = []
    if let rival {
      let isSeen =
        !table.absent.contains { $0.zeros != nil }
        && [family, rival].contains { !$0.definition.usualSizes.isEmpty }
      reasons.append(
        "the names are those of \(rival) too"
          + (isSeen ? "; the number of token types decided" : ", and nothing tells them apart"))
    }
    let alike = others.filter { $0.isLike(best) }
    if !alike.isEmpty { reasons.append("\(names(alike)) has the same names and shapes") }
    let byPooler = others.filter {
      $0.present == best.present && $0.hasItsPooler != best.hasItsPooler
    }
    if best.head != .base, !best.isNamed, !byPooler.isEmpty {
      reasons.append("\(names(byPooler)) differs in the pooler only")
    }
    if let wrapper {
      reasons.append("the names stand under \(quoted(wrapper)), which is no usual wrapper")
    }
    return reasons.isEmpty ? .certain : .likely(reasons.joined(separator: "; "))
  }

  /// True if something stands before the names that neither training programs nor containers put there: another
  /// architecture may have such names inside.
  public var hasUnusualWrapper: Bool { !Self.isUsual(wrapper) }

  private static func isUsual(_ wrapper: String) -> Bool {
    wrapper.utf8.split(separator: UInt8(ascii: ".")).allSatisfy {
      usualWrappers.contains(ExactName(String(Substring($0))))
    }
  }

  /// What training programs and containers put before names.
  private static let usualWrappers = Set(WrapperSegments.known).union([
    "model", "bert_model", "student", "encoder", "net", "state_dict", "model_state_dict",
  ])
}

private func refusal(_ tensor: ExactName?, _ problem: String) -> CheckpointError {
  CheckpointError(.inconsistent, tensor: tensor?.string, problem)
}
