internal import CheckpointBytes
internal import HDF5Format
internal import PickleFormat
internal import SafetensorsFormat
internal import TorchFormat
internal import ZipFormat

/// A scan's way through one file: what it is, what lies in it, and so on inwards.
///
/// ```
/// content ─► ZIP, tar ─► members         compressed ─► what comes out       HDF5 ─► attributes, bytes beside the data
///         ─► pickles, legacy stream      .npy ─► header, pickle             JSON ─► Keras configuration
///         ─► GGUF, ONNX, SavedModel      text ─► JSON, YAML, templates, Python sources
///         ─► safetensors, images         anything else: searched for pickles, and said to be unknown
/// ```
///
/// Every content is either understood to its last byte or among the problems. Whatever it is, what a program would do that
/// takes it for a pickle is looked at, because names and signatures choose the loader, not the file.
struct ContentWalk {
  /// The deepest nesting of containers; real files have three (a `.keras` in a ZIP in a tar).
  static let maximumDepth = 8
  /// The most contents of one file: so many, and one for each so many bytes of it. A member of an archive takes 76 bytes
  /// and more, so that only archives in compressed archives hold more than that.
  static let mostContents = (least: 100_000, bytesForOne: 64)
  /// How many contents an archive in another counts for, which is copied before it is read.
  private static let innerArchiveCount = 10
  /// The most bytes of one content that are brought into memory, other than of a pickle by name or signature.
  static let contentBytes = 256 << 20
  /// The most bytes that all inflated members and streams of a file come to.
  static let inflatedBytes = 2 << 30
  /// The most operations of guesses whether bytes are a pickle: a few seconds, and so much for each byte of the file. A
  /// guess on other bytes ends after one or two, and one byte in fifty begins one.
  static let guessOperations = (least: 4_000_000, bytesForOne: 16)

  let limits: ReadLimits
  var findings: [CheckpointScan.Finding] = []
  var problems: [CheckpointError] = []
  var pickleCount = 0
  /// The files beside this one in which an ONNX model has elements.
  var elementFiles: Set<FileIdentity> = []
  /// That nothing tells what the file as a whole is, if so: true as long as no other file says it.
  private(set) var unknownKind: CheckpointError?

  var pending: [ScannedContent] = []
  var inflated = 0
  var operations = 0
  /// How many containers lie around what is being looked at.
  private(set) var depth = 0
  private var contentCount = 0
  private var isSearchCut = false

  init(limits: ReadLimits) { self.limits = limits }

  /// Looks at a content and everything inside it.
  mutating func run(on content: ScannedContent) {
    pending = [content]
    operations =
      ContentWalk.guessOperations.least
      + content.byteCount / ContentWalk.guessOperations.bytesForOne
    let most =
      ContentWalk.mostContents.least + content.byteCount / ContentWalk.mostContents.bytesForOne
    while let next = pending.popLast() {
      contentCount += 1
      guard contentCount <= most else {
        add(
          next.place.problem(
            .limitExceeded,
            "lies behind \(most) contents of the file; neither it nor what follows was looked into")
        )
        return
      }
      guard next.depth <= ContentWalk.maximumDepth else {
        add(
          next.place.problem(
            .limitExceeded,
            "lies in more than \(ContentWalk.maximumDepth) containers and was not looked into"))
        continue
      }
      let others = pending.count
      depth = next.depth
      do throws(CheckpointError) {
        if let content = try unpacked(next) { try examine(content) }
      } catch {
        add(next.place.problem(error))
      }
      // What was found inside is looked at before what comes behind, in its order.
      pending[others...].reverse()
    }
  }

  /// Counts an archive in another for what reading it takes.
  mutating func countInnerArchive() {
    if depth > 0 { contentCount += ContentWalk.innerArchiveCount }
  }

  /// Notes a problem, once.
  mutating func add(_ problem: CheckpointError) {
    guard problems.last?.description != problem.description else { return }
    problems.append(problem)
  }

  // MARK: What it is

  private mutating func examine(_ content: ScannedContent) throws(CheckpointError) {
    guard content.byteCount > 0 else { return }
    let prefix = try content.prefix(1_024)
    // The name of a tar archive's first member stands where others have their signature, or in a user block of HDF5.
    let isTar = TarListing.begins(prefix)
    if isTar { try examineTar(content) }
    if prefix.starts(with: [0x50, 0x4B]), try examineArchives(content, prefix) { return }
    var isKnown = true
    do throws(CheckpointError) {
      isKnown = try examineKnown(content, prefix, isTar: isTar)
    } catch {
      add(content.place.problem(error))
    }
    // Whatever it is, what looks for an archive from behind takes one that lies in it for the file.
    if isKnown { return isTar ? () : try examineTrailingArchive(content) }
    // Only what has no beginning of its own is an archive with something in front of it.
    if try examineArchives(content, prefix) { return }
    try examineRest(content, prefix)
  }

