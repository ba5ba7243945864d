internal import OrderedCollections
internal import Weighbridge

/// What tensors a checkpoint has, with their digests, whatever container they lie in.
struct Manifest {
  /// A tensor without its name.
  struct Tensor: Equatable {
    let dtype: String
    let shape: [Int]
    let digest: String
  }

  /// The number of this form of a manifest.
  private static let version = 1
  private static let key: ExactName = "weighbridge_manifest"

  let tensors: OrderedDictionary<ExactName, Tensor>
  /// The digest of the model, or of all tensors if they are none that is known (``ModelDigest``).
  let digest: String

  /// Reads a checkpoint.
  init(
    of checkpoint: Checkpoint, source: String, progress: ProgressHandler?
  ) throws(CheckpointError) {
    if let refusal = checkpoint.graph.facts.others.lazy.compactMap(\.refusal).first {
      throw refusal
    }
    var options = InspectReport.Options()
    options.digests = true
    options.sort = .name
    let report = try InspectReport(
      checkpoint, source: source, options: options, progress: progress)
    var tensors: OrderedDictionary<ExactName, Tensor> = [:]
    for row in report.rows {
      tensors[row.name] = Tensor(
        dtype: row.weight.dtype.rawValue, shape: row.weight.shape.dimensions,
        digest: row.digest ?? "")
    }
    self.tensors = tensors
    digest = report.modelDigest?.text ?? ""
  }

  /// Reads a manifest.
  ///
  /// - Throws: `malformed` for what is none.
  init(contentsOf path: String) throws(CheckpointError) {
    let file = try SourceFile(path: path)
    guard file.size <= ReadLimits().jsonBytes else {
      throw CheckpointError(.limitExceeded, file: path, "\(file.size) bytes are no manifest")
    }
    let bytes = try file.bytes(at: 0, count: file.size)
    let json = try locating(file: path) { () throws(ParseFailure) in
      try JSONValue(parsing: bytes, context: "manifest")
    }
    guard json[Self.key]?.integer == Self.version, let digest = json["sha256"]?.string,
      let members = json["tensors"]?.members
    else {
      throw CheckpointError(
        .malformed, file: path, "this is no manifest of weighbridge",
        remedy: "weighbridge manifest SOURCE --output FILE writes one")
    }
    var tensors: OrderedDictionary<ExactName, Tensor> = [:]
    for member in members {
      guard let dtype = member.value["dtype"]?.string, let sum = member.value["sha256"]?.string,
        let extents = member.value["shape"]?.elements
      else {
        throw CheckpointError(
          .malformed, file: path, tensor: member.key.string, "has no dtype, shape and sha256")
      }
      tensors[member.key] = Tensor(
        dtype: dtype, shape: extents.map { $0.integer ?? -1 }, digest: sum)
    }
    self.tensors = tensors
    self.digest = digest
  }

  /// The manifest as it is written.
  var json: JSONValue {
    .object([
      JSONValue.Member(Self.key, .integer(Self.version)),
      JSONValue.Member("sha256", .string(digest)),
      JSONValue.Member(
        "tensors",
        .object(
          tensors.map { name, tensor in
            JSONValue.Member(
              name,
              .object([
                JSONValue.Member("dtype", .string(tensor.dtype)),
                JSONValue.Member("shape", .array(tensor.shape.map { .integer($0) })),
                JSONValue.Member("sha256", .string(tensor.digest)),
              ]))
          })),
    ])
  }
}

/// How a checkpoint differs from a manifest.
struct ManifestDifference {
  /// What the manifest has and the checkpoint has not.
  let missing: [ExactName]
  /// What the checkpoint has and the manifest has not.
  let extra: [ExactName]
  /// What both have and is not the same, with what is different about it.
  let changed: [(name: ExactName, what: String)]
  private let count: Int

  init(_ expected: Manifest, _ found: Manifest) {
    missing = expected.tensors.keys.filter { found.tensors[$0] == nil }
    extra = found.tensors.keys.filter { expected.tensors[$0] == nil }
    changed = expected.tensors.compactMap { name, tensor in
      guard let other = found.tensors[name], other != tensor else { return nil }
      if other.dtype != tensor.dtype {
        return (name, "dtype \(other.dtype), expected \(tensor.dtype)")
      }
      if other.shape != tensor.shape {
        return (name, "shape \(other.shape), expected \(tensor.shape)")
      }
      return (name, "values")
    }
    count = expected.tensors.count
  }

  var isEqual: Bool { missing.isEmpty && extra.isEmpty && changed.isEmpty }

  func text(_ style: TextStyle, source: String) -> String {
    if isEqual {
      return style.paint(
        "\(singleLine(source)): \(counted(count, "tensor")) as the manifest has them", .good) + "\n"
    }
    var lines: [String] = []
    let all =
      missing.map { "missing: " + singleLine($0.string) }
      + extra.map { "not in the manifest: " + singleLine($0.string) }
      + changed.map { "changed: \(singleLine($0.name.string)): \($0.what)" }
    lines += style.shown(all, limit: 40) + style.rest(of: all.count, limit: 40)
    lines.append(
      style.paint(
        "\(singleLine(source)): not as the manifest has it: \(missing.count) missing, \(extra.count) extra, \(changed.count) changed",
        .bad))
    return lines.joined(separator: "\n") + "\n"
  }

  var json: JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    return .object([
      JSONValue.Member("equal", .boolean(isEqual)), JSONValue.Member("missing", texts(missing)),
      JSONValue.Member("extra", texts(extra)),
      JSONValue.Member(
        "changed",
        .array(
          changed.map {
            .object([
              JSONValue.Member("name", .string($0.name.string)),
              JSONValue.Member("what", .string($0.what)),
            ])
          })),
    ])
  }
}
