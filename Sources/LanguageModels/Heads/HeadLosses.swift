internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// The losses of a head as Transformers computes them from labels (`loss/loss_utils.py` and the classes, 5.23).
struct HeadLosses {
  private enum Loss {
    /// Classes of all tokens; -100 is ignored.
    case tokens([Int])
    /// One class for each row.
    case rows([Int], name: String)
    /// A number for each token; those that the mask hides are ignored.
    case marks(LabelArray)
    case numbers(LabelArray)
    case severalClasses(LabelArray)
    /// Places of starts and ends, by sequence.
    case spans(starts: [Int], ends: [Int])
    /// The choice of each text among so many.
    case choices([Int], of: Int)
  }

  /// By output: its number, the name of the loss, and how it is computed.
  private var losses: [(output: Int, name: String, loss: Loss)] = []
  private let tokens: TokenBatch

  /// The places whose rows count.
  var places: [Int] {
    losses.flatMap { entry -> [Int] in
      switch entry.loss {
      case .tokens(let classes): Self.counted(classes)
      case .marks: seenPlaces
      default: []
      }
    }
  }

  /// The places that the mask does not hide.
  private var seenPlaces: [Int] {
    let all = tokens.ids.indices
    return tokens.isSeen.map { isSeen in all.filter { isSeen[$0] } } ?? Array(all)
  }

  /// The places whose rows of an output count; nil if it has no row for each token, or no labels.
  func places(of output: Int) -> [Int]? {
    for entry in losses where entry.output == output {
      if case .tokens(let classes) = entry.loss { return Self.counted(classes) }
    }
    return nil
  }

  private static func counted(_ classes: [Int]) -> [Int] {
    classes.indices.filter { classes[$0] != ignoredLabel }
  }

  /// - Parameters:
  ///   - given: The labels.
  ///   - tokens: What they are of.
  ///   - rows: The rows of each output of the head.
  ///   - configuration: The model's settings.
  ///   - head: The head.
  /// - Throws: `mismatch` for labels of another extent, `unsupported` for labels that the head takes none of.
  init(
    _ given: ModelLabels, _ tokens: TokenBatch, _ rows: [HeadRows],
    _ configuration: some ModelConfig, _ head: ModelHead
  ) throws(CheckpointError) {
    self.tokens = tokens
    guard given != ModelLabels() else { return }
    var rest = given
    let texts = tokens.dimensions[0]
    func classes(
      _ array: LabelArray?, _ name: String, _ extents: [Int]
    ) throws(CheckpointError) -> [Int]? {
      guard let array else { return nil }
      let isFlat = array.dimensions == [extents[0], 1] && extents.count == 1
      guard array.dimensions == extents || isFlat || array.elements.count == 1 && extents == [1]
      else {
        throw inputFailure(
          .mismatch, name, "extents \(array.dimensions), expected \(extents)")
      }
      guard array.areClasses else {
        throw inputFailure(.mismatch, name, "numbers that are not whole, expected classes")
      }
      return array.classes
    }
    switch head {
    case .base: break
    case .maskedLM, .tokenClassification:
      if let found = try classes(given.labels, "labels", tokens.dimensions) {
        losses.append((0, "loss", .tokens(found)))
      }
      rest.labels = nil
    case .causalLM, .doubleHeads:
      if let found = try classes(given.labels, "labels", tokens.dimensions) {
        losses.append((0, "loss", .tokens(Self.shifted(found, tokens.length))))
      }
      rest.labels = nil
      if head == .doubleHeads, let found = try Self.choice(given.choices, rows.last?.extents ?? [])
      {
        losses.append((1, "mc_loss", found))
        rest.choices = nil
      }
    case .preTraining:
      if let words = try classes(given.labels, "labels", tokens.dimensions),
        let next = try classes(given.nextSentence, "next_sentence_label", [texts])
      {
        losses.append((0, "loss", .tokens(words)))
        losses.append((1, "loss", .rows(next, name: "next_sentence_label")))
        rest.labels = nil
        rest.nextSentence = nil
      }
    case .replacedTokenDetection:
      if let labels = given.labels {
        guard labels.dimensions == tokens.dimensions else {
          throw inputFailure(
            .mismatch, "labels", "extents \(labels.dimensions), expected \(tokens.dimensions)")
        }
        losses.append((0, "loss", .marks(labels)))
      }
      rest.labels = nil
    case .nextSentence:
      if let found = try classes(given.labels, "labels", [texts]) {
        losses.append((0, "loss", .rows(found, name: "labels")))
      }
      rest.labels = nil
    case .sequenceClassification:
      if let labels = given.labels {
        losses.append((0, "loss", try Self.classification(labels, texts, configuration)))
      }
      rest.labels = nil
    case .multipleChoice:
      if let found = try classes(given.labels, "labels", [texts]) {
        losses.append((0, "loss", .choices(found, of: tokens.dimensions[1])))
      }
      rest.labels = nil
    case .questionAnswering:
      if let starts = try classes(given.startPositions, "start_positions", [texts]),
        let ends = try classes(given.endPositions, "end_positions", [texts])
      {
        losses.append((0, "loss", .spans(starts: starts, ends: ends)))
        rest.startPositions = nil
        rest.endPositions = nil
      }
    }
    guard rest == ModelLabels() else {
      throw inputFailure(
        .unsupported, rest.firstName,
        "the head \(head.rawValue) makes no loss of it, or not of it alone")
    }
  }

  /// What each place is to be followed by.
  private static func shifted(_ labels: [Int], _ length: Int) -> [Int] {
    labels.indices.map { place in
      (place + 1) % length == 0 ? ignoredLabel : labels[place + 1]
    }
  }

