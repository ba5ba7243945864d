internal import CheckpointBytes
internal import PickleFormat
internal import ZipFormat

/// A checkpoint in a ZIP archive (`torch/serialization.py`, `_save` and `_load`; TorchScript: `torch/csrc/jit`).
///
/// ```
/// <root>/data.pkl     the object
/// <root>/byteorder    "little" or "big"; absent before torch 2.1, and little then
/// <root>/data/<key>   the bytes of one storage each
/// <root>/version      a number, or `.data/version`; one of the two is in every file that PyTorch wrote or reads
/// <root>/.format_version, .storage_alignment, .data/serialization_id   what newer versions add
/// <root>/constants.pkl, <root>/constants/<key>, <root>/code/…   TorchScript only; see ``ScriptClasses``
/// ```
///
/// There is exactly one top directory. What PyTorch reads of these must be whole, of no use here as some of it is: damage
/// there is damage of the file. Other members are not looked at.
struct ZipContent {
  let file: SourceFile
  let archive: ZipArchive
  let limits: ReadLimits
  let isInert: Bool

  init(
    _ file: SourceFile, _ archive: ZipArchive?, limits: ReadLimits, isInert: Bool
  ) throws(CheckpointError) {
    self.file = file
    self.limits = limits
    self.isInert = isInert
    if let archive {
      self.archive = archive
    } else {
      self.archive = try ZipArchive(file, limits: limits)
    }
  }

  func read() throws(CheckpointError) -> TorchContent {
    let root = try root()
    let order = try byteOrder(root)
    try checkVersion(root)
    let classes = try checkRecords(root)
    let isScript = archive[ExactName(root + "constants.pkl")] != nil
    let name = root + "data.pkl"
    func objects(
      _ name: String, storagesIn folder: String
    ) throws(CheckpointError) -> ObjectResolver {
      let document = try pickle(name, isScript: isScript)
      let site = CheckpointError.Site(file: file.path, member: name)
      let storages = ZipStorages(archive, folder: root + folder, byteOrder: order)
      return try ObjectResolver(
        document, site: site, isInert: isInert, script: isScript ? classes : nil, limits: limits,
        persistent: storages)
    }
    let resolver = try objects(name, storagesIn: "data/")
    guard isScript else {
      return TorchContent(container: .zip, resolver: resolver, pickles: [name])
    }
    let constants = root + "constants.pkl"
    return TorchContent(
      container: .torchScript, resolver: resolver,
      constants: try objects(constants, storagesIn: "constants/"), pickles: [name, constants])
  }

  private func pickle(
    _ name: String, isScript: Bool
  ) throws(CheckpointError) -> PickleDocument {
    guard let member = archive[ExactName(name)] else {
      throw CheckpointError(.notFound, file: file.path, member: name, "there is no such member")
    }
    let bytes = try archive.bytes(
      of: member,
      limit: member.isStored
        ? limits.pickleBytes : min(limits.pickleBytes, limits.inflatedPickleBytes))
    return try locating(file: file.path, member: name) { () throws(ParseFailure) in
      var cursor = ByteCursor(bytes)
      let policy = GlobalPolicy.checkpoint(isInert: isInert, isScript: isScript)
      let document = try PickleDocument(parsing: &cursor, policy: policy, limits: limits)
      guard cursor.isAtEnd else {
        throw ParseFailure(
          .malformed, at: cursor.offset, "STOP", "\(cursor.remaining) bytes follow the pickle")
      }
      return document
    }
  }

