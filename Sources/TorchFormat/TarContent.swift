internal import CheckpointBytes
internal import PickleFormat

/// A checkpoint in a tar archive, as PyTorch wrote it before 0.1.10 (`torch/serialization.py`, `legacy_load`).
///
/// ```
/// sys_info   pickle, as in the legacy stream
/// storages   pickle n │ n × (pickle (key, location, storage class) │ int64 count │ elements) │ pickle [views]
/// tensors    pickle n │ n × (pickle (key, storage key, tensor class) │ int32 rank, 4 bytes │ sizes │ strides │ offset)
/// pickle     the object; persistent ids are keys of tensors and storages, or (class, source file, source)
/// ```
///
/// Numbers are little-endian.
struct TarContent {
  private let archive: TarArchive
  private let limits: ReadLimits
  private let isInert: Bool

  init(_ file: SourceFile, limits: ReadLimits, isInert: Bool) throws(CheckpointError) {
    self.limits = limits
    self.isInert = isInert
    archive = try TarArchive(file, limits: limits)
    guard
      archive.members["storages"] != nil || archive.members["tensors"] != nil
        || archive.members["pickle"] != nil
    else {
      let names = archive.members.keys.sorted()
      let inner = names.first(where: TarContent.isCheckpoint) ?? names.first
      throw CheckpointError(
        .unsupported, file: file.path, offset: 0, field: "content",
        "is a tar archive, and none that PyTorch wrote"
          + (inner.map { "; it holds \(quoted($0.string))" } ?? "; it is empty"),
        remedy: inner == nil ? nil : "extract it with tar and open what is in it")
    }
    if let irregularity = archive.irregularity { throw irregularity }
  }

  private static func isCheckpoint(_ name: ExactName) -> Bool {
    [".ckpt", ".pt", ".pth", ".bin", ".safetensors", ".h5"].contains { name.string.hasSuffix($0) }
  }

  private func stream(_ name: String) throws(CheckpointError) -> PickleStream {
    guard let range = archive.members[ExactName(name)] else {
      throw CheckpointError(
        .notFound, file: archive.file.path, member: name,
        "PyTorch's tar archives have this member, this one does not")
    }
    return PickleStream(archive.file, range, member: name, limits: limits)
  }

  func read() throws(CheckpointError) -> TorchContent {
    let policy = GlobalPolicy.checkpoint(isInert: isInert)
    if archive.members["sys_info"] != nil {
      var system = try stream("sys_info")
      _ = try system.pickle(policy)
    }
    let objects = TarObjects(limits: limits)
    _ = try parts(objects)
    var pickle = try stream("pickle")
    let document = try pickle.pickle(policy)
    let site = CheckpointError.Site(file: archive.file.path, member: "pickle")
    let resolver = try ObjectResolver(
      document, site: site, isInert: isInert, script: nil, limits: limits,
      persistent: objects)
    return TorchContent(
      container: .tar, resolver: resolver,
      pickles: ["sys_info", "storages", "tensors", "pickle"])
  }
}

extension TarContent {
  /// Reads the storages and tensors; returns both streams behind the last of them.
  func parts(_ objects: TarObjects) throws(CheckpointError) -> [PickleStream] {
    let policy = GlobalPolicy.checkpoint(isInert: isInert)
    var storages = try stream("storages")
    try objects.readStorages(&storages, policy)
    var tensors = try stream("tensors")
    try objects.readTensors(&tensors, policy)
    return [storages, tensors]
  }
}

/// The storages and tensors of a tar archive, by their keys.
final class TarObjects: PersistentObjects {
  private let limits: ReadLimits
  private var storages: [ExactName: StorageView] = [:]
  private var tensors: [ExactName: Resolved] = [:]

  /// PyTorch's tensors have at most 64 dimensions.
  private static let maximumRank = 64
  /// The most bytes of a key: those of the longest number, with room.
  private static let keyLength = 32

  init(limits: ReadLimits) {
    self.limits = limits
  }

  /// A key: an address, as a number or as text.
  private func key(_ reference: PickleReference, in document: PickleDocument) -> ExactName? {
    // Views may share a text, which is not to be read as often as it is long.
    guard document.byteCount(of: reference) <= TarObjects.keyLength else { return nil }
    return switch document[reference] {
    case .integer(let number): ExactName(String(number))
    case .string(let text): Int64(text).map { ExactName(String($0)) }
    default: nil
    }
  }

  private func count(
    _ stream: inout PickleStream, _ policy: GlobalPolicy
  ) throws(CheckpointError) -> Int64 {
    let place = stream
    let document = try stream.pickle(policy)
    guard case .integer(let count) = document[document.root], count >= 0 else {
      throw place.failure(
        .malformed, "count", "expected a number, found \(document.kind(of: document.root))")
    }
    guard count <= limits.tensorCount else {
      throw place.failure(.limitExceeded, "count", "\(count), at most \(limits.tensorCount)")
    }
    return count
  }

