public import CheckpointBytes
internal import PickleFormat
internal import TorchFormat

/// What the pickles of a checkpoint name and would have called, judged. Nothing is called; everything is opened, broken
/// and forbidden files included.
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

  /// A global, where a pickle names or uses it.
  public struct Finding: Sendable {
    /// The file.
    public let file: String
    /// The member of an archive.
    public let member: String?
    /// The offset of the operation in the member or the file.
    public let offset: Int
    /// The operation: `GLOBAL`, `REDUCE`…
    public let opcode: String
    /// `named`, `called`, `instantiated` or `givenState`.
    public let use: String
    /// The global, `module.name`; nil where the pickle does not say it.
    public let global: String?
    /// The global with what it would have been given: `os.system('echo hi')`.
    public let rendering: String
    /// What is to be thought of it.
    public let verdict: Verdict
  }

  /// The globals in the order in which they were met.
  public private(set) var findings: [Finding] = []
  /// Pickles that could not be walked to their end, and files that could not be opened.
  public private(set) var problems: [CheckpointError] = []
  /// The number of pickles found.
  public private(set) var pickleCount = 0
  /// The files that were scanned.
  public private(set) var files: [String] = []

  /// The worst verdict; `allowed` if no global is named and nothing was left unread, `unknown` if something was.
  public var verdict: Verdict {
    if findings.contains(where: { $0.verdict == .dangerous }) { return .dangerous }
    let isClean = problems.isEmpty && !findings.contains { $0.verdict == .unknown }
    return isClean ? .allowed : .unknown
  }

  /// Scans a file, or all files of a directory.
  ///
  /// - Throws: `inputOutput` if the path leads nowhere; what is wrong with a file is among the
  ///   ``problems``.
  public init(
    _ path: String, limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) {
    guard try PathKind(path: path) == .directory else {
      scan(try SourceFile(path: path), limits)
      return
    }
    for name in try Directory.names(in: path) {
      let child = Directory.join(path, name)
      guard try PathKind(path: child) == .file else { continue }
      let file = try SourceFile(path: child)
      if CheckpointScan.mayHoldPickles(file, name) { scan(file, limits) }
    }
  }

  /// Among the files of a directory, what begins like a pickle or an archive, or is called like one. Nearly any text is
  /// the beginning of some pickle of protocol 0, so that everything else is left alone.
  private static func mayHoldPickles(_ file: SourceFile, _ name: String) -> Bool {
    let prefix = (try? file.bytes(at: 0, count: min(file.size, TorchContainer.prefixLength))) ?? []
    if TorchContainer.announced(by: prefix) != nil || prefix.first == 0x80 { return true }
    let endings = [".pkl", ".pickle", ".bin", ".pt", ".pth", ".ckpt", ".joblib"]
    return endings.contains { name.lowercased().hasSuffix($0) }
  }

  private mutating func scan(_ file: SourceFile, _ limits: ReadLimits) {
    files.append(file.path)
    // Text and the formats without pickles are not taken for pickles of protocol 0.
    switch try? FileContent(of: file) {
    case .safetensors, .hdf5, .json: return
    default: break
    }
    let scan = TorchScan(file, limits: limits)
    pickleCount += scan.pickles.count
    problems += scan.problems
    for pickle in scan.pickles {
      if let failure = pickle.failure { problems.append(failure) }
      for finding in pickle.findings {
        findings.append(
          Finding(
            file: file.path, member: pickle.member, offset: finding.finding.offset,
            opcode: "\(finding.finding.opcode)", use: finding.finding.use.rawValue,
            global: finding.finding.global?.description, rendering: finding.finding.rendering,
            verdict: Verdict(rawValue: finding.verdict.rawValue) ?? .unknown))
      }
    }
  }
}
