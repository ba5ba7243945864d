package import CheckpointBytes
internal import PickleFormat
package import ZipFormat

/// A checkpoint of PyTorch, opened: its tensors by name, and everything else as inert values.
///
/// Nothing of the file is run. Every global that its pickles name must be on an exact list of things known as
/// data, otherwise the file is refused with the name and its place. The bytes of the tensors are not read.
package struct TorchCheckpoint: Sendable {
  /// How it is stored.
  package let container: TorchContainer
  /// The object that was saved: tensors as `.weight` with their names, special tensors as objects.
  package let tree: InertValue
  /// The tensors, in the order in which the object reaches them.
  package let tensors: [TorchTensor]
  /// What is like a tensor and is no plain view of numbers.
  package let specialTensors: [TorchSpecialTensor]
  /// What tensors were given as attributes of their own.
  package let tensorAttributes: [TorchTensorAttributes]
  /// The members of the container that were read as pickles; empty names for the pickles of a legacy stream.
  package let pickles: [String]

  /// Opens a checkpoint.
  ///
  /// With `inert`, globals that are not known are kept as names with their arguments instead of being refused; they are
  /// still not run. A whole pickled module has the names of its `state_dict()`.
  ///
  /// - Parameter archive: The file's ZIP archive, if it is one whose directory has been read already.
  /// - Throws: `forbidden` for a global that is not known; `malformed`, `truncated`, `inconsistent`, `limitExceeded` or
  ///   `unsupported` with member and offset; `notFound` if the file is no checkpoint because it holds no tensor.
  package init(
    reading file: SourceFile, in archive: ZipArchive? = nil, limits: ReadLimits = ReadLimits(),
    inert: Bool = false
  ) throws(CheckpointError) {
    let prefix = try file.bytes(at: 0, count: min(file.size, TorchContainer.prefixLength))
    let content: TorchContent
    switch TorchContainer.announced(by: prefix) {
    case .zip, .torchScript:
      content = try ZipContent(file, archive, limits: limits, isInert: inert).read()
    case .legacyStream:
      content = try LegacyStream(file, limits: limits, isInert: inert).read()
    case .tar: content = try TarContent(file, limits: limits, isInert: inert).read()
    case nil:
      throw CheckpointError(
        .malformed, file: file.path,
        TorchContainer.looksLikePickle(prefix)
          ? "is a pickle, and none of PyTorch's containers (ZIP, legacy stream, tar)"
          : "is no PyTorch checkpoint: it begins as neither ZIP, legacy stream nor tar")
    }
    var walk = TreeWalk(content.resolver, limits: limits)
    tree = try walk.run()
    container = content.container
    pickles = content.pickles
    tensorAttributes = walk.tensorAttributes
    let constants = try TorchCheckpoint.constants(content, besides: walk, limits: limits)
    if walk.tensors.isEmpty {
      // A frozen module: all that it has are constants.
      tensors = constants.tensors
      specialTensors = walk.specialTensors + constants.specialTensors
    } else {
      tensors = walk.tensors
      specialTensors = walk.specialTensors + constants.outsideState
    }
    guard inert || !tensors.isEmpty || !specialTensors.isEmpty || tree.isEmptyContainer else {
      throw CheckpointError(
        .notFound, content.resolver.site, "the file holds no tensors",
        remedy: "\(remedy: .keepUnknownObjects) shows what else it holds")
    }
  }
}

extension TorchCheckpoint {
  /// The tensors among a TorchScript program's constants, `constants.0` and so on: the weights of a frozen module, and
  /// tensors that tracing met. `state_dict()` does not have them.
  private static func constants(
    _ content: TorchContent, besides state: TreeWalk, limits: ReadLimits
  ) throws(CheckpointError) -> ProgramConstants {
    guard let resolver = content.constants else { return ProgramConstants() }
    let names = state.tensors.map(\.name) + state.specialTensors.map(\.name)
    var path = "constants"
    while names.contains(where: { $0.string.utf8.starts(with: (path + ".").utf8) }) {
      path = "_" + path
    }
    var walk = TreeWalk(resolver, below: .named(path), limits: limits)
    _ = try walk.run()
    return ProgramConstants(tensors: walk.tensors, specialTensors: walk.specialTensors)
  }
}

/// What the constants of a TorchScript program hold.
private struct ProgramConstants {
  var tensors: [TorchTensor] = []
  var specialTensors: [TorchSpecialTensor] = []

  /// All of it, as what lies beside the state of a module.
  var outsideState: [TorchSpecialTensor] {
    (tensors.map { ($0.name, "\($0.dtype) \($0.shape)") }
      + specialTensors.map { ($0.name, $0.description) })
      .map { name, description in
        TorchSpecialTensor(
          name: name,
          description: description + ", a constant of the program, not in its state dict",
          isOutsideState: true)
      }
  }
}

/// What a container gives: the object pickle with its objects resolved.
struct TorchContent {
  let container: TorchContainer
  let resolver: ObjectResolver
  /// The constants of a TorchScript program.
  var constants: ObjectResolver?
  let pickles: [String]
}

extension InertValue {
  /// True for an empty list, tuple, set or dictionary, `OrderedDict` and the like included.
  fileprivate var isEmptyContainer: Bool {
    switch self {
    case .list(let elements), .tuple(let elements), .set(let elements), .frozenSet(let elements):
      elements.isEmpty
    case .dictionary(let entries): entries.isEmpty
    case .object(let object):
      object.type.utf8.starts(with: "collections.".utf8) && object.items.isEmpty
        && object.elements.isEmpty && object.arguments.isEmpty
    default: false
    }
  }
}

extension GlobalPolicy {
  /// The policy for a checkpoint's pickles.
  static func checkpoint(isInert: Bool, isScript: Bool = false) -> GlobalPolicy {
    if isInert { return .everything }
    return isScript ? AllowedGlobals.scriptPolicy : AllowedGlobals.policy
  }
}
