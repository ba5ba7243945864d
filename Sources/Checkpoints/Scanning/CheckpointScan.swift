public import CheckpointBytes
internal import TorchFormat

/// What is in a file that could run code when somebody loads it, judged: the globals that pickles name and would have
/// called, code in Keras configurations, and Python sources. Nothing is called; everything is opened, broken and forbidden
/// files included, and archives in archives.
///
/// A file is known to be data only if it was read wholly and understood. What was not is among the ``problems``.
public struct CheckpointScan: Sendable {
  /// What is to be thought of a global, or of everything together.
  public enum Verdict: String, Sendable, Hashable, CaseIterable {
    /// Known as data, and decoded by structure.
    case allowed
    /// Not known; a file that names it is refused.
    case unknown
    /// Known to run programs, open files or connections, or load code.
    case dangerous
  }

  /// A global, where a pickle names or uses it; or code, where a configuration or an archive holds it.
  public struct Finding: Sendable {
    /// The file.
    public let file: String
    /// The member of an archive; members of archives in archives joined by `: `.
    public let member: String?
    /// The offset of the operation in the member or the file; nil where it is no pickle.
    public let offset: Int?
    /// The operation: `GLOBAL`, `REDUCE`…; nil where it is no pickle.
    public let opcode: String?
    /// `named`, `called`, `instantiated` or `givenState`; `holdsCode` where it is no pickle.
    public let use: String
    /// The global, `module.name`; nil where the file does not say it.
    public let global: String?
    /// The global with what it would have been given: `os.system('echo hi')`; or the code in words.
    public let rendering: String
    /// What is to be thought of it.
    public let verdict: Verdict
  }

  /// What was found, in the order in which it was met.
  public private(set) var findings: [Finding] = []
  /// What was not looked into, what could not be read, and pickles that Python would not read to their end.
  public private(set) var problems: [CheckpointError] = []
  /// The number of pickles found, those in archives in archives included.
  public private(set) var pickleCount = 0
  /// The files that were scanned.
  public private(set) var files: [String] = []

  /// The worst verdict; `allowed` if all that was found is, and nothing was left unread, `unknown` if something was.
  public var verdict: Verdict {
    if findings.contains(where: { $0.verdict == .dangerous }) { return .dangerous }
    let isClean = problems.isEmpty && !findings.contains { $0.verdict == .unknown }
    return isClean ? .allowed : .unknown
  }

  /// Scans a file, or all files of a directory; directories inside it are among the ``problems``.
  ///
  /// - Throws: `inputOutput` if the path leads nowhere; what is wrong with a file is among the
  ///   ``problems``.
  public init(
    _ path: String, limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) {
    let path = try HubCache.located(path)
    guard try PathKind(path: path) == .directory else {
      try scan(SourceFile(path: path), limits)
      return
    }
    for name in try Directory.names(in: path) {
      let child = Directory.join(path, name)
      switch try PathKind(path: child) {
      case .file:
        do throws(CheckpointError) {
          try scan(SourceFile(path: child), limits)
        } catch {
          problems.append(error)
        }
      case .directory:
        problems.append(
          CheckpointError(
            .unsupported, file: child, "is a directory; scan it by itself"))
      case .other, .nothing:
        problems.append(CheckpointError(.unsupported, file: child, "is no regular file"))
      }
    }
  }

  private mutating func scan(_ file: SourceFile, _ limits: ReadLimits) throws(CheckpointError) {
    files.append(file.path)
    var walk = ContentWalk(limits: limits)
    walk.run(on: try ScannedContent(file))
    findings += walk.findings
    problems += walk.problems
    pickleCount += walk.pickleCount
  }
}