  /// Three parts of a pickle that holds a tuple.
  private func parts(
    _ stream: inout PickleStream, _ policy: GlobalPolicy, _ field: String
  ) throws(CheckpointError) -> (PickleDocument, [PickleReference]) {
    let place = stream
    let document = try stream.pickle(policy)
    switch document[document.root] {
    case .tuple(let parts) where parts.count == 3, .list(let parts) where parts.count == 3:
      return (document, parts)
    default: throw place.failure(.malformed, field, "expected three parts")
    }
  }

  func readStorages(
    _ stream: inout PickleStream, _ policy: GlobalPolicy
  ) throws(CheckpointError) {
    for _ in 0..<(try count(&stream, policy)) {
      let place = stream
      let (document, parts) = try parts(&stream, policy, "storage")
      guard let key = key(parts[0], in: document), let name = document.global(parts[2]),
        case .storage(let type)? = AllowedGlobals.role(of: name)
      else { throw place.failure(.malformed, "storage", "expected (key, location, class)") }
      let number = try stream.read(Int64.self, "number of elements")
      guard let count = Int(exactly: number), count >= 0,
        case let (byteCount, overflow) = count.multipliedReportingOverflow(
          by: type.element.byteWidth), !overflow
      else { throw place.failure(.malformed, "number of elements", "\(number) cannot be") }
      let storage = TorchStorage(
        key: key.string, dtype: type.element.dtype, byteOrder: .little,
        source: try stream.storage(byteCount))
      let view = StorageView(storage: storage, type: type, offset: 0, count: count)
      guard storages.updateValue(view, forKey: key) == nil else {
        throw place.failure(.malformed, "storage", "the key \(quoted(key.string)) occurs twice")
      }
    }
    try readViews(&stream, policy)
  }

  private func readViews(
    _ stream: inout PickleStream, _ policy: GlobalPolicy
  ) throws(CheckpointError) {
    let place = stream
    let document = try stream.pickle(policy)
    guard case .list(let views) = document[document.root] else {
      throw place.failure(.malformed, "views", "expected a list")
    }
    for view in views {
      guard case .tuple(let parts) = document[view], parts.count == 4,
        let target = key(parts[0], in: document), let rootKey = key(parts[1], in: document),
        case .integer(let offset) = document[parts[2]],
        case .integer(let count) = document[parts[3]], let root = storages[rootKey],
        root.offset == 0, offset >= 0, count >= 0, offset <= root.count,
        count <= Int64(root.count) - offset
      else {
        throw place.failure(.malformed, "views", "a view lies outside its storage")
      }
      storages[target] = StorageView(
        storage: root.storage, type: root.type, offset: Int(offset), count: Int(count))
    }
  }

  func readTensors(
    _ stream: inout PickleStream, _ policy: GlobalPolicy
  ) throws(CheckpointError) {
    for _ in 0..<(try count(&stream, policy)) {
      let place = stream
      let (document, parts) = try parts(&stream, policy, "tensor")
      guard let key = key(parts[0], in: document),
        let storageKey = self.key(parts[1], in: document),
        let storage = storages[storageKey], let name = document.global(parts[2]),
        case .tensorClass? = AllowedGlobals.role(of: name)
      else { throw place.failure(.malformed, "tensor", "expected (key, storage, class)") }
      let rank = try stream.read(Int32.self, "rank")
      guard rank >= 0, rank <= TarObjects.maximumRank else {
        throw place.failure(.malformed, "rank", "\(rank), at most \(TarObjects.maximumRank)")
      }
      // The number of dimensions once took eight bytes.
      _ = try stream.read(Int32.self, "rank")
      let sizes = try numbers(&stream, Int(rank), "size")
      let strides = try numbers(&stream, Int(rank), "stride")
      let offset = try numbers(&stream, 1, "offset")
      let geometry = TensorGeometry(sizes: sizes, strides: strides, offset: offset[0])
      let tensor: Resolved
      do {
        tensor = try geometry.view(of: storage, dtype: nil)
      } catch {
        throw place.failure(.malformed, "tensor", error.problem)
      }
      guard tensors.updateValue(tensor, forKey: key) == nil else {
        throw place.failure(.malformed, "tensor", "the key \(quoted(key.string)) occurs twice")
      }
    }
  }

  private func numbers(
    _ stream: inout PickleStream, _ count: Int, _ field: String
  ) throws(CheckpointError) -> [Int] {
    var numbers: [Int] = []
    for _ in 0..<count {
      let number = try stream.read(Int64.self, field)
      guard number >= 0 else { throw stream.failure(.malformed, field, "\(number) is negative") }
      numbers.append(Int(number))
    }
    return numbers
  }

  func resolve(
    _ id: PickleReference, for resolver: ObjectResolver
  ) throws(CheckpointError) -> Resolved {
    let document = resolver.document
    if case .tuple(let parts) = document[id], parts.count == 3,
      let name = document.global(parts[0])
    {
      return .classReference(name)
    }
    guard let key = key(id, in: document) else {
      throw resolver.failure(
        .malformed, at: id, "persistent id", "expected a key, found \(document.kind(of: id))")
    }
    if let tensor = tensors[key] { return tensor }
    if let storage = storages[key] { return .storage(storage) }
    throw resolver.failure(
      .notFound, at: id, "persistent id",
      "neither tensor nor storage \(quoted(key.string)) is there")
  }
}
