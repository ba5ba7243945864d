internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues

/// A head whose parameters are all there.
struct HeadMatch {
  let head: ModelHead
  let sizes: BoundExtents
  /// The number of its own parameters that are there.
  let present: Int
  /// True if the pooler is there or not as Transformers has it for this head.
  let hasItsPooler: Bool
  /// True if the layout means this head wherever it fits.
  let isMeant: Bool
  /// True if the class is written in the names.
  let isNamed: Bool

  private var rank: [Int] {
    [isNamed ? 1 : 0, isMeant ? 1 : 0, present, hasItsPooler ? 1 : 0]
  }

  /// True if nothing in the checkpoint tells the two apart.
  func isLike(_ other: HeadMatch) -> Bool {
    isNamed == other.isNamed && present == other.present && hasItsPooler == other.hasItsPooler
  }

  /// The heads that fit, the best first.
  ///
  /// - Throws: `mismatch` if the shapes of the stated head are not those of the body; without one, if more of a head is
  ///   there by its names than of any that fits.
  static func all(
    _ family: ModelFamily, _ table: LayoutTable, _ values: TemplateValues,
    _ shapes: OrderedDictionary<ExactName, Shape>, _ body: BoundExtents, stated: ModelHead?
  ) throws(CheckpointError) -> [HeadMatch] {
    let definition = family.definition
    let hasPooler = definition.poolerParameters.contains {
      table.isPresent($0, values: values, in: shapes)
    }
    // Where a body has its own names inside a model with a head, they say which of the two it is.
    let isHeaded = values.body != table.bodies.bare
    var found: [HeadMatch] = []
    var contradiction: (present: Int, error: CheckpointError)?
    for head in family.heads where table.heads?.contains(head) ?? true {
      if table.isHeadedByBody && !isHeaded && head != .base { continue }
      let own = definition.ownParameters(head)
      let present = own.filter { table.isPresent($0, values: values, in: shapes) }
      let names = Set(present.map(\.name.text))
      // Of two that are tied either may be there: `decoder.bias` alone is the head's bias.
      let tied = Set(present.compactMap(\.tiedTo?.text))
      guard
        own.allSatisfy({
          names.contains($0.name.text) || $0.tiedTo != nil || tied.contains($0.name.text)
        })
      else { continue }
      // A head with nothing of its own but a tie shows in no name.
      var sizes = body
      do throws(CheckpointError) {
        try sizes.bind(own, table, values, shapes)
      } catch {
        if head == stated { throw error }
        if present.count > contradiction?.present ?? 0 { contradiction = (present.count, error) }
        continue
      }
      let agrees = head == .base || head.usesPooler(in: family) == hasPooler
      found.append(
        HeadMatch(
          head: head, sizes: sizes, present: present.count, hasItsPooler: agrees,
          isMeant: table.taskHeads.contains(head) || (isHeaded && head != .base),
          isNamed: table.names(head, of: family, in: values)))
    }
    if let contradiction, stated == nil,
      !found.contains(where: { $0.present >= contradiction.present })
    {
      throw contradiction.error
    }
    // The body of a model with a head is taken where it is asked for.
    if table.isHeadedByBody && isHeaded && stated != .base && found.count > 1 {
      found.removeAll { $0.head == .base }
    }
    // Sorted stably: among equals the order of the heads' declaration.
    return found.enumerated().sorted { left, right in
      if left.element.rank == right.element.rank { return left.offset < right.offset }
      return right.element.rank.lexicographicallyPrecedes(left.element.rank)
    }.map(\.element)
  }
}

extension LayoutTable {
  /// True if a parameter's names are there.
  func isPresent(
    _ template: ParameterTemplate, values: TemplateValues,
    in shapes: OrderedDictionary<ExactName, Shape>
  ) -> Bool {
    rules.contains { rule in
      rule.canonical.contains { $0.text == template.name.text }
        && rule.foreign.allSatisfy { $0.names(values).contains { shapes[$0] != nil } }
    }
  }

  /// True if TensorFlow's names stand right under that of the head's class, or under one that Keras has numbered:
  /// `tf_bert_model_1/`.
  func names(_ head: ModelHead, of family: ModelFamily, in values: TemplateValues) -> Bool {
    let models = values.wrapper + values.scope
    guard layout == .tensorFlow, let last = models.utf8.split(separator: UInt8(ascii: "/")).last
    else { return false }
    let own = Self.tensorFlowScope(of: head, in: family).dropLast()
    let rest = last
    guard rest.starts(with: own.utf8) else { return false }
    let number = rest.dropFirst(own.utf8.count)
    return number.isEmpty
      || (number.first == UInt8(ascii: "_")
        && number.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
  }
}