  /// The one top directory, with its slash.
  private func root() throws(CheckpointError) -> String {
    var root: Substring?
    for member in archive.members {
      let name = member.name.string
      guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")), slash != name.startIndex else {
        throw CheckpointError(
          .malformed, file: file.path, member: name,
          "lies outside the one top directory of a PyTorch archive")
      }
      let top = name[...slash]
      guard root?.utf8.elementsEqual(top.utf8) ?? true else {
        throw CheckpointError(
          .malformed, file: file.path, member: name,
          "expected one top directory, found \(quoted(String(root ?? ""))) and \(quoted(String(top)))"
        )
      }
      root = top
    }
    guard let root else {
      throw CheckpointError(.malformed, file: file.path, "the archive is empty")
    }
    return String(root)
  }

  /// A short text member.
  private func text(_ name: String) throws(CheckpointError) -> [UInt8]? {
    guard let member = archive[ExactName(name)] else { return nil }
    return try archive.bytes(of: member, limit: 64)
  }

  private func byteOrder(_ root: String) throws(CheckpointError) -> ByteOrder {
    let name = root + "byteorder"
    guard let text = try text(name) else { return .little }
    guard let order = ByteOrder(rawValue: String(decoding: text, as: UTF8.self)) else {
      throw CheckpointError(
        .malformed, file: file.path, member: name,
        "expected 'little' or 'big', found \(quoted(String(decoding: text, as: UTF8.self)))")
    }
    return order
  }

  /// PyTorch reads versions 1 to 10 (`caffe2/serialize/versions.h`; `inline_container.cc` for the two places).
  private func checkVersion(_ root: String) throws(CheckpointError) {
    let places = [root + ".data/version", root + "version"]
    guard let name = places.first(where: { archive[ExactName($0)] != nil }),
      let text = try text(name)
    else {
      throw CheckpointError(
        .notFound, file: file.path, member: root + "version", "there is no such member")
    }
    let digits = text.last == 0x0A ? text.dropLast() : text[...]
    guard let version = Int(String(decoding: digits, as: UTF8.self)), (1...10).contains(version)
    else {
      throw CheckpointError(
        .unsupported, file: file.path, member: name,
        "version \(quoted(String(decoding: text, as: UTF8.self))), 1 to 10 are known")
    }
  }

  /// Holds what else PyTorch reads against its checksums and headers. Nothing of it but the classes of the code has a say in
  /// what the weights are.
  private func checkRecords(_ root: String) throws(CheckpointError) -> ScriptClasses {
    _ = try text(root + ".format_version")
    let identifier = root + ".data/serialization_id"
    if let text = try text(identifier), String(validating: text, as: UTF8.self) == nil {
      throw CheckpointError(.malformed, file: file.path, member: identifier, "is no UTF-8")
    }
    if let text = try text(root + ".storage_alignment"),
      Int(String(decoding: text, as: UTF8.self)) == nil
    {
      throw CheckpointError(
        .malformed, file: file.path, member: root + ".storage_alignment",
        "expected a number of bytes, found \(quoted(String(decoding: text, as: UTF8.self)))")
    }
    let (storages, constants, code) = (root + "data/", root + "constants/", root + "code/")
    var room = limits.pickleBytes
    var classes = ScriptClasses(limits: limits)
    for member in archive.members where !member.name.hasPrefix(storages) {
      if member.name.hasPrefix(code) {
        let bytes = try archive.bytes(of: member, limit: min(room, limits.inflatedPickleBytes))
        room -= bytes.count
        guard member.name.hasSuffix(".py") else { continue }
        // `code/__torch__/torch/nn.py` has the classes of `__torch__.torch.nn`.
        let path = member.name.string.utf8.dropFirst(code.utf8.count).dropLast(3)
        let module = String(decoding: path.map { $0 == 0x2F ? 0x2E : $0 }, as: UTF8.self)
        try locating(file: file.path, member: member.name.string) { () throws(ParseFailure) in
          try classes.read(bytes, below: module)
        }
      } else if !member.name.hasPrefix(constants) {
        // Under another name in the directory than in its own header, it is one that is missing.
        _ = try archive.dataOffset(of: member)
      }
    }
    return classes
  }
}

/// The storages of a ZIP archive, each a record of one folder.
final class ZipStorages: PersistentObjects {
  private let archive: ZipArchive
  private let folder: String
  private let byteOrder: ByteOrder
  private var storages: [ExactName: TorchStorage] = [:]

  init(_ archive: ZipArchive, folder: String, byteOrder: ByteOrder) {
    self.archive = archive
    self.folder = folder
    self.byteOrder = byteOrder
  }

  func resolve(
    _ id: PickleReference, for resolver: ObjectResolver
  ) throws(CheckpointError) -> Resolved {
    let fail = { (kind: FailureKind, problem: String) in
      resolver.failure(kind, at: id, "persistent id", problem)
    }
    let identifier = try StorageIdentifier(
      id, in: resolver.document, hasView: false, failing: fail)
    let name = ExactName(folder + identifier.key)
    guard let member = archive[name] else {
      throw fail(.notFound, "the record \(quoted(name.string)) is not there")
    }
    guard member.byteCount == identifier.byteCount else {
      throw fail(
        .inconsistent,
        "a storage of \(identifier.count) \(identifier.type.element.name) takes "
          + "\(identifier.byteCount) bytes, the record \(quoted(name.string)) has \(member.byteCount)"
      )
    }
    if let storage = storages[name] { return .storage(StorageView(storage, identifier)) }
    let storage = TorchStorage(
      key: identifier.key, dtype: identifier.type.isUntyped ? nil : identifier.type.element.dtype,
      byteOrder: byteOrder, source: try archive.source(of: member))
    storages[name] = storage
    return .storage(StorageView(storage, identifier))
  }
}
