internal import Weighbridge

/// What is to be looked at where a model goes astray and a good checkpoint of it is at hand: the parameters that differ.
struct SuspectParameters {
  private let good: String
  /// The module of the first output that differs, if one is known.
  private let module: String?
  /// Names and by how much they differ at most, those of the module first.
  private var suspects: [(name: ExactName, difference: String, isInModule: Bool)] = []
  private var missing: [ExactName] = []

  /// Compares a model's weights with those of a good checkpoint of it, under common names.
  ///
  /// - Throws: What opening and comparing throw.
  init(
    _ path: String, beside good: String, first module: String?, options: OpenOptions
  ) throws(CheckpointError) {
    self.good = good
    self.module = module
    let names = try CommonNames(
      try Checkpoint.open(path, options: options).graph,
      try Checkpoint.open(good, options: options).graph)
    let difference = try CheckpointDifference(names.first, names.second)
    missing = difference.missing + difference.extra
    suspects = difference.entries.filter(difference.isDifferent).map { entry in
      let text: String
      if entry.hasOtherShape {
        text = "shape \(entry.first.shape), \(entry.second.shape) there"
      } else if let values = entry.values,
        values.maximumAbsolute != 0 || entry.first.dtype == entry.second.dtype
      {
        text = "max abs \(NumberText.significant(values.maximumAbsolute))"
      } else {
        text = "type \(entry.first.dtype), \(entry.second.dtype) there"
      }
      let isInModule = module.map { SuspectParameters.belongs(entry.name, to: $0) } ?? false
      return (entry.name, text, isInModule)
    }
    suspects = suspects.filter(\.isInModule) + suspects.filter { !$0.isInModule }
  }

  /// True if a parameter's name goes through a module's: `bert.encoder.layer.1.output.dense.weight`, `encoder.layer.1`.
  private static func belongs(_ name: ExactName, to module: String) -> Bool {
    let (parts, wanted) = (name.string.split(separator: "."), module.split(separator: "."))
    return parts.indices.contains { parts[$0...].starts(with: wanted) }
  }

  /// What people are told.
  var lines: [String] {
    var lines: [String] = []
    if suspects.isEmpty, missing.isEmpty {
      return ["all weights are those of \(singleLine(good)): look at settings and code"]
    }
    let within = suspects.filter(\.isInModule)
    if let module, !within.isEmpty {
      lines.append("of \(singleLine(module)) these differ from \(singleLine(good)):")
    } else if !suspects.isEmpty {
      lines.append("these differ from \(singleLine(good)):")
    }
    let shown = within.isEmpty ? suspects : within
    lines += shown.prefix(8).map { "  \(singleLine($0.name.string)): \($0.difference)" }
    if suspects.count > min(shown.count, 8) {
      let cut = shown.count - min(shown.count, 8)
      if cut > 0 { lines.append("  and \(cut) more") }
      let others = suspects.count - shown.count
      if others > 0 { lines.append("and \(others) of other modules") }
    }
    if !missing.isEmpty {
      lines.append(
        "only one of the two has "
          + missing.prefix(8).map { singleLine($0.string) }.joined(separator: ", ")
          + (missing.count > 8 ? " and \(missing.count - 8) more" : ""))
    }
    return lines
  }

  /// The same for programs.
  var json: JSONValue {
    .object([
      JSONValue.Member("against", .string(good)),
      JSONValue.Member("module", module.map { .string($0) } ?? .null),
      JSONValue.Member(
        "different",
        .array(
          suspects.map { suspect in
            .object([
              JSONValue.Member("name", .string(suspect.name.string)),
              JSONValue.Member("in_module", .boolean(suspect.isInModule)),
              JSONValue.Member("difference", .string(suspect.difference)),
            ])
          })),
      JSONValue.Member("in_one_only", .array(missing.map { .string($0.string) })),
    ])
  }
}
