public import CheckpointBytes
public import PickleFormat
internal import ZipFormat

/// What the pickles of a file name and would have called, judged; any file can be scanned, broken ones included.
///
/// A scan looks at everything that is or may be a pickle: all such members of an archive, not only those that a checkpoint
/// uses, the five pickles of a legacy stream, the members of a tar, and bare pickles one after another.
public struct TorchScan: Sendable {
  /// What is to be thought of a global.
  public enum Verdict: String, Sendable, Hashable, CaseIterable {
    /// Known as data: the reader decodes it by structure.
    case allowed
    /// Not known: the reader refuses it.
    case unknown
    /// Known to run programs, open files or connections, or load code.
    case dangerous
  }

  /// One global of one pickle.
  public struct Finding: Sendable, Hashable {
    /// What it is and how it is used.
    public let finding: PickleScan.Finding
    /// What is to be thought of it.
    public let verdict: Verdict
  }

  /// One pickle.
  public struct Pickle: Sendable {
    /// The member of the archive, if the file is one.
    public let member: String?
    /// Where the pickle begins, in the member or in the file.
    public let offset: Int
    /// The globals it names, in order.
    public let findings: [Finding]
    /// Why it could not be walked to its end, if so.
    public let failure: CheckpointError?
  }

  /// The pickles that were found.
  public private(set) var pickles: [Pickle] = []
  /// What could not be opened.
  public private(set) var problems: [CheckpointError] = []

  /// The worst verdict; nil if no global is named.
  public var verdict: Verdict? {
    let verdicts = Set(pickles.lazy.flatMap(\.findings).map(\.verdict))
    return [.dangerous, .unknown, .allowed].first { verdicts.contains($0) }
  }

  /// Scans a file. What goes wrong becomes one of ``problems``; nothing is thrown.
  public init(_ file: SourceFile, limits: ReadLimits = ReadLimits()) {
    do throws(CheckpointError) {
      let prefix = try file.bytes(at: 0, count: min(file.size, TorchContainer.prefixLength))
      switch TorchContainer.announced(by: prefix) {
      case .zip, .torchScript: try scanArchive(file, limits)
      case .tar: try scanTar(file, limits)
      case .legacyStream, nil:
        try scanPickles(file, 0..<file.size, member: nil, limits)
      }
    } catch {
      problems.append(error)
    }
  }

  // MARK: Containers

  private mutating func scanArchive(
    _ file: SourceFile, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let archive: ZipArchive
    do {
      archive = try ZipArchive(file, limits: limits)
    } catch {
      problems.append(error)
      return try scanLocalMembers(file, limits)
    }
    var isBroken = false
    for member in archive.members {
      do {
        try scan(member, of: archive, file, limits)
      } catch {
        problems.append(error)
        isBroken = true
      }
    }
    if isBroken { try scanLocalMembers(file, limits) }
  }

  private mutating func scan(
    _ member: ZipMember, of archive: ZipArchive, _ file: SourceFile, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let name = member.name.string
    let source = try archive.source(of: member)
    let prefix = try source.bytes(at: 0, count: min(2, source.byteCount))
    guard TorchScan.isPickle(name, prefix) else { return }
    guard source.byteCount <= limits.pickleBytes else {
      throw CheckpointError(
        .limitExceeded, file: file.path, member: name, "has \(source.byteCount) bytes")
    }
    do {
      scan(try source.bytes(at: 0, count: source.byteCount), member: name, file)
    } catch {
      // The checksum is looked at with the last byte; a program that ignores it would run what comes before.
      scan(
        try source.bytes(at: 0, count: max(0, source.byteCount - 1)), member: name, file)
      problems.append(error)
    }
  }

  /// An archive whose directory is broken: the members that local headers announce, where they are stored. Programs
  /// that repair archives read them so.
  private mutating func scanLocalMembers(
    _ file: SourceFile, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let bytes = try file.bytes(at: 0, count: min(file.size, limits.pickleBytes))
    let signature: [UInt8] = [0x50, 0x4B, 0x03, 0x04]
    var position = 0
    while let start = bytes[position...].firstIndex(of: signature[0]) {
      position = start + 1
      guard bytes[start...].starts(with: signature), bytes.count - start >= 30 else { continue }
      let nameLength = Int(bytes[start + 26]) | Int(bytes[start + 27]) << 8
      let extraLength = Int(bytes[start + 28]) | Int(bytes[start + 29]) << 8
      let data = start + 30 + nameLength + extraLength
      guard data < bytes.count else { continue }
      let name = String(decoding: bytes[(start + 30)..<(start + 30 + nameLength)], as: UTF8.self)
      guard TorchScan.isPickle(name, Array(bytes[data...].prefix(2))) else { continue }
      scan(Array(bytes[data...]), member: name, file)
    }
  }

  private mutating func scanTar(
    _ file: SourceFile, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let archive = try TarArchive(file, limits: limits)
    for (name, range) in archive.members.sorted(by: { $0.key < $1.key }) {
      try scanPickles(file, range, member: name.string, limits)
    }
  }

  /// Pickles in a part of a file, one after another; between them there may be numbers.
  private mutating func scanPickles(
    _ file: SourceFile, _ range: Range<Int>, member: String?, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let count = min(range.count, limits.pickleBytes)
    let bytes = try file.bytes(at: range.lowerBound, count: count)
    scan(bytes, member: member, file)
    if count < range.count {
      problems.append(
        CheckpointError(
          .limitExceeded, file: file.path, member: member,
          "only the first \(count) of \(range.count) bytes were scanned"))
    }
  }

  /// True for members that are pickles by name or by their first bytes.
  private static func isPickle(_ name: String, _ prefix: [UInt8]) -> Bool {
    TorchContainer.looksLikePickle(prefix)
      || [".pkl", ".pickle"].contains { name.utf8.reversed().starts(with: $0.utf8.reversed()) }
  }

  // MARK: Pickles

  private mutating func scan(_ bytes: [UInt8], member: String?, _ file: SourceFile) {
    var position = 0
    repeat {
      var cursor = ByteCursor(bytes)
      guard (try? cursor.seek(to: position, "pickle")) != nil else { return }
      let scan = PickleScan(walking: &cursor)
      let findings = scan.findings.map { finding in
        Finding(finding: finding, verdict: TorchScan.verdict(on: finding))
      }
      pickles.append(
        Pickle(
          member: member, offset: position, findings: findings,
          failure: scan.failure?.located(file: file.path, member: member)))
      position = cursor.position
      guard scan.failure == nil else { return }
    } while position < bytes.count
      && TorchContainer.looksLikePickle(Array(bytes[position...].prefix(2)))
  }

  /// The verdict on a global and its use; one that has no name is unknown.
  private static func verdict(on finding: PickleScan.Finding) -> Verdict {
    guard let global = finding.global else { return .unknown }
    switch AllowedGlobals.role(of: global) {
    case .named?, .storage?, .dtype?: return finding.use == .named ? .allowed : .unknown
    case .some: return .allowed
    case nil: break
    }
    if AllowedGlobals.isScriptClass(global) { return .allowed }
    return DangerousGlobals.contains(global) ? .dangerous : .unknown
  }
}
