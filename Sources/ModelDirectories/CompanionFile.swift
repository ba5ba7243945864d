public import CheckpointBytes
public import Checkpoints
public import LayoutRules

/// A file that belongs beside the weights in a model directory: configuration, tokenizer, documentation.
public struct CompanionFile: Sendable {
  /// Where its bytes come from.
  public enum Content: Sendable {
    /// A file of the source directory, byte for byte.
    case copy(of: String, byteCount: Int)
    /// Text made for the destination.
    case bytes([UInt8])

    /// The bytes of settings or of a vocabulary.
    ///
    /// - Throws: What ``SourceFile/documentBytes(_:)`` throws.
    package func bytes(_ limits: ReadLimits) throws(CheckpointError) -> [UInt8] {
      switch self {
      case .copy(let location, _): try SourceFile(path: location).documentBytes(limits)
      case .bytes(let bytes): bytes
      }
    }
  }

  /// Its path in the directory: `config.json`, `assets/tokenizer/vocabulary.txt`.
  public let path: String
  /// Where its bytes come from.
  public let content: Content
  /// What is changed against the source, in words; nil for a copy.
  public let note: String?

  /// Makes a file of its parts.
  public init(path: String, content: Content, note: String? = nil) {
    self.path = path
    self.content = content
    self.note = note
  }

  /// Its size in bytes.
  public var byteCount: Int {
    switch content {
    case .copy(_, let count): count
    case .bytes(let bytes): bytes.count
    }
  }
}

/// All files that a conversion puts beside the weights. Nothing has been written.
public struct CompanionPlan: Sendable {
  /// The files, ordered by path.
  public package(set) var files: [CompanionFile] = []
  /// What is said of them.
  package internal(set) var remarks = Remarks()
  /// What the destination does not get, and why: stale weights in other formats, what the other framework has no place
  /// for.
  public var omissions: [Omission] { remarks.omissions }
  /// What was changed or assumed.
  public var notes: [Wording] { remarks.notes }

  /// Settings that the destination's framework computes with a constant of its own.
  public internal(set) var losses: [SettingLoss] = []

  package init() {}

  /// The bytes that would be written to a file; nil if there is none.
  ///
  /// - Throws: What ``CompanionFile/Content/bytes(_:)`` throws.
  package func bytes(_ path: String, _ limits: ReadLimits) throws(CheckpointError) -> [UInt8]? {
    try files.first { $0.path == path }?.content.bytes(limits)
  }

  /// Adds a file in place of one with the same path.
  mutating func put(_ file: CompanionFile) {
    files.removeAll { $0.path == file.path }
    files.append(file)
    if let note = file.note { remarks.note("\(file.path): \(note)") }
  }

  mutating func put(_ path: String, _ value: JSONValue, note: String) {
    let text = JSONWriter.text(value, style: .indented) + "\n"
    put(CompanionFile(path: path, content: .bytes(Array(text.utf8)), note: note))
  }

  mutating func sort() {
    files.sort { ExactName($0.path) < ExactName($1.path) }
  }
}

extension [SettingLoss] {
  /// Refuses the first loss that changes outputs and is not allowed by name.
  package func check(mayLose: [NamePattern], layout: Layout) throws(CheckpointError) {
    for loss in self {
      guard let key = loss.key, !mayLose.contains(where: { $0.matches(key) }) else { continue }
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: key.string),
        "outputs would differ: \(loss.setting) has no place in the layout \(layout.rawValue): \(loss.reason)",
        remedy: "\(remedy: .acceptSetting(key.string)) accepts that")
    }
  }
}
