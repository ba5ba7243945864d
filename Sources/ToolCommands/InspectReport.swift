internal import OrderedCollections
internal import Weighbridge

/// What `inspect` prints.
struct InspectReport {
  /// A tensor's line.
  struct Row {
    let name: ExactName
    let weight: Weight
    let tiedTo: ExactName?
    let digest: String?
    /// Further hard links to the data set, where the file does not call them ties.
    let links: [ExactName]
  }

  let checkpoint: Checkpoint
  let source: String
  let rows: [Row]
  let ties: [Tie]
  let showsLineage: Bool
  /// What the names and shapes were recognised as; nil if they are no known model's.
  let model: RecognizedModel?
  /// Why not, if the names are a known model's and contradict each other.
  let recognitionFailure: String?
  /// How the configuration beside the weights differs from them.
  let configurationNotes: [String]
  /// What became of the names; nil without a model.
  let bound: BoundModel?
  /// The digest of the model, or of all weights, where digests were asked for.
  let modelDigest: ModelDigest?
  /// Why that is the digest of all weights, though they are a model; nil if it is the model's.
  let bindingFailure: String?

  init(
    _ checkpoint: Checkpoint, source: String, lineage: Bool, digests: Bool,
    progress: ProgressHandler?
  ) throws(CheckpointError) {
    self.checkpoint = checkpoint
    self.source = source
    showsLineage = lineage
    ties = checkpoint.graph.ties
    var digestOfName: [ExactName: String] = [:]
    if digests {
      let texts = try WeightDigest.sha256(
        ties.map { (name: $0.names[0], weight: $0.weight) }, progress: progress)
      for (tie, text) in zip(ties, texts) {
        for name in tie.names { digestOfName[name] = text }
      }
    }
    var recognized: RecognizedModel?
    var unreadable: [String] = []
    do throws(CheckpointError) {
      let recognition = Recognition.result(of: checkpoint.graph)
      var configuration: ModelConfiguration?
      do throws(CheckpointError) {
        configuration = try ModelConfiguration(
          inDirectory: source,
          family: (try? recognition.get().model())?.architecture.family)
      } catch {
        // Another kind of model is none that names could tell better; a faulty file leaves the names.
        guard error.kind != .unsupported else { throw error }
        unreadable = [error.toolLine]
      }
      let found = try recognition.get().model(configuration: configuration)
      recognized = found
      recognitionFailure = nil
      do throws(CheckpointError) {
        configurationNotes =
          try configuration?.check(against: found.architecture) ?? unreadable
      } catch {
        configurationNotes = [error.toolLine]
      }
    } catch {
      configurationNotes = unreadable
      // That nothing is known of the names is the rule for most checkpoints; contradictions are worth a line.
      recognitionFailure = error.kind == .notFound ? nil : error.toolLine
    }
    model = recognized
    bound = recognized.flatMap { try? BoundModel(checkpoint.graph, as: $0) }
    var whole: BoundModel?
    var failure: String?
    if digests, let bound {
      do throws(CheckpointError) {
        try bound.report.check()
        whole = try bound.settled()
      } catch {
        failure = error.toolLine
      }
    }
    bindingFailure = failure
    modelDigest =
      digests
      ? try ModelDigest(
        whole, of: checkpoint.graph, known: digestOfName, progress: progress) : nil
    var aliases: [ExactName: ExactName] = [:]
    var links: [ExactName: [ExactName]] = [:]
    for tie in ties {
      for name in tie.names.dropFirst() { aliases[name] = tie.names[0] }
      links[tie.names[0]] = tie.names.filter(checkpoint.links.contains)
    }
    rows = checkpoint.graph.weights.compactMap { name, weight in
      if checkpoint.links.contains(name), aliases[name] != nil { return nil }
      return Row(
        name: name, weight: weight, tiedTo: aliases[name], digest: digestOfName[name],
        links: links[name] ?? [])
    }
  }
}

// MARK: JSON

