internal import CheckpointBytes
internal import PickleFormat

/// The stream of `torch.save` before the ZIP archive (`torch/serialization.py`, `_legacy_save` and `_legacy_load`, torch
/// 2.13).
///
/// ```
/// pickle 0x1950a86a20f9469cfc6c │ pickle 1001 │ pickle {protocol_version, little_endian, type_sizes}
/// pickle of the object │ pickle [key, …] │ for each key: number of elements (int64), the elements
/// ```
///
/// The numbers behind the pickles are little-endian whatever `little_endian` says: that is the machine the file was
/// written on, and PyTorch swaps bytes there (`torch/csrc/serialization.cpp`, `THPStorage_writeFileRaw`).
struct LegacyStream {
  /// 0x1950a86a20f9469cfc6c, little-endian.
  private static let magic: [UInt8] = [
    0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]
  /// The same as protocols 0 and 1 write it.
  private static let textMagic = [UInt8]("L119547037146038801333356L\n".utf8)

  private let file: SourceFile
  private let limits: ReadLimits
  private let isInert: Bool

  init(_ file: SourceFile, limits: ReadLimits, isInert: Bool) {
    self.file = file
    self.limits = limits
    self.isInert = isInert
  }

  /// True if a file begins with a pickle of the magic number, whatever its protocol. Frames come before the number.
  static func begins(_ prefix: [UInt8]) -> Bool {
    if prefix.starts(with: textMagic) { return true }
    guard TorchContainer.looksLikePickle(prefix) else { return false }
    let number: [UInt8] = [0x8A, UInt8(magic.count)] + magic
    return prefix.dropFirst(2).starts(with: number) || prefix.dropFirst(11).starts(with: number)
  }

  func read() throws(CheckpointError) -> TorchContent {
    let storages = LegacyStorages()
    let (object, stream) = try parts(storages)
    guard stream.remaining == 0 else {
      var failure = stream.failure(
        .malformed, "storages",
        "\(stream.remaining) bytes lie behind the last storage, which may be of another file")
      failure.remedy =
        "the first \(stream.position) bytes are the checkpoint: head -c \(stream.position)"
      throw failure
    }
    let resolver = try ObjectResolver(
      object, site: CheckpointError.Site(file: file.path), isInert: isInert, script: nil,
      limits: limits, persistent: storages)
    return TorchContent(container: .legacyStream, resolver: resolver, pickles: [""])
  }

  /// The object pickle, its storages located, and the stream behind the last of them.
  func parts(
    _ storages: LegacyStorages
  ) throws(CheckpointError) -> (object: PickleDocument, stream: PickleStream) {
    let policy = GlobalPolicy.checkpoint(isInert: isInert)
    var stream = PickleStream(file, 0..<file.size, limits: limits)
    try checkMagic(stream.pickle(policy), at: 0)
    try checkVersion(&stream, policy)
    try checkSystem(&stream, policy)
    let object = try stream.pickle(policy)
    let keys = try keys(&stream, policy)
    try storages.declare(object, site: CheckpointError.Site(file: file.path))
    try storages.locate(keys, in: &stream)
    return (object, stream)
  }

  private func checkMagic(
    _ document: PickleDocument, at offset: Int
  ) throws(CheckpointError) {
    guard case .bigInteger(let number) = document[document.root], number == LegacyStream.magic
    else {
      throw CheckpointError(
        .malformed, file: file.path, offset: offset, field: "magic number",
        "is not 0x1950a86a20f9469cfc6c")
    }
  }

  private func checkVersion(
    _ stream: inout PickleStream, _ policy: GlobalPolicy
  ) throws(CheckpointError) {
    let place = stream
    let document = try stream.pickle(policy)
    guard case .integer(1001) = document[document.root] else {
      throw place.failure(.unsupported, "protocol version", "is not 1001")
    }
  }

  private func checkSystem(
    _ stream: inout PickleStream, _ policy: GlobalPolicy
  ) throws(CheckpointError) {
    let place = stream
    let document = try stream.pickle(policy)
    guard case .dictionary(let entries) = document[document.root] else {
      throw place.failure(
        .malformed, "sys_info",
        "expected a dictionary, found \(document.kind(of: document.root))")
    }
    for entry in entries {
      // A long text that all keys share is not read each time.
      guard document.byteCount(of: entry.key) <= 32,
        case .string("little_endian") = document[entry.key]
      else { continue }
      guard case .boolean = document[entry.value] else {
        throw place.failure(.malformed, "sys_info", "little_endian is no Boolean")
      }
    }
  }

