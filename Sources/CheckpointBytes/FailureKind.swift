/// Why something could not be read or written. The kinds stay apart, because their remedies do.
public enum FailureKind: String, Sendable, Hashable, CaseIterable {
  /// The file ends before what it announces.
  case truncated
  /// The bytes break a rule of their format.
  case malformed
  /// Legal, perhaps, but beyond a stated limit of this reader.
  case limitExceeded
  /// Valid, and not implemented.
  case unsupported
  /// Refused for safety: a pickle names a global outside the allow-list, a file points at another file.
  case forbidden
  /// A file, member or tensor that should be there is not.
  case notFound
  /// Two things that should agree by value do not: a shape, a dtype, a checksum, a verification.
  case mismatch
  /// The parts of a checkpoint contradict each other, or a request contradicts the checkpoint.
  case inconsistent
  /// The operating system refused.
  case inputOutput
  /// The task that asked for the work was cancelled (`Task.cancel()`); what was begun is gone.
  case cancelled
}

/// A failure below the level of files: what is wrong, at which byte of the buffer being read.
///
/// Formats turn it into a ``CheckpointError`` by adding the file and the member.
package struct ParseFailure: Error, Sendable {
  /// See ``CheckpointError``.
  private struct Parts {
    var kind: FailureKind
    var offset: Int?
    var field: String
    var tensor: String?
    var problem: String
    var remedy: Wording?
  }

  private var shared: Shared<Parts>
  private var parts: Parts {
    get { shared.value }
    set { shared = Shared(newValue) }
  }

  /// What kind of failure it is.
  package var kind: FailureKind { parts.kind }
  /// The position in the buffer or file being read, in bytes.
  package var offset: Int? { parts.offset }
  /// What was being read, in the words of the specification.
  package var field: String { parts.field }
  /// The tensor it concerns, where the bytes name one.
  package var tensor: String? {
    get { parts.tensor }
    set { parts.tensor = newValue }
  }
  /// What is wrong: expected against found.
  package var problem: String { parts.problem }
  /// What the user can do about it.
  package var remedy: Wording? {
    get { parts.remedy }
    set { parts.remedy = newValue }
  }

  /// Makes a failure of its parts.
  package init(
    _ kind: FailureKind, at offset: Int? = nil, _ field: String, tensor: String? = nil,
    _ problem: String, remedy: Wording? = nil
  ) {
    shared = Shared(
      Parts(
        kind: kind, offset: offset, field: field, tensor: tensor, problem: problem, remedy: remedy))
  }
}

extension ParseFailure: Equatable {
  /// Equal in kind, place and tensor; the wording is free to change.
  package static func == (left: ParseFailure, right: ParseFailure) -> Bool {
    left.kind == right.kind && left.offset == right.offset && left.field == right.field
      && left.tensor == right.tensor
  }
}
