package import CheckpointBytes
package import LayoutRules
internal import TensorValues

extension RecognizedModel {
  /// The class in Transformers.
  package var className: String { architecture.head.className(in: architecture.family) ?? "" }

  /// Why something else would fit too; nil if nothing would.
  package var doubt: String? {
    if case .likely(let reason) = certainty { return reason }
    return nil
  }

  /// What was recognised, for programs.
  package var json: JSONValue {
    let family = architecture.family
    let sizes = architecture.sizes
    func member(_ name: ExactName, _ value: Int) -> JSONValue.Member? {
      value > 0 ? JSONValue.Member(name, .integer(value)) : nil
    }
    let numbers = [
      member("hidden", sizes.hidden),
      sizes.embedding == sizes.hidden ? nil : member("embedding", sizes.embedding),
      member("layers", sizes.layers),
      member("intermediate", sizes.intermediate), member("vocabulary", sizes.vocabulary),
      member("positions", sizes.positions), member("token_types", sizes.tokenTypes),
      member("labels", sizes.labels), sizes.heads.flatMap { member("heads", $0) },
    ]
    func name(_ head: ModelHead) -> JSONValue { .string(head.className(in: family) ?? "") }
    return .object([
      JSONValue.Member("class", name(architecture.head)),
      JSONValue.Member("alternatives", .array(alternatives.map(name))),
      JSONValue.Member("wrapper", wrapper.isEmpty ? .null : .string(wrapper)),
      JSONValue.Member("certain", .boolean(certainty == .certain)),
      JSONValue.Member("doubt", doubt.map { .string($0) } ?? .null),
      JSONValue.Member("remarks", .array(remarks.map { .string($0) })),
      JSONValue.Member("sizes", .object(numbers.compactMap { $0 })),
    ])
  }
}

extension LoadReport {
  /// Entries for programs.
  package static func json(_ entries: [Entry]) -> JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    return .array(
      entries.map { entry in
        .object([
          JSONValue.Member("outcome", .string(entry.outcome.rawValue)),
          JSONValue.Member("stored", texts(entry.stored)),
          JSONValue.Member("parameters", texts(entry.parameters)),
          JSONValue.Member("rule", text(entry.rule)),
          JSONValue.Member("detail", text(entry.detail)),
          JSONValue.Member("suggestion", text(entry.suggestion?.string)),
        ])
      })
  }
}
