internal import OrderedCollections
internal import Weighbridge

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
      JSONValue.Member("totals", totals.json),
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
    if options.lineage, let bound {
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
    if let incompleteness = checkpoint.incompleteness {
      members.append(JSONValue.Member("incomplete", .string(incompleteness.toolLine)))
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
    if let training = row.training {
      members.append(JSONValue.Member("training", .string(training)))
    }
    if row.weight.isMisaligned { members.append(JSONValue.Member("misaligned", .boolean(true))) }
    if options.statistics, let statistics = row.statistics {
      members.append(JSONValue.Member("statistics", statistics.json))
    }
    if options.lineage { members.append(JSONValue.Member("lineage", .string(row.weight.lineage))) }
    return .object(members)
  }
}
