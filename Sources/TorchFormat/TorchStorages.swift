package import CheckpointBytes
internal import PickleFormat
package import ZipFormat

/// Which members of a ZIP archive are numbers, because the archive itself says so. PyTorch copies them into memory and does
/// nothing else with them, whatever their bytes look like.
///
/// ```
/// <folder>/<name>.pkl        refers to    <folder>/<name>/<key>             torch.save, TorchScript's data and constants
/// <root>/…/<name>.pkl                     <root>/.data/<key>.storage        torch.package
/// <folder>/…_config.json                  <folder>/weight_<n>, tensor_<n>   torch.export, those without "use_pickle"
/// ```
package struct TorchStorages: Sendable {
  /// The members' names.
  package private(set) var names: Set<ExactName> = []
  /// Those of them whose numbers a module may unpickle (`isExtraState`).
  package private(set) var extraStates: Set<ExactName> = []
  /// What torch.export says to be pickles, if only in one place of several; in small letters, because PyTorch looks for members
  /// without regard to case (`caffe2/serialize/inline_container.cc`).
  private var pickles: Set<String> = []
  /// The pickles that could not be read as far as was needed.
  package private(set) var problems: [CheckpointError] = []

  /// Reads the pickles of an archive whose names end in `.pkl`, and what torch.export says of its weights.
  package init(_ archive: ZipArchive, limits: ReadLimits = ReadLimits()) {
    for member in archive.members {
      do throws(CheckpointError) {
        if TorchStorages.ends(member, ".pkl") { try addPickle(member, of: archive, limits) }
        if TorchStorages.ends(member, "_config.json") {
          try addWeights(member, of: archive, limits)
        }
      } catch {
        problems.append(error)
      }
    }
    names = names.filter { !pickles.contains($0.string.lowercased()) }
  }

  /// True for the name of a tensor that a module takes up as it likes (`Module.set_extra_state`): TransformerEngine's unpickle
  /// its bytes.
  package static func isExtraState(_ name: String) -> Bool {
    name.utf8.reversed().starts(with: "_extra_state".utf8.reversed())
  }

  private static func ends(_ member: ZipMember, _ ending: String) -> Bool {
    member.name.string.utf8.reversed().starts(with: ending.utf8.reversed())
  }

  private static func isNumber(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// `{"config": {name: {"path_name": "weight_0", "use_pickle": false, …}}}` (`torch/export/pt2_archive`, torch 2.13).
  private mutating func addWeights(
    _ member: ZipMember, of archive: ZipArchive, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let name = member.name.string
    let folder = name.prefix(upTo: name.lastIndex(of: "/") ?? name.startIndex)
    guard folder.hasSuffix("/data/weights") || folder.hasSuffix("/data/constants") else { return }
    let bytes = try archive.bytes(of: member, limit: limits.jsonBytes)
    let document = try JSONValue(
      parsing: bytes, file: archive.file.path, member: name, limits: limits)
    guard case .object(let entries)? = document["config"] else { return }
    for entry in entries {
      guard let path = entry.value["path_name"]?.string else { continue }
      guard case .boolean(false)? = entry.value["use_pickle"] else {
        pickles.insert((folder + "/" + path).lowercased())
        continue
      }
      guard
        ["weight_", "tensor_"].contains(where: {
          path.hasPrefix($0) && TorchStorages.isNumber(path.dropFirst($0.count))
        })
      else { continue }
      names.insert(ExactName(folder + "/" + path))
    }
  }

  private mutating func addPickle(
    _ member: ZipMember, of archive: ZipArchive, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let name = member.name.string
    let bytes = try archive.bytes(
      of: member,
      limit: member.isStored
        ? limits.pickleBytes : min(limits.pickleBytes, limits.inflatedPickleBytes))
    let document = try locating(file: archive.file.path, member: name) {
      () throws(ParseFailure) in
      var cursor = ByteCursor(bytes)
      return try PickleDocument(parsing: &cursor, policy: .everything, limits: limits)
    }
    let folder = String(name.dropLast(4)) + "/"
    let root = name.prefix { $0 != "/" } + "/.data/"
    for reference in document.references {
      guard let key = TorchStorages.storage(reference, in: document) else { continue }
      names.formUnion([ExactName(folder + key), ExactName(root + key + ".storage")])
    }
    // An escape spells any letter.
    guard ["extra_state", "\\u"].contains(where: { bytes.index(of: Array($0.utf8)) != nil }) else {
      return
    }
    for reference in document.references where !document.isAtom(reference) {
      for entry in TorchStorages.entries(reference, in: document) {
        guard case .string(let name) = document[entry.key], TorchStorages.isExtraState(name) else {
          continue
        }
        for key in TorchStorages.storages(of: entry.value, in: document) {
          extraStates.formUnion([ExactName(folder + key), ExactName(root + key + ".storage")])
        }
      }
    }
  }

  private static func entries(
    _ reference: PickleReference, in document: PickleDocument
  ) -> [PickleValue.Entry] {
    if let object = document.object(reference) { return object.items }
    if case .dictionary(let entries) = document[reference] { return entries }
    return []
  }

  /// More than the calls that make a tensor have: any number of names may lead to one tuple of any length.
  private static let mostArguments = 16

  /// The keys of the storages of a tensor, which is a call of a few arguments, or such a call in another.
  private static func storages(
    of tensor: PickleReference, in document: PickleDocument
  ) -> [String] {
    var keys: [String] = []
    var (pending, visits) = ([tensor], 0)
    while let next = pending.popLast(), visits < 100 {
      visits += 1
      if let key = storage(next, in: document) {
        keys.append(key)
      } else if let object = document.object(next) {
        pending += object.arguments.prefix(mostArguments)
      } else if case .tuple(let parts) = document[next] {
        pending += parts.prefix(mostArguments)
      }
    }
    return keys
  }

  /// The key of a storage, if a value is one.
  private static func storage(
    _ reference: PickleReference, in document: PickleDocument
  ) -> String? {
    guard let id = document.persistentID(reference),
      case .tuple(let parts) = document[id], parts.count >= 5,
      case .string("storage") = document[parts[0]]
    else { return nil }
    return key(parts[2], in: document)
  }

  /// Keys are numbers. Others could name a member that another program takes for something else.
  private static func key(_ reference: PickleReference, in document: PickleDocument) -> String? {
    switch document[reference] {
    case .integer(let number): String(number)
    case .string(let text): isNumber(text) ? text : nil
    default: nil
    }
  }
}
