internal import CheckpointBytes
internal import CompressedStreams
internal import PickleFormat
internal import TorchFormat
internal import ZipFormat

extension ContentWalk {
  /// Examines the ZIP archives in a content, with what lies in front of them, between them and behind them; false if it
  /// holds none.
  mutating func examineArchives(
    _ content: ScannedContent, _ prefix: [UInt8]
  ) throws(CheckpointError) -> Bool {
    var end = content.byteCount
    var ranges: [Range<Int>] = []
    while let location = try ZipLocation(in: content.source, before: end) {
      ranges.append(location.range)
      end = location.range.lowerBound
      guard ranges.count < limits.tensorCount else { break }
    }
    guard let last = ranges.first else {
      guard prefix.starts(with: [0x50, 0x4B, 3, 4]) else { return false }
      add(
        content.place.problem(
          .truncated, field: "end of central directory", "no such record in the file"))
      salvage(content)
      return true
    }
    if end > 0 { pending.append(try content.part(0..<end)) }
    for (range, next) in zip(
      ranges.reversed(), ranges.reversed().dropFirst().map(\.lowerBound) + [last.upperBound])
    {
      try examineArchive(
        range == 0..<content.byteCount ? content : content.part(range))
      guard range.upperBound < next else { continue }
      pending.append(try content.part(range.upperBound..<next))
    }
    if last.upperBound < content.byteCount {
      pending.append(try content.part(last.upperBound..<content.byteCount))
    }
    return true
  }

  /// An archive near the end of a file of another format: whatever looks for it from behind takes it for the file. It may say that it
  /// begins where the file does, whose first bytes are another format's, and looked at already.
  mutating func examineTrailingArchive(_ content: ScannedContent) throws(CheckpointError) {
    guard let location = try ZipLocation(in: content.source, before: content.byteCount) else {
      return
    }
    try examineArchive(content.part(location.range))
  }

  private mutating func examineArchive(_ content: ScannedContent) throws(CheckpointError) {
    countInnerArchive()
    let archive: ZipArchive
    do {
      archive = try ZipArchive(content.file(), limits: limits)
    } catch {
      add(content.place.problem(error))
      return salvage(content)
    }
    for member in archive.members {
      examinePath(member.name.string, content.place)
      examineCompiled(member.name.string, content.place)
      guard member.isLink, let target = try? archive.bytes(of: member, limit: 4_096) else {
        continue
      }
      examineLink(
        String(decoding: target, as: UTF8.self), of: member.name.string, content.place)
    }
    let kind = ArchiveKind(archive)
    let storages = TorchStorages(archive, limits: limits)
    for problem in storages.problems { add(content.place.problem(problem)) }
    var isBroken = false
    for member in archive.members {
      // The numbers of a storage are left alone, unless numpy takes them for a file of its own: the name of the archive chooses the loader.
      let isState = storages.extraStates.contains(member.name)
      if storages.names.contains(member.name), !isState, !isArray(member, of: archive) { continue }
      if kind.isScriptSource(member.name.string) {
        examineScript(member, of: archive, in: content)
        continue
      }
      do throws(CheckpointError) {
        try examine(member, of: archive, in: content, isFragment: isState)
        if splitPath(member.name.string).name == "bytecode.pkl" {
          try examineBytecode(member, of: archive, in: content)
        }
      } catch {
        add(content.place.problem(error))
        isBroken = true
      }
    }
    if isBroken { salvage(content) }
  }

  private func isArray(_ member: ZipMember, of archive: ZipArchive) -> Bool {
    guard member.byteCount >= 10,
      let prefix = try? archive.source(of: member).bytes(at: 0, count: 10)
    else { return false }
    return NumpyHeader.begins(prefix)
  }

  private mutating func examine(
    _ member: ZipMember, of archive: ZipArchive, in content: ScannedContent, isFragment: Bool
  ) throws(CheckpointError) {
    guard member.byteCount > 0 else { return }
    let name = member.name.string
    if member.isStored {
      let source = try archive.source(of: member)
      // The checksum does not matter: programs that do not compare it see the same bytes.
      guard let range = source.fileRange else {
        _ = try archive.dataOffset(of: member)
        return
      }
      pending.append(
        content.member(
          name, try FileBytes(range.file, at: range.offset, count: range.count),
          isFragment: isFragment))
      return
    }
    let start = try archive.dataOffset(of: member)
    let packed = try FileBytes(archive.file, at: start, count: member.compressedByteCount)
    pending.append(
      content.member(
        name, packed, isFragment: isFragment, packing: .deflated(byteCount: member.byteCount)))
  }