  /// - Parameter extents: Those of the scores: of texts without choices the texts are the choices, as in the reference.
  private static func choice(
    _ labels: LabelArray?, _ extents: [Int]
  ) throws(CheckpointError) -> Loss? {
    guard let labels, let count = extents.last else { return nil }
    let texts = extents.dropLast().first ?? 1
    guard labels.elements.count == texts, labels.areClasses else {
      throw inputFailure(
        .mismatch, "mc_labels", "extents \(labels.dimensions), expected [\(texts)]")
    }
    return .choices(labels.classes, of: count)
  }

  private static func classification(
    _ labels: LabelArray, _ texts: Int, _ configuration: some ModelConfig
  ) throws(CheckpointError) -> Loss {
    let count = configuration.labels.count
    let problem =
      configuration.problemType
      ?? (count == 1
        ? .regression
        : labels.areClasses ? .singleLabelClassification : .multiLabelClassification)
    let expected = problem == .singleLabelClassification || count == 1 ? texts : texts * count
    guard labels.elements.count == expected else {
      throw inputFailure(
        .mismatch, "labels",
        "extents \(labels.dimensions), expected \(expected) of them for \(problem.rawValue)")
    }
    switch problem {
    case .regression: return .numbers(labels)
    case .multiLabelClassification: return .severalClasses(labels)
    case .singleLabelClassification: return .rows(labels.classes, name: "labels")
    }
  }
}

extension HeadLosses {
  /// The losses by their names; those of one name are to be added up.
  ///
  /// - Parameters:
  ///   - results: What the head gave, a row for each token, text or choice.
  ///   - scored: Which tokens have rows.
  func callAsFunction(
    _ results: [Tensor], _ pass: ForwardPass, _ scored: RunOptions.ScoredTokens,
    _ context: ExecutionContext
  ) throws(CheckpointError) -> [(name: String, parts: [Tensor])] {
    var found: [(name: String, parts: [Tensor])] = []
    for (output, name, loss) in losses where output < results.count {
      let number = try value(of: loss, results[output], pass, scored, context)
      if let place = found.firstIndex(where: { $0.name == name }) {
        found[place].parts.append(number)
      } else {
        found.append((name, [number]))
      }
    }
    return found
  }

  private func value(
    of loss: Loss, _ result: Tensor, _ pass: ForwardPass, _ scored: RunOptions.ScoredTokens,
    _ context: ExecutionContext
  ) throws(CheckpointError) -> Tensor {
    switch loss {
    case .tokens(let classes):
      // Rows without a label are none of the loss's business: a vocabulary's worth of numbers each.
      let counted = Self.counted(classes)
      let rows =
        scored == .labelled
        ? result : try gatherRows(result, counted.compactMap(pass.row), in: context)
      return try entropy(rows, counted.map { classes[$0] }, "labels", context)
    case .marks(let labels):
      let places = seenPlaces
      let rows = try gatherRows(result, places.compactMap(pass.row), in: context)
      let wanted = try Tensor(
        rows: places.count, columns: 1, places.map { Float(labels.elements[$0]) })
      return try binaryCrossEntropy(logits: rows, wanted, in: context)
    case .rows(let classes, let name): return try entropy(result, classes, name, context)
    case .choices(let choices, let count):
      let batch = try RaggedBatch(count: choices.count, length: count)
      return try entropy(
        try rowsOfSequences(result, batch, in: context), choices, "labels", context)
    case .numbers(let labels):
      return try meanSquaredError(result, try target(labels, like: result), in: context)
    case .severalClasses(let labels):
      return try binaryCrossEntropy(
        logits: result, try target(labels, like: result), in: context)
    case .spans(let starts, let ends):
      let sides = try [(starts, "start_positions"), (ends, "end_positions")].enumerated().map {
        (column, side) throws(CheckpointError) in
        try span(try result.columns(column..<column + 1), side.0, side.1, pass, context)
      }
      return try scale(try add(sides[0], sides[1], in: context), by: 0.5, in: context)
    }
  }

  /// The error names the labels that the model was given.
  private func entropy(
    _ logits: Tensor, _ classes: [Int], _ name: String, _ context: ExecutionContext
  ) throws(CheckpointError) -> Tensor {
    if let place = classes.firstIndex(where: {
      $0 != ignoredLabel && !(0..<logits.columns).contains($0)
    }) {
      throw inputFailure(
        .inconsistent, name,
        "expected classes below \(logits.columns), found \(classes[place])")
    }
    return try crossEntropy(logits, classes, in: context)
  }

  private func target(
    _ labels: LabelArray, like result: Tensor
  ) throws(CheckpointError) -> Tensor {
    try Tensor(rows: result.rows, columns: result.columns, labels.elements.map(Float.init))
  }

  /// The cross-entropy of places among the rows of each text. Places outside are clamped to its length, and ignored there.
  private func span(
    _ scores: Tensor, _ places: [Int], _ name: String, _ pass: ForwardPass,
    _ context: ExecutionContext
  ) throws(CheckpointError) -> Tensor {
    let length = tokens.length
    let rows = try rowsOfSequences(scores, pass.sequences, in: context)
    let labels = places.enumerated().map { sequence, place in
      let clamped = min(max(place, 0), length)
      guard clamped < length, let row = pass.row(of: sequence * length + clamped) else {
        return ignoredLabel
      }
      return row - pass.sequences.starts[sequence]
    }
    return try crossEntropy(rows, labels, in: context)
  }
}

extension ModelLabels {
  /// The name of the first that is there.
  fileprivate var firstName: String? {
    zip(Self.names, [labels, startPositions, endPositions, nextSentence, choices])
      .first { $0.1 != nil }?.0
  }
}
