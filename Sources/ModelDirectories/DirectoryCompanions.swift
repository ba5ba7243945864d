public import CheckpointBytes
package import Checkpoints
public import LayoutRules
internal import ModelFamilies
public import TensorValues

/// The files beside the weights of a source: what is read of them once, and planned for any destination.
///
/// A framework loads a directory, not a file of weights. Between directories everything that holds no weights goes along,
/// byte for byte; what the destination's framework reads otherwise is put into its form.
public struct DirectoryCompanions: Sendable {
  let directory: ModelDirectory?
  /// The file of the weights that may hold a configuration of its own.
  private let archive: String?
  package let limits: ReadLimits
  /// Weights that were not read, links, hidden files: no destination gets them.
  let omissions: [Omission]

  /// The companions of a source.
  ///
  /// A directory is taken whole. Beside a file only what Transformers or KerasHub read by name belongs to it: who knows
  /// what else lies there.
  /// - Parameters:
  ///   - source: The directory or file; nil for a model that was made in memory.
  ///   - weights: The files that hold the weights that are converted.
  ///   - destination: A directory that may lie inside the source and is no part of it.
  ///   - limits: What reading takes at most.
  ///   - followsLinks: True if a link may lead out of the directory: where a model runs, its settings are read wherever they
  ///     lie, as its weights are. What is copied is never taken from elsewhere unasked.
  /// - Throws: `inputOutput` if something cannot be read, `limitExceeded` for too many files.
  public init(
    _ source: String?, weights: [String] = [], destination: String? = nil,
    limits: ReadLimits = ReadLimits(), followsLinks: Bool = false
  ) throws(CheckpointError) {
    self.limits = limits
    archive = weights.first ?? source
    guard let source = try source.map(HubCache.located) else {
      directory = nil
      omissions = []
      return
    }
    let isWhole = try PathKind(path: source) == .directory
    let parent = splitPath(source).directory
    let directory = try ModelDirectory(
      isWhole ? source : parent.isEmpty ? "." : parent,
      excluding: destination.flatMap { Directory.identity(of: $0) },
      only: isWhole ? nil : CompanionConversion.knownFiles, followsLinks: followsLinks)
    let read = Set(weights.map { ExactName("file " + quoted(relative($0, to: directory.path))) })
    self.directory = directory
    omissions = directory.omissions.filter { !read.contains(ExactName($0.item)) }
  }

  /// Files that are given, for a model that is in memory.
  ///
  /// - Parameters:
  ///   - files: All of them: those that the model was opened with, as they are to go along, and its settings.
  ///   - name: What stands for a directory in errors.
  ///   - omissions: What does not go along.
  package init(
    files: [CompanionFile], named name: String, omissions: [Omission] = [],
    limits: ReadLimits = ReadLimits()
  ) {
    self.limits = limits
    archive = nil
    directory = ModelDirectory(name, files: files)
    self.omissions = omissions
  }

  /// What `config.json` says, in either form, with KerasHub's `task.json`; nil if there is no such file. A `.keras` archive
  /// has its own inside, which counts if it is one of KerasHub's.
  ///
  /// - Parameter family: The family where the file names none.
  /// - Throws: what `ModelConfiguration` throws: `unsupported` for another kind of model, `malformed`…
  public func configuration(
    family: @autoclosure () -> ModelFamily? = nil
  ) throws(CheckpointError) -> ModelConfiguration? {
    if let archive, let inside = try KerasArchive.configuration(in: archive, limits: limits) {
      return inside
    }
    guard let directory, let bytes = try directory.bytes("config.json", limits) else { return nil }
    let task = try directory.bytes("task.json", limits).map {
      (bytes: $0, file: Directory.join(directory.path, "task.json"))
    }
    return try ModelConfiguration(
      parsing: bytes, file: Directory.join(directory.path, "config.json"), task: task,
      family: family())
  }

  /// `config.json` as it is; nil if there is none.
  package func settings() throws(CheckpointError) -> JSONValue? {
    try directory?.json("config.json", limits)
  }

  /// The same with another `config.json`.
  package func replacing(settings document: JSONValue) -> DirectoryCompanions {
    let text = JSONWriter.text(document, style: .indented) + "\n"
    return DirectoryCompanions(
      directory: directory?.replacing("config.json", with: Array(text.utf8)), archive: archive,
      limits: limits, omissions: omissions)
  }

