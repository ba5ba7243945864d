public import CheckpointBytes

/// What a pickle names and what it would have done with it, without doing any of it.
///
/// The walk is tolerant where the reader is strict: it goes on through operations that would fail, because Python runs
/// everything that comes before a fault. It stops where the bytes are no operation any more, and says so.
public struct PickleScan: Sendable {
  /// How a global is used.
  public enum Use: String, Sendable, Hashable, CaseIterable {
    /// It is imported and nothing more; importing runs the module.
    case named
    /// It is called (`REDUCE`).
    case called
    /// An instance of it is made (`NEWOBJ`, `NEWOBJ_EX`, `INST`, `OBJ`).
    case instantiated
    /// What it made is given a state (`BUILD`), which calls its `__setstate__`.
    case givenState
  }

  /// One global at one place of the pickle.
  public struct Finding: Sendable, Hashable {
    /// The global; nil where the pickle names it by an extension code or by values that are not known.
    public let global: GlobalName?
    /// The operation that names or uses it.
    public let opcode: Opcode
    /// The offset of that operation.
    public let offset: Int
    /// How it is used.
    public let use: Use
    /// The global with what it would have been given: `os.system('echo hi')`. Long values are shortened.
    public let rendering: String
  }

  /// The globals in the order of the operations: each once where it is named, and once more for each use.
  public private(set) var findings: [Finding] = []
  /// Why the walk ended before `STOP`, if it did.
  public private(set) var failure: ParseFailure?
  /// The offset of the first byte after the walk.
  public private(set) var end: Int

  /// Walks one pickle; the cursor ends behind `STOP`, or where the walk had to end.
  public init(walking cursor: inout ByteCursor) {
    var walk = PickleWalk()
    do throws(ParseFailure) {
      while try walk.step(&cursor) {}
    } catch {
      failure = error
    }
    findings = walk.findings
    end = cursor.offset
  }
}
