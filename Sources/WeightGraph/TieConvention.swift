package import CheckpointBytes

/// Which entries of a safetensors file's metadata say that a weight has a second name.
///
/// `safetensors.torch.save_model` (0.8.0) leaves out all names of a tensor but one, and sets `metadata[left out] = kept`, among
/// whatever else the metadata says: `{"epoch": "1"}` beside a tensor `1` has the same form. Both names of a tie are paths of
/// parameters in one module, and nearly always of one kind (`lm_head.weight`, `wte.weight`), which tells them apart: an entry
/// is a tie if its key is no stored tensor, its value is one, and
///
/// - both names end alike behind a dot, or
/// - both have dots, and the left-out one begins as a stored name does: it lies in the same module, or
/// - neither has one, and the metadata is what `save_model` writes by itself: nothing but such entries, of which the kept name
///   comes first in byte order, and no number is the name of a word.
///
/// Everything else is metadata. Ties with other names are written with a list of them (``FactNames/ties``).
package struct TieConvention {
  /// What stored names with dots begin with.
  private let roots: Set<ExactName>
  /// True if a file's metadata has the form of ties throughout.
  package var isNothingElse = false

  package init(storedNames: some Sequence<ExactName>) {
    roots = Set(storedNames.lazy.compactMap { $0.parts?.root })
  }

  /// True if metadata that gives one name as the key and another as the value states a tie.
  package func tells(_ leftOut: ExactName, isTiedTo kept: ExactName) -> Bool {
    let (first, second) = (leftOut.parts, kept.parts)
    if (first?.end ?? leftOut) == (second?.end ?? kept) { return leftOut != kept }
    if first == nil, second == nil {
      return isNothingElse && kept < leftOut && leftOut.isNumber == kept.isNumber
    }
    guard let first, second != nil else { return false }
    return roots.contains(first.root)
  }
}

extension ExactName {
  fileprivate var isNumber: Bool { string.utf8.allSatisfy { (0x30...0x39).contains($0) } }

  /// What stands before the first dot and behind the last; nil without a dot.
  fileprivate var parts: (root: ExactName, end: ExactName)? {
    let bytes = string.utf8
    let dot = UInt8(ascii: ".")
    guard let first = bytes.firstIndex(of: dot), let last = bytes.lastIndex(of: dot) else {
      return nil
    }
    return (
      ExactName(String(string[..<first])), ExactName(String(string[bytes.index(after: last)...]))
    )
  }
}