  private init(
    directory: ModelDirectory?, archive: String?, limits: ReadLimits, omissions: [Omission]
  ) {
    self.directory = directory
    self.archive = archive
    self.limits = limits
    self.omissions = omissions
  }

  /// Plans the files beside the weights of a destination.
  ///
  /// - Parameters:
  ///   - layout: The destination's; nil keeps every name and every file as it is.
  ///   - architecture: What the weights were recognised as; the configuration is compared with it, and written from it
  ///     where there is none.
  ///   - attentionHeads: Their number, where the caller knows it.
  ///   - dtype: The type that float weights are cast to, if they are.
  /// - Throws: what the configuration throws, `inconsistent` if it contradicts the weights, `unsupported` for settings
  ///   that the destination's framework cannot compute.
  public func plan(
    for layout: Layout?, of architecture: ModelArchitecture?, attentionHeads: Int? = nil,
    dtype: DType? = nil
  ) throws(CheckpointError) -> CompanionPlan {
    var plan = CompanionPlan()
    plan.remarks.omissions = omissions
    guard let layout, let architecture else {
      copyAll(into: &plan)
      try setType(dtype, in: &plan)
      plan.sort()
      return plan
    }
    let configuration = try known(for: layout, architecture.family, &plan)
    if let configuration { plan.remarks.note(try configuration.check(against: architecture)) }
    let job = CompanionConversion(
      directory: directory, configuration: configuration, architecture: architecture,
      attentionHeads: attentionHeads, limits: limits)
    switch (layout, configuration?.convention) {
    case (.kerasHub, .kerasHub): copyAll(into: &plan)
    case (.kerasHub, _): try job.toKerasHub(&plan)
    case (.transformers, .kerasHub), (.tensorFlow, .kerasHub): try job.fromKerasHub(&plan)
    case (.transformers, _), (.tensorFlow, _):
      copyAll(into: &plan)
      try job.addConfiguration(&plan)
      try setType(dtype, in: &plan)
      if layout == .tensorFlow { try job.toOlderTransformers(&plan) }
    default: copyAll(into: &plan)
    }
    plan.sort()
    return plan
  }

  /// The configuration, as far as it is known: of another kind of model the files go along unread.
  private func known(
    for layout: Layout, _ family: ModelFamily, _ plan: inout CompanionPlan
  ) throws(CheckpointError) -> ModelConfiguration? {
    do {
      return try configuration(family: family)
    } catch {
      guard error.kind == .unsupported, layout == .transformers || layout == .tensorFlow else {
        throw error
      }
      plan.remarks.note("config.json was not compared with the weights: \(error.problem)")
      return nil
    }
  }

  private func copyAll(into plan: inout CompanionPlan) {
    for entry in directory?.entries ?? [] {
      plan.put(
        CompanionFile(
          path: entry.path, content: entry.content, note: nil))
    }
  }

  /// Transformers 5 loads weights in the type that the configuration names.
  private func setType(_ dtype: DType?, in plan: inout CompanionPlan) throws(CheckpointError) {
    guard let dtype, let name = dtype.torchName,
      let changed = try settings()?.stating(weights: dtype)
    else { return }
    plan.put("config.json", changed, note: "dtype is \(name), as the weights are")
  }
}

/// A path below a directory, as the directory lists it.
private func relative(_ path: String, to directory: String) -> String {
  let prefix = Directory.join(directory, "")
  return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
}

extension DType {
  /// The name in Transformers' configurations, of the types that weights are cast to.
  fileprivate var torchName: String? {
    switch self {
    case .f64: "float64"
    case .f32: "float32"
    case .f16: "float16"
    case .bf16: "bfloat16"
    default: nil
    }
  }
}

extension JSONValue {
  /// Settings that state the type of the weights where they state another one; nil where they state none, or this one.
  package func stating(weights dtype: DType) -> JSONValue? {
    guard let name = dtype.torchName else { return nil }
    let keys: [ExactName] = ["dtype", "torch_dtype"]
    let value = JSONValue.string(name)
    guard keys.contains(where: { self[$0]?.string != nil && self[$0] != value }) else { return nil }
    return mapMembers { member in
      let isStated = keys.contains(member.key) && member.value.string != nil
      return isStated ? JSONValue.Member(member.key, value) : member
    }
  }

  /// The object with its members changed or, where nil comes back, left out; another value as it is.
  func mapMembers(_ change: (Member) -> Member?) -> JSONValue {
    guard let members else { return self }
    return .object(members.compactMap(change))
  }
}
