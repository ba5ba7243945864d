/// What went wrong with a checkpoint: one kind, one place, one cause.
///
/// Equality is on kind, site and tensor, never on wording. ``description`` is the one line that a person reads.
public struct CheckpointError: Error, Sendable {
  /// Where in a checkpoint.
  public struct Site: Sendable, Hashable {
    /// The path of the file, as it was given.
    public var file: String?
    /// The archive member or the HDF5 path.
    public var member: String?
    /// The byte offset: in the member if there is one, otherwise in the file.
    public var offset: Int?
    /// What was being read, in the words of the format's specification.
    public var field: String?

    /// Makes a site of its parts.
    public init(
      file: String? = nil, member: String? = nil, offset: Int? = nil, field: String? = nil
    ) {
      self.file = file
      self.member = member
      self.offset = offset
      self.field = field
    }
  }

  /// What goes from function to function is one reference to all parts: code that passes an error on is as short as it can be.
  private struct Parts {
    var kind: FailureKind
    var site: Site
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
  public var kind: FailureKind {
    get { parts.kind }
    set { parts.kind = newValue }
  }
  /// Where it happened.
  public var site: Site {
    get { parts.site }
    set { parts.site = newValue }
  }
  /// The tensor it concerns.
  public var tensor: String? {
    get { parts.tensor }
    set { parts.tensor = newValue }
  }
  /// What is wrong: expected against found.
  public var problem: String {
    get { parts.problem }
    set { parts.problem = newValue }
  }
  /// What the user can do about it.
  public var remedy: Wording? {
    get { parts.remedy }
    set { parts.remedy = newValue }
  }

  /// Makes an error of its parts.
  public init(
    _ kind: FailureKind, _ site: Site, tensor: String? = nil, _ problem: String,
    remedy: Wording? = nil
  ) {
    shared = Shared(
      Parts(kind: kind, site: site, tensor: tensor, problem: problem, remedy: remedy))
  }

  /// An error about a whole file, or with a place that its catcher adds.
  public init(
    _ kind: FailureKind, file: String? = nil, member: String? = nil, offset: Int? = nil,
    field: String? = nil, tensor: String? = nil, _ problem: String, remedy: Wording? = nil
  ) {
    self.init(
      kind, Site(file: file, member: member, offset: offset, field: field), tensor: tensor,
      problem, remedy: remedy)
  }
}

extension CheckpointError {
  /// The error with its file: for what is found before it is known which file it is, or under another path.
  public func inFile(_ path: String) -> CheckpointError {
    var error = self
    error.site.file = path
    return error
  }

  /// The error with the tensor it concerns, unless it names one.
  public func about(_ name: ExactName) -> CheckpointError {
    var error = self
    error.tensor = tensor ?? name.string
    return error
  }
}

extension CheckpointError: Hashable {
  /// Equal in kind, site and tensor; the wording is free to change.
  public static func == (left: CheckpointError, right: CheckpointError) -> Bool {
    left.kind == right.kind && left.site == right.site && left.tensor == right.tensor
  }

  /// Of kind, site and tensor.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(kind)
    hasher.combine(site)
    hasher.combine(tensor)
  }
}

extension ParseFailure {
  /// The failure with its place in a checkpoint added; the tensor too, unless the failure names one itself.
  package func located(
    file: String, member: String? = nil, base: Int = 0, tensor: String? = nil
  ) -> CheckpointError {
    CheckpointError(
      kind,
      CheckpointError.Site(
        file: file, member: member, offset: offset.map { $0 + base }, field: field),
      tensor: self.tensor ?? tensor, problem, remedy: remedy)
  }
}

/// Runs a parser and adds the place to whatever it throws.
package func locating<Result: ~Copyable>(
  file: String, member: String? = nil, base: Int = 0, tensor: String? = nil,
  _ body: () throws(ParseFailure) -> Result
) throws(CheckpointError) -> Result {
  do {
    return try body()
  } catch {
    throw error.located(file: file, member: member, base: base, tensor: tensor)
  }
}
