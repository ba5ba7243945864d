public import CheckpointBytes
public import OrderedCollections
internal import WeightGraph

/// What tensors a checkpoint has, with their digests, whatever container and shards they lie in: written down once, and checked
/// when the checkpoint is opened again (``OpenOptions/manifest``). `weighbridge manifest` writes the same.
public struct CheckpointManifest: Sendable, Hashable {
  /// A tensor without its name.
  public struct Tensor: Sendable, Hashable {
    /// The type, as safetensors names it.
    public let dtype: String
    /// The extents, outermost first.
    public let shape: [Int]
    /// The SHA-256 of the packed little-endian row-major bytes, as hexadecimal text.
    public let sha256: String

    /// Makes one of its parts.
    package init(dtype: String, shape: [Int], sha256: String) {
      self.dtype = dtype
      self.shape = shape
      self.sha256 = sha256
    }
  }

  /// The number of this form of a manifest.
  private static let version = 1
  private static let key: ExactName = "weighbridge_manifest"

  /// The tensors in the order of their names.
  public let tensors: OrderedDictionary<ExactName, Tensor>
  /// The digest of the model, or of all tensors if they are none that is known.
  public let sha256: String

  /// Makes one of its parts.
  package init(tensors: OrderedDictionary<ExactName, Tensor>, sha256: String) {
    self.tensors = tensors
    self.sha256 = sha256
  }

  /// Reads a manifest that was written.
  ///
  /// - Throws: `malformed` for what is none, `limitExceeded` for what is too large to be one; what reading throws.
  public init(contentsOf path: String) throws(CheckpointError) {
    let json = try SourceFile(path: path).document(context: "manifest")
    guard json[Self.key]?.integer == Self.version, let digest = json["sha256"]?.string,
      let members = json["tensors"]?.members
    else {
      throw CheckpointError(
        .malformed, file: path,
        "this is no manifest of a checkpoint: expected an object with \(Self.key) \(Self.version), sha256 and tensors"
      )
    }
    var tensors: OrderedDictionary<ExactName, Tensor> = [:]
    for member in members {
      guard let dtype = member.value["dtype"]?.string, let sum = member.value["sha256"]?.string,
        let extents = member.value["shape"]?.elements
      else {
        throw CheckpointError(
          .malformed, file: path, tensor: member.key.string, "has no dtype, shape and sha256")
      }
      let shape = extents.compactMap(\.integer).filter { $0 >= 0 }
      guard shape.count == extents.count else {
        throw CheckpointError(
          .malformed, file: path, field: "shape", tensor: member.key.string,
          "expected whole numbers from 0, found \(singleLine(JSONWriter.text(.array(extents)), limit: 60))"
        )
      }
      tensors[member.key] = Tensor(dtype: dtype, shape: shape, sha256: sum)
    }
    self.init(tensors: tensors, sha256: digest)
  }

  /// Writes the manifest as JSON; a file that exists is replaced.
  ///
  /// - Throws: `inputOutput` if it cannot be written.
  public func write(to path: String) throws(CheckpointError) {
    let file = try OutputFile(path: path)
    try file.write(Array(text.utf8), at: 0)
    try file.commit()
  }

  /// The manifest as it is written: one JSON object, a line for each of its parts.
  public var text: String { JSONWriter.text(json, style: .indented) + "\n" }

  package var json: JSONValue {
    .object([
      JSONValue.Member(Self.key, .integer(Self.version)),
      JSONValue.Member("sha256", .string(sha256)),
      JSONValue.Member(
        "tensors",
        .object(
          tensors.map { name, tensor in
            JSONValue.Member(
              name,
              .object([
                JSONValue.Member("dtype", .string(tensor.dtype)),
                JSONValue.Member("shape", .array(tensor.shape.map { .integer($0) })),
                JSONValue.Member("sha256", .string(tensor.sha256)),
              ]))
          })),
    ])
  }
}