  private func keys(
    _ stream: inout PickleStream, _ policy: GlobalPolicy
  ) throws(CheckpointError) -> [String] {
    let place = stream
    let document = try stream.pickle(policy)
    guard case .list(let references) = document[document.root] else {
      throw place.failure(
        .malformed, "storage keys", "expected a list, found \(document.kind(of: document.root))")
    }
    var keys: [String] = []
    var seen: Set<ExactName> = []
    for reference in references {
      guard case .string(let key) = document[reference] else {
        throw place.failure(
          .malformed, "storage keys", "expected text, found \(document.kind(of: reference))")
      }
      guard seen.insert(ExactName(key)).inserted else {
        throw place.failure(.malformed, "storage keys", "the key \(quoted(key)) occurs twice")
      }
      keys.append(key)
    }
    return keys
  }
}

/// The storages of a legacy stream: declared by persistent ids, found behind the pickles.
final class LegacyStorages: PersistentObjects {
  private var declared: [ExactName: StorageIdentifier] = [:]
  private var storages: [ExactName: TorchStorage] = [:]

  private func identifier(
    _ id: PickleReference, in document: PickleDocument, site: CheckpointError.Site
  ) throws(CheckpointError) -> StorageIdentifier {
    try StorageIdentifier(
      id, in: document, hasView: true,
      failing: { (kind, problem) in
        var site = site
        site.offset = document.offset(of: id)
        site.field = "persistent id"
        return CheckpointError(kind, site, problem)
      })
  }

  /// The class that `('module', class, source file, source)` names, if this is such an id.
  private func module(_ id: PickleReference, in document: PickleDocument) -> GlobalName? {
    guard case .tuple(let parts) = document[id], parts.count == 4,
      case .string("module") = document[parts[0]]
    else { return nil }
    return document.global(parts[1])
  }

  /// Collects what the object pickle says of its storages. Whatever it says twice must be the same.
  func declare(
    _ document: PickleDocument, site: CheckpointError.Site
  ) throws(CheckpointError) {
    for reference in document.references {
      guard let id = document.persistentID(reference), module(id, in: document) == nil else {
        continue
      }
      let identifier = try identifier(id, in: document, site: site)
      let other = declared.updateValue(identifier, forKey: ExactName(identifier.key))
      guard other == nil || other?.byteCount == identifier.byteCount else {
        var site = site
        site.offset = document.offset(of: id)
        site.field = "persistent id"
        throw CheckpointError(
          .inconsistent, site,
          "storage \(quoted(identifier.key)) has \(other?.byteCount ?? 0) bytes elsewhere, "
            + "\(identifier.byteCount) here")
      }
    }
  }

  /// Finds the storages in the file, in the order of the keys.
  func locate(
    _ keys: [String], in stream: inout PickleStream
  ) throws(CheckpointError) {
    for key in keys {
      guard let identifier = declared[ExactName(key)] else {
        throw stream.failure(
          .inconsistent, "storage keys", "nothing in the object has the storage \(quoted(key))")
      }
      let place = stream
      let count = try stream.read(Int64.self, "number of elements")
      guard let count = Int(exactly: count), count == identifier.count else {
        throw place.failure(
          .inconsistent, "number of elements",
          "storage \(quoted(key)): expected \(identifier.count), found \(count)")
      }
      storages[ExactName(key)] = TorchStorage(
        key: key, dtype: identifier.type.isUntyped ? nil : identifier.type.element.dtype,
        byteOrder: .little, source: try stream.storage(identifier.byteCount))
    }
    guard let missing = declared.keys.filter({ storages[$0] == nil }).min() else { return }
    throw stream.failure(
      .inconsistent, "storage keys", "the storage \(quoted(missing.string)) is not in the list")
  }

  func resolve(
    _ id: PickleReference, for resolver: ObjectResolver
  ) throws(CheckpointError) -> Resolved {
    if let name = module(id, in: resolver.document) { return .classReference(name) }
    let identifier = try identifier(id, in: resolver.document, site: resolver.site)
    guard let storage = storages[ExactName(identifier.key)] else {
      throw resolver.failure(
        .notFound, at: id, "persistent id", "storage \(quoted(identifier.key)) is not there")
    }
    return .storage(StorageView(storage, identifier))
  }
}