extension InspectReport {
  /// The report as one JSON object. Its keys are a promise to programs.
  var json: JSONValue {
    let facts = checkpoint.graph.facts
    var members: [JSONValue.Member] = [
      JSONValue.Member("source", .string(source)),
      JSONValue.Member("format", .string(checkpoint.format.rawValue)),
      JSONValue.Member("container", .string(checkpoint.container)),
      JSONValue.Member("layout", .string(model?.layout.rawValue ?? "flat")),
      JSONValue.Member("family", model.map { .string($0.architecture.family.name) } ?? .null),
      JSONValue.Member("model", model?.json ?? .null),
      JSONValue.Member("files", .array(checkpoint.files.map { .string($0) })),
      JSONValue.Member("tensors", .array(rows.map(json(of:)))),
      JSONValue.Member(
        "metadata",
        facts.metadata.entries.map { entries in
          .object(entries.map { JSONValue.Member($0.key, .string($0.value)) })
        } ?? .null),
    ]
    if let modelDigest {
      members.append(JSONValue.Member("model_sha256", .string(modelDigest.text)))
    }
    if showsLineage, let bound {
      members.append(JSONValue.Member("parameters", .array(parameters(bound))))
    }
    if !configurationNotes.isEmpty {
      members.append(
        JSONValue.Member("configuration", .array(configurationNotes.map { .string($0) })))
    }
    if let recognitionFailure {
      members.append(JSONValue.Member("recognition_failure", .string(recognitionFailure)))
    }
    if let problems = bound?.report.problems, !problems.isEmpty {
      members.append(JSONValue.Member("problems", LoadReport.json(problems)))
    }
    if !facts.others.isEmpty {
      members.append(
        JSONValue.Member(
          "others",
          .array(
            facts.others.map { other in
              .object(
                [
                  JSONValue.Member("name", .string(other.name.string)),
                  JSONValue.Member("description", .string(other.description)),
                ]
                  + (other.refusal.map { [JSONValue.Member("refused", .string($0.kind.rawValue))] }
                    ?? []))
            })))
    }
    if let tree = facts.tree { members.append(JSONValue.Member("tree", tree.json)) }
    if !facts.attributes.isEmpty {
      members.append(
        JSONValue.Member(
          "attributes",
          .object(
            facts.attributes.map { path, values in
              JSONValue.Member(
                path, .object(values.map { JSONValue.Member($0.key, $0.value.json) }))
            })))
    }
    if !checkpoint.notes.isEmpty {
      members.append(JSONValue.Member("notes", .array(checkpoint.notes.map { .string($0) })))
    }
    return .object(members)
  }

  /// Each parameter of the model with where it comes from.
  private func parameters(_ bound: BoundModel) -> [JSONValue] {
    bound.graph.weights.map { name, weight in
      .object([
        JSONValue.Member("name", .string(name.string)),
        JSONValue.Member("lineage", .string(weight.lineage)),
      ])
    }
  }

  private func json(of row: Row) -> JSONValue {
    var members: [JSONValue.Member] = [
      JSONValue.Member("name", .string(row.name.string)),
      JSONValue.Member("dtype", .string(row.weight.dtype.rawValue)),
      JSONValue.Member("shape", .array(row.weight.shape.dimensions.map { .integer($0) })),
      JSONValue.Member("bytes", .integer(row.weight.byteCount)),
    ]
    if let tiedTo = row.tiedTo {
      members.append(JSONValue.Member("tied_to", .string(tiedTo.string)))
    }
    if !row.links.isEmpty {
      members.append(JSONValue.Member("links", .array(row.links.map { .string($0.string) })))
    }
    if let digest = row.digest { members.append(JSONValue.Member("sha256", .string(digest))) }
    if showsLineage { members.append(JSONValue.Member("lineage", .string(row.weight.lineage))) }
    return .object(members)
  }
}

// MARK: Text

extension InspectReport {
  /// The whole on one line.
  var summary: String {
    "\(singleLine(source)): \(container), \(size)" + (model.map { ", " + $0.description } ?? "")
  }

  private var container: String { "\(checkpoint.format.rawValue) (\(checkpoint.container))" }

  private var size: String {
    let elements = ties.reduce(0) { $0 + $1.weight.shape.elementCount }
    return "\(counted(rows.count, "tensor")), \(ByteSize.count(elements)) elements, "
      + ByteSize.text(ties.reduce(0) { $0 + $1.weight.byteCount })
  }

  /// The report for people: repeated layers are folded into one line each.
  var text: String {
    var lines = ["\(singleLine(source)): \(container)", size]
    if let model {
      lines.append("model: " + model.description + (model.doubt == nil ? ", certain" : ", likely"))
      if let doubt = model.doubt { lines.append("  " + singleLine(doubt, limit: 400)) }
      lines += model.remarks.map { "  " + singleLine($0, limit: 400) }
      if let sum = modelDigest, bindingFailure == nil { lines.append("model sha256 " + sum.text) }
    }
    if model == nil || bindingFailure != nil, let sum = modelDigest {
      lines.append("all tensors sha256 " + sum.text)
    }
    if !rows.isEmpty { lines += [""] + table }
    if showsLineage, let bound, let model, model.layout != .transformers || !model.wrapper.isEmpty {
      lines += ["", "parameters of \(model.className):"]
      for (name, weight) in bound.graph.weights {
        lines.append(singleLine("  \(name.string) ← \(weight.lineage)", limit: 400))
      }
    }
    lines += facts
    return lines.joined(separator: "\n") + "\n"
  }

