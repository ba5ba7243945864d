internal import CheckpointBytes

/// The members of a tar archive and where they lie in the file. Nothing is extracted, and names are never paths.
///
/// Regular members only: links, devices and directories are passed over and noted, as PyTorch never wrote any.
struct TarArchive {
  let file: SourceFile
  /// The members' bytes, by name.
  private(set) var members: [ExactName: Range<Int>] = [:]
  /// The first member that is no regular file.
  private(set) var irregularity: CheckpointError?

  init(_ file: SourceFile, limits: ReadLimits) throws(CheckpointError) {
    self.file = file
    let listing = TarListing(file, limits: limits)
    for entry in listing.entries {
      guard entry.isRegular else {
        irregularity =
          irregularity
          ?? listing.failure(
            .unsupported, entry.offset,
            "member \(quoted(entry.name)) is no regular file (type \(entry.type))")
        continue
      }
      try add(entry, listing, limits)
    }
    if let failure = listing.failure { throw failure }
  }

  private mutating func add(
    _ entry: TarListing.Entry, _ listing: TarListing, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let name = ExactName(entry.name)
    guard name.byteCount <= limits.nameBytes else {
      throw listing.failure(
        .limitExceeded, entry.offset, "a name has more than \(limits.nameBytes) bytes")
    }
    guard members.updateValue(entry.range, forKey: name) == nil else {
      throw listing.failure(
        .malformed, entry.offset, "member \(quoted(name.string)) occurs twice")
    }
  }
}