  /// A content as it is looked at: inflated, if it is a packed member; nil, and a problem, where there is no room for it.
  mutating func unpacked(_ content: ScannedContent) throws(CheckpointError) -> ScannedContent? {
    let bytes: [UInt8]
    switch content.packing {
    case nil: return content
    case .deflated(let count):
      guard let room = room(for: count, at: content.place) else { return nil }
      // One byte more than announced shows a member that goes on.
      let inflation = try Inflation(of: content.source, at: 0, wrapper: .bare, limit: room + 1)
      bytes = inflation.bytes
      if !inflation.isWhole || bytes.count != count
        || inflation.inputByteCount != content.byteCount
      {
        add(
          content.place.problem(
            .malformed, field: "deflate stream",
            "expected \(count) bytes, found \(bytes.count) before it ends or breaks"))
      }
    case .brokenDeflated(let start):
      bytes = try Inflation(
        of: content.source, at: start, wrapper: .bare, limit: roomToInflate
      ).bytes
    case .brokenBZip2:
      bytes = Decompression(of: try content.allBytes(), as: .bzip2, limit: roomToInflate).bytes
    case .brokenLZMA:
      bytes = Decompression(ofZipLZMA: try content.allBytes(), limit: roomToInflate).bytes
    }
    inflated += bytes.count
    return content.unpacked(bytes)
  }

  /// Source of TorchScript.
  private mutating func examineScript(
    _ member: ZipMember, of archive: ZipArchive, in content: ScannedContent
  ) {
    let place = content.place.inside(member.name.string)
    do throws(CheckpointError) {
      let bytes = try archive.bytes(of: member, limit: limits.jsonBytes)
      let source = TorchScriptSource(bytes)
      report(
        code: "TorchScript source" + (source.finding ?? ""), (source.verdict, source.reason),
        at: place)
    } catch {
      add(content.place.problem(error))
    }
  }

  /// What the lite interpreter runs instead of sources: operators by their names, in a pickle of values.
  private mutating func examineBytecode(
    _ member: ZipMember, of archive: ZipArchive, in content: ScannedContent
  ) throws(CheckpointError) {
    let bytes = try archive.bytes(of: member, limit: limits.pickleBytes)
    for name in TorchScriptSource.qualifiedFileOperators
    where bytes.index(of: Array(name.utf8)) != nil {
      report(
        code: "bytecode of TorchScript that calls \(name)",
        (.dangerous, "reads or writes files when the model runs"),
        at: content.place.inside(member.name.string))
    }
  }

  /// How many bytes may be inflated; nil, and a problem, if they are less than needed.
  private mutating func room(for count: Int, at place: ScannedContent.Place) -> Int? {
    guard count <= roomToInflate else {
      add(
        place.problem(
          .limitExceeded,
          "inflates to \(count) bytes, at most \(roomToInflate) more are looked into"))
      return nil
    }
    return count
  }

  /// The members of a broken archive, as their own headers announce them.
  private mutating func salvage(_ content: ScannedContent) {
    do throws(CheckpointError) {
      let count = min(content.byteCount, ContentWalk.contentBytes)
      let bytes = try content.source.bytes(at: 0, count: count)
      for member in ZipSalvage(bytes).members {
        let range = member.range
        switch member.method {
        // The stream may go on behind the next record.
        case 8:
          pending.append(
            content.member(
              member.name, content.source, isFragment: true,
              packing: .brokenDeflated(at: range.lowerBound)))
        case 12, 14:
          pending.append(
            content.member(
              member.name, try content.part(range).source, isFragment: true,
              packing: member.method == 12 ? .brokenBZip2 : .brokenLZMA))
        default: break
        }
        // As it is, too: a method can be stated in one place and denied in another.
        let stored = try content.part(range)
        pending.append(content.member(member.name, stored.source, isFragment: true))
      }
    } catch {
      add(content.place.problem(error))
    }
  }

  // MARK: Places

  /// The name of a member, which whoever extracts the archive takes for a path.
  private mutating func examinePath(_ name: String, _ place: ScannedContent.Place) {
    guard leadsOut(name) else { return }
    report(
      code: "a member of the name \(quoted(name))",
      (.dangerous, "is written outside of the directory by whoever extracts the archive"),
      at: place)
  }