  /// Looks at a content that its first bytes or its name tell; false for any other.
  private mutating func examineKnown(
    _ content: ScannedContent, _ prefix: [UInt8], isTar: Bool
  ) throws(CheckpointError) -> Bool {
    guard let start = try CheckpointReader.hdf5Start(content.source, prefix) else {
      if isTar { return true }
      return try examineBeginning(content, prefix)
    }
    try examineHDF5(content)
    // A user block in front of it is what its own first bytes say, to whoever does not look behind it.
    if start > 0, !isTar {
      guard try !examineBeginning(content, prefix) else { return true }
      var block = try content.part(0..<start)
      block.isFragment = true
      try examineRest(block, prefix)
    }
    return true
  }

  /// Looks at a content that its first bytes or its name tell to be no container of others; false for any other.
  private mutating func examineBeginning(
    _ content: ScannedContent, _ prefix: [UInt8]
  ) throws(CheckpointError) -> Bool {
    if SafetensorsHeader.recognises(prefix: prefix, fileSize: content.byteCount) {
      try examineSafetensors(content)
    } else if NumpyHeader.begins(prefix) {
      try examineArray(content)
    } else if try examineStream(content, prefix) {
      return true
    } else if GGUFHeader.begins(prefix) {
      try examineGGUF(content)
    } else if try examineImage(content, prefix) {
      return true
    } else if TorchContainer.announced(by: prefix) == .legacyStream {
      try examineLegacyStream(content)
    } else if ContentWalk.isPickle(prefix, name: content.name) {
      try examinePickles(content)
    } else {
      return try examineGraph(content, prefix)
    }
    return true
  }

  private mutating func examineSafetensors(
    _ content: ScannedContent
  ) throws(CheckpointError) {
    // Eight bytes of a length can be the beginning of a pickle, too.
    try guessBeginning(of: content)
    let header = try SafetensorsHeader(reading: content.file(), limits: limits)
    for (key, value) in header.metadata ?? [] { examineNote(value, key.string, content.place) }
    for tensor in header.tensors where TorchStorages.isExtraState(tensor.name.string) {
      let (start, end) = (tensor.range.lowerBound, tensor.range.upperBound)
      let bytes = try content.part((header.dataOffset + start)..<(header.dataOffset + end)).source
      pending.append(content.member(tensor.name.string, bytes, isFragment: true))
    }
  }

  /// What no signature tells: text, numbers of a storage that nothing refers to, files of other programs.
  mutating func examineRest(
    _ content: ScannedContent, _ prefix: [UInt8]
  ) throws(CheckpointError) {
    let limit = ContentWalk.contentBytes
    let bytes = try content.source.bytes(at: 0, count: min(limit, content.byteCount))
    if try guessPickles(bytes, content) { return }
    if bytes.count == content.byteCount {
      if bytes.allSatisfy({ $0 == 0 }) { return }
      if ContentWalk.isText(bytes) { return examineText(bytes, content) }
    }
    search(bytes, content)
    guard !content.isFragment else { return }
    let kind = ForeignContent(prefix: prefix)
    let problem = content.place.problem(
      .unsupported, field: "content",
      kind.description + (content.place.base > 0 ? " behind what was read" : ""))
    if kind == .unknown, content.depth == 0, content.place.base == 0 { unknownKind = problem }
    add(problem)
  }

  /// Words that make a note look like a program.
  private static let codeWords = [
    "<script", "import os", "import subprocess", "__import__", "os.system", "subprocess.", "eval(",
    "exec(", "rm -rf",
  ]

  /// A text of a file's metadata, which no reader runs; a page that shows it might.
  private mutating func examineNote(
    _ text: String, _ key: String, _ place: ScannedContent.Place
  ) {
    let bytes = Array(text.utf8)
    guard let word = ContentWalk.codeWords.first(where: { bytes.index(of: Array($0.utf8)) != nil })
    else { return }
    report(
      code: "\(quoted(word)) in the metadata \(quoted(key))",
      (.unknown, "looks like code where there should be a note"), at: place)
  }

  /// UTF-8 without control characters other than those of lines. Vocabularies hold the character 127, too.
  static func isText(_ bytes: [UInt8]) -> Bool {
    bytes.allSatisfy {
      $0 >= 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0C || $0 == 0x0D
    }
      && String(validating: bytes, as: UTF8.self) != nil
  }

  // MARK: Findings

  /// Notes code that is no pickle.
  mutating func report(
    code: String, global: GlobalName? = nil,
    _ verdict: (level: CheckpointScan.Verdict, reason: String), at place: ScannedContent.Place
  ) {
    findings.append(
      CheckpointScan.Finding(
        file: place.file, member: place.member, offset: nil, opcode: nil, use: "holdsCode",
        global: global?.description, rendering: code, verdict: verdict.level,
        reason: verdict.reason))
  }

  /// Notes a global that is imported and called by whoever follows a configuration.
  mutating func report(importOf global: GlobalName, _ words: String, at place: ScannedContent.Place)
  {
    let verdict = GlobalVerdict(onImportOf: global)
    report(
      code: singleLine(global.description + words), global: global,
      (CheckpointScan.Verdict(verdict.level), verdict.reason), at: place)
  }

  /// Notes that guessing came to its end before the bytes did.
  mutating func noteCutSearch(_ content: ScannedContent) {
    guard !isSearchCut else { return }
    isSearchCut = true
    add(
      content.place.problem(
        .limitExceeded, field: "content", "holds too many beginnings of pickles to follow them all")
    )
  }
}
