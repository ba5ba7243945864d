public import CheckpointBytes

extension ModelConfiguration {
  /// Compares what the configuration says with what the weights are.
  ///
  /// A layer that fell off the end shows here only: the weights that are left are a model too.
  /// - Returns: What differs and is no fault, in words: files of Transformers hold parameters for more than the class
  ///   that they name (`bert-base-uncased` has both heads of `BertForPreTraining` and names `BertForMaskedLM`).
  /// - Throws: `inconsistent`, all contradictions in one, both sides of each; the field is the first one's key.
  @discardableResult
  public func check(against architecture: ModelArchitecture) throws(CheckpointError) -> [String] {
    var contradictions: [(key: String, text: String)] = []
    var notes: [String] = []
    func compare(_ key: String, _ stated: Int?, _ found: Int?, _ meaning: String) {
      guard let stated, let found, stated != found else { return }
      contradictions.append((key, "\(key) \(stated), but the weights have \(found) \(meaning)"))
    }
    if family != architecture.family {
      contradictions.append(
        (keys.family, "family \(family), but the weights are of \(architecture.family)"))
    }
    let found = architecture.sizes
    compare(keys.layers, sizes.layers, found.layers, "layers")
    compare(keys.hidden, sizes.hidden, found.hidden, "as their width")
    compare(keys.embedding, sizes.embedding, found.embedding, "as the width of embeddings")
    compare(keys.intermediate, sizes.intermediate, found.intermediate, "between the matrices")
    compare(keys.vocabulary, sizes.vocabulary, found.vocabulary, "word embeddings")
    compare(
      keys.positions, sizes.positions - kerasOffset, found.positions - kerasOffset,
      "position embeddings")
    compare(keys.tokenTypes, sizes.tokenTypes, found.tokenTypes, "token types")
    compare(keys.heads, sizes.heads, found.heads, "heads")
    if family == architecture.family {
      switch agreement(on: architecture) {
      case .same: break
      case .more(let note): notes.append(note)
      case .contradiction(let text): contradictions.append((keys.classes, text))
      }
      if architecture.head.hasLabels {
        compare(keys.labels, labelCount, found.labels, "labels")
      } else if convention == .transformers, architecture.head == .questionAnswering,
        family.definition.settings.countsSpansAsLabels
      {
        compare(keys.labels, labelCount, 2, "labels, the start and the end")
      }
    }
    guard let first = contradictions.first else { return notes }
    throw CheckpointError(
      .inconsistent, file: file, field: first.key,
      "the configuration contradicts the weights: "
        + contradictions.map(\.text).joined(separator: "; "),
      remedy: "one of the two files is another model's, or weights are missing")
  }

  /// The rows that no token has, where the file does not count them.
  private var kerasOffset: Int { convention == .kerasHub ? family.unusedPositions : 0 }

  private enum Agreement {
    case same
    case more(String)
    case contradiction(String)
  }

  /// Compares the class that the configuration names with the parameters that are there.
  private func agreement(on architecture: ModelArchitecture) -> Agreement {
    guard let stated = heads.first else { return .same }
    if heads.contains(architecture.head) { return .same }
    let foundName = architecture.head.className(in: family) ?? ""
    let statedName = stated.className(in: family) ?? ""
    let contradiction = Agreement.contradiction(
      "\(keys.classes) \(classNames.joined(separator: ", ")), but the weights are of \(foundName)")
    var expectedSizes = architecture.sizes
    expectedSizes.labels = architecture.head.hasLabels ? architecture.sizes.labels : labelCount
    guard
      let expected = try? ModelArchitecture(
        family: family, head: stated, sizes: expectedSizes,
        hasPooler: stated == .base ? architecture.hasPooler : nil)
    else { return contradiction }
    // The body's prefix comes and goes with the head; a tied parameter needs no bytes of its own.
    func shapes(_ model: ModelArchitecture, withTied: Bool) -> Set<ModelParameter> {
      let prefix = model.head == .base ? "" : family.bodyPrefix
      return Set(
        model.parameters.filter { withTied || $0.tiedTo == nil }.map { parameter in
          let name = parameter.name.string
          return ModelParameter(
            name: ExactName(name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name),
            shape: parameter.shape, tiedTo: nil)
        })
    }
    let absent = absentParameters(of: stated)
    let needed = shapes(expected, withTied: false).filter { !absent.contains($0.name) }
    let there = shapes(architecture, withTied: true)
    guard needed.isSubset(of: there) else { return contradiction }
    if shapes(architecture, withTied: false).isSubset(of: shapes(expected, withTied: true)) {
      return .same
    }
    return .more(
      "\(splitPath(file).name) names \(statedName); the weights hold more, all of \(foundName)")
  }

  /// The parameters that a head has not, by the settings: a summary that is not projected (`summary_use_proj`) has no matrix.
  private func absentParameters(of head: ModelHead) -> Set<ExactName> {
    guard document["summary_use_proj"] == .boolean(false) else { return [] }
    let steps = family.definition.heads[head]?.outputs.flatMap(\.steps) ?? []
    return Set(
      steps.flatMap { step -> [ExactName] in
        guard case .linear(let name, _, .summary, _) = step else { return [] }
        return [ExactName(name + ".weight"), ExactName(name + ".bias")]
      })
  }

  /// What the sizes are called in the file.
  private var keys:
    (
      family: String, classes: String, layers: String, hidden: String, embedding: String,
      intermediate: String, vocabulary: String, positions: String, tokenTypes: String,
      heads: String, labels: String
    )
  {
    switch convention {
    case .kerasHub:
      return (
        "class_name", "class_name", "num_layers", "hidden_dim",
        family.kerasHub?.embedding ?? "hidden_dim", "intermediate_dim",
        family.kerasHub?.vocabulary ?? "vocabulary_size", "max_sequence_length", "num_segments",
        "num_heads", "num_classes"
      )
    case .transformers:
      let table = family.definition.settings
      return (
        "model_type", "architectures", table.layers.key, table.hidden.key,
        (table.embedding ?? table.hidden).key, table.intermediate.key, table.vocabulary.key,
        table.positions.key, table.tokenTypes?.key ?? "type_vocab_size",
        table.heads.key, "num_labels"
      )
    }
  }
}