  private var table: [String] {
    // With digests or lineage every tensor has a line of its own.
    let folds = rows.allSatisfy { $0.digest == nil } && !showsLineage
    let groups = folds ? FoldedNames(rows).groups : rows.map { FoldedNames.Group($0) }
    var cells = [["tensor", "dtype", "shape", "bytes"]]
    for group in groups {
      let row = group.first
      let each = ByteSize.text(row.weight.byteCount)
      cells.append([
        singleLine(group.name), row.weight.dtype.rawValue, row.weight.shape.description,
        group.count > 1 ? "\(group.count) × \(each)" : each,
      ])
      if let digest = row.digest { cells.append(["  sha256 " + digest]) }
      if showsLineage { cells.append(["  ← " + singleLine(row.weight.lineage, limit: 400)]) }
    }
    return TextTable.lines(cells)
  }

  private var facts: [String] {
    let facts = checkpoint.graph.facts
    var lines: [String] = []
    for tie in ties where tie.names.count > 1 {
      lines.append("tied: " + tie.names.map { singleLine($0.string) }.joined(separator: " = "))
    }
    for other in facts.others {
      let what =
        other.isOutsideState
        ? "not in the state" : other.refusal == nil ? "not a dense tensor" : "refused"
      lines.append("\(what): \(singleLine(other.name.string)): \(other.description)")
    }
    for (key, value) in facts.metadata.entries ?? [:] {
      lines.append("metadata: \(singleLine(key.string)) = \(singleLine(value))")
    }
    if let tree = facts.tree {
      lines += tree.plainValues.map { path, value in
        "value: \(singleLine(path)) = \(singleLine(JSONWriter.text(value.json), limit: 120))"
      }
    }
    for (path, values) in facts.attributes {
      for (name, value) in values {
        lines.append(
          "attribute: /\(singleLine(path.string)) \(singleLine(name.string)) = "
            + singleLine(JSONWriter.text(value.json), limit: 120))
      }
    }
    let problems = bound?.report.problemLines ?? []
    lines += problems.prefix(20).map { "not as the model has it: " + $0 }
    if problems.count > 20 { lines.append("… and \(problems.count - 20) more (see --json)") }
    if let bindingFailure {
      lines.append("no digest of the model: " + singleLine(bindingFailure, limit: 400))
    }
    lines += configurationNotes.map { "configuration: " + singleLine($0, limit: 400) }
    if let recognitionFailure {
      lines.append("no model recognised: " + singleLine(recognitionFailure, limit: 400))
    }
    lines += checkpoint.notes.map { "note: " + singleLine($0, limit: 400) }
    return lines.isEmpty ? [] : [""] + lines
  }
}

extension InertValue {
  /// The values that are no weights and no containers, with the keys that lead to them, in order; long lists are cut.
  fileprivate var plainValues: [(path: String, value: InertValue)] {
    var found: [(path: String, value: InertValue)] = []
    collectPlainValues("", &found)
    return found
  }

  private func collectPlainValues(
    _ path: String, _ found: inout [(path: String, value: InertValue)]
  ) {
    guard found.count < 100 else { return }
    func step(_ key: String) -> String { path.isEmpty ? key : path + "." + key }
    switch self {
    case .weight: break
    case .dictionary(let entries):
      for entry in entries { entry.value.collectPlainValues(step(entry.key.keyText), &found) }
    case .list(let elements) where elements.contains(where: \.holdsContainers),
      .tuple(let elements) where elements.contains(where: \.holdsContainers):
      for (index, element) in elements.enumerated() {
        element.collectPlainValues(step(String(index)), &found)
      }
    case .object(let object) where !object.items.isEmpty:
      for entry in object.items { entry.value.collectPlainValues(step(entry.key.keyText), &found) }
      if let state = object.state { state.collectPlainValues(path, &found) }
    default: found.append((path, self))
    }
  }

  private var holdsContainers: Bool {
    switch self {
    case .weight, .dictionary, .list, .tuple, .object: true
    default: false
    }
  }

  private var keyText: String {
    if case .string(let text) = self { return text }
    return JSONWriter.text(json)
  }
}
