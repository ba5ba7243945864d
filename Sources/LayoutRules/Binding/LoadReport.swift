public import CheckpointBytes

/// What became of every name of both sides: the checkpoint's and the model's. Each is in one entry.
public struct LoadReport: Sendable {
  /// What became of a name.
  public enum Outcome: String, Sendable, Hashable, CaseIterable {
    case kept
    case renamed
    case transposed
    case reshaped
    /// One weight of the checkpoint is several parameters.
    case split
    /// Several weights of the checkpoint are one parameter.
    case merged
    /// Rows of it are left out, since the layout written does not hold them.
    case sliced
    /// The checkpoint has no bytes of its own for it: it is another parameter.
    case tied
    /// The checkpoint holds the weight a second time; the caller compares the bytes.
    case repeated
    /// Known to be no parameter, with the reason.
    case dropped
    /// The layout does not hold it, or not whole: it is zeros by definition, or zeros were asked for.
    case filled
    case missing
    case unexpected
    case misshaped
    /// Two names of the checkpoint are one parameter.
    case claimedTwice
  }

  /// One line of the report.
  public struct Entry: Sendable, Hashable {
    /// What happened.
    public var outcome: Outcome
    /// The names in the checkpoint, none if it is missing there.
    public var stored: [ExactName]
    /// The canonical names, none if there is no parameter.
    public var parameters: [ExactName]
    /// The rule, as its table has it.
    public var rule: String?
    /// The reason, or expected against found.
    public var detail: String?
    /// Of what is missing, the name that was looked for first.
    public var expected: ExactName?
    /// Of what is missing, the unexpected name of the same shape that is nearest.
    public var suggestion: ExactName?
    /// What helps, if that is known of the name itself and not the caller's choice.
    public var remedy: String?
    /// True of what is missing because the layout does not hold it, and is zeros where that is asked for
    /// (``FillPolicy``).
    public var isFillable = false
  }

  /// The entries: parameters in the model's order, then what is left of the checkpoint in its own.
  public internal(set) var entries: [Entry] = []

  /// What is odd about the checkpoint as a whole, a sentence each: layers that are missing, counted from 1, or there
  /// under two spellings.
  public internal(set) var remarks: [String] = []

  /// The entries that keep a model from being loaded.
  public var problems: [Entry] {
    entries.filter { $0.outcome.isProblem }
  }

  /// What became zeros, a sentence for each parameter.
  public var notesOfFilled: [String] {
    entries.filter { $0.outcome == .filled }.flatMap { entry in
      entry.parameters.map {
        "\(quoted($0.string)) is zeros where the source has nothing: \(entry.detail ?? "")"
      }
    }
  }

  /// Throws the first problem that is not allowed, and says how many there are.
  ///
  /// - Parameters:
  ///   - mayMiss: The parameters that may be left out of the model.
  ///   - mayIgnore: The names of the checkpoint that may be left aside.
  ///   - remedy: What helps against a problem, in the caller's own terms; by itself the name that may be meant.
  /// - Throws: `notFound` for a missing parameter, `mismatch` for a shape, `inconsistent` for the rest.
  public func check(
    mayMiss: (ExactName) -> Bool = { _ in false }, mayIgnore: (ExactName) -> Bool = { _ in false },
    remedy: ((Entry) -> Wording?)? = nil
  ) throws(CheckpointError) {
    let refused = problems.filter { entry in
      switch entry.outcome {
      case .missing: !entry.parameters.allSatisfy(mayMiss)
      case .unexpected: !entry.stored.allSatisfy(mayIgnore)
      // Beside the name that is taken.
      case .claimedTwice where entry.parameters.isEmpty: !entry.stored.allSatisfy(mayIgnore)
      default: true
      }
    }
    // One that has an explanation explains others beside it.
    guard let first = refused.first(where: { $0.remedy != nil }) ?? refused.first else { return }
    let suggested = first.suggestion.map { Wording("did you mean \(quoted($0.string))?") }
    let kind: FailureKind =
      switch first.outcome {
      case .missing: .notFound
      case .misshaped: .mismatch
      default: .inconsistent
      }
    var problem = first.outcome == .claimedTwice ? "there twice" : first.outcome.rawValue
    if let detail = first.detail { problem += ": " + detail }
    if !remarks.isEmpty { problem = remarks.joined(separator: "; ") + "; " + problem }
    if refused.count > 1 { problem += "; and \(refused.count - 1) more" }
    throw CheckpointError(
      kind,
      tensor: (first.outcome == .missing ? first.parameters : first.stored).first?.string,
      problem, remedy: first.remedy.map { Wording($0) } ?? remedy.map { $0(first) } ?? suggested)
  }
}

extension LoadReport {
  /// The report of a smaller model: what is no parameter of it is left aside.
  ///
  /// - Parameters:
  ///   - architecture: The architecture that is meant.
  ///   - reason: Why it is left aside.
  public func restricted(to architecture: ModelArchitecture, reason: String) -> LoadReport {
    let parameters = Set(architecture.parameters.map(\.name))
    var report = self
    report.entries = entries.map { entry in
      guard !entry.parameters.isEmpty, !entry.parameters.contains(where: parameters.contains)
      else { return entry }
      return Entry(outcome: .dropped, stored: entry.stored, parameters: [], detail: reason)
    }
    return report
  }
}

extension LoadReport.Outcome {
  /// True for what is an error unless it is allowed.
  public var isProblem: Bool {
    switch self {
    case .missing, .unexpected, .misshaped, .claimedTwice: true
    default: false
    }
  }
}