  /// A part of a model that torch.export has compiled (AOTInductor): PyTorch loads the libraries in that folder, and compiles the
  /// sources if there are none (`torch/csrc/inductor/aoti_package/model_package_loader.cpp`, 2.13).
  private mutating func examineCompiled(_ name: String, _ place: ScannedContent.Place) {
    let lower = name.lowercased()
    guard lower.contains("data/aotinductor/"),
      [".so", ".o", ".cpp", ".cc", ".cu", ".pyd", ".dll", ".dylib"].contains(where: lower.hasSuffix)
    else { return }
    report(
      code: "machine code of AOTInductor, or its source",
      (.dangerous, "is compiled and run when the model is loaded"), at: place.inside(name))
  }

  /// Where a link in an archive leads; a hard link from the root of the archive, a symbolic one from where it lies.
  private mutating func examineLink(
    _ target: String, of name: String, _ place: ScannedContent.Place, isHard: Bool = false
  ) {
    let isAbsolute = target.utf8.first == UInt8(ascii: "/")
    guard isAbsolute || leadsOut(isHard ? target : splitPath(name).directory + target) else {
      return
    }
    report(
      code: "a link \(quoted(name)) to \(quoted(target))",
      (.dangerous, "leads outside of the directory once the archive is extracted"), at: place)
  }

  // MARK: Tar

  mutating func examineTar(_ content: ScannedContent) throws(CheckpointError) {
    // The name of the first member can be the beginning of a pickle.
    try guessBeginning(of: content)
    let file = try content.file()
    let listing = TarListing(file, limits: limits)
    if let failure = listing.failure { add(content.place.problem(failure)) }
    let names = Set(listing.entries.map { ExactName($0.name) })
    let numbers =
      names.isSuperset(of: ["storages", "tensors", "pickle"])
      ? try? TorchNumbers(ofTar: file, limits: limits).parts : nil
    // What is taken for numbers is not looked into.
    if numbers != nil { try examineTrailingArchive(content) }
    for entry in listing.entries {
      examinePath(entry.name, content.place)
      if "12".utf8.contains(entry.type) {
        examineLink(entry.link, of: entry.name, content.place, isHard: entry.type == 0x31)
      }
    }
    for entry in listing.entries where !entry.range.isEmpty {
      let part = try content.part(entry.range)
      let member = content.member(entry.name, part.source)
      if let part = numbers?.first(where: { $0.range == entry.range }) {
        try examine([part], of: member, file)
      } else {
        pending.append(member)
      }
    }
    if listing.failure != nil {
      var rest = try content.part(listing.end..<content.byteCount)
      rest.isFragment = true
      // What is no archive from its first header on would be taken for one again and again.
      guard listing.end > 0 else { return try examineRest(rest, try rest.prefix(1_024)) }
      pending.append(rest)
    } else if listing.end < content.byteCount {
      pending.append(try content.part(listing.end..<content.byteCount))
    }
  }
}

/// True for a path that leads out of the directory in which it stands. It is read byte by byte, as systems do: a mark behind `/` makes
/// one character of both, and the system separates there all the same.
func leadsOut(_ path: String) -> Bool {
  let bytes = path.utf8
  func isSeparator(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
  }
  if bytes.first.map(isSeparator) ?? false || bytes.dropFirst().first == UInt8(ascii: ":") {
    return true
  }
  var depth = 0
  for part in bytes.split(whereSeparator: isSeparator) {
    depth += part.elementsEqual("..".utf8) ? -1 : part.elementsEqual(".".utf8) ? 0 : 1
    if depth < 0 { return true }
  }
  return false
}

/// What kind of archive it is, as far as sources in it are concerned.
private struct ArchiveKind {
  /// The folder of TorchScript sources, which are no Python: PyTorch compiles them in a language of its own that can
  /// neither import nor open anything.
  private let scriptFolder: String?

  init(_ archive: ZipArchive) {
    let root = archive.members.first.map { String($0.name.string.prefix { $0 != "/" }) + "/" } ?? ""
    let isScript = ["data.pkl", "constants.pkl"].allSatisfy { archive[ExactName(root + $0)] != nil }
    // What torch.package reads an archive by; its sources are Python. PyTorch looks for members without regard to case.
    let mark = (root + ".data/extern_modules").lowercased()
    let isPackage = archive.members.contains { $0.name.string.lowercased() == mark }
    scriptFolder = isScript && !isPackage ? root + "code/" : nil
  }

  func isScriptSource(_ name: String) -> Bool {
    guard let scriptFolder else { return false }
    return name.utf8.starts(with: scriptFolder.utf8)
      && name.utf8.reversed().starts(with: "yp.".utf8)
  }
}
