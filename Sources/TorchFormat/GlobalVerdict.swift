package import PickleFormat

/// What is to be thought of a global that a pickle names, and of what the pickle would have done with it.
package enum GlobalVerdict: String, Sendable, Hashable, CaseIterable {
  /// Known as data: the reader decodes it by structure.
  case allowed
  /// Not known: the reader refuses it.
  case unknown
  /// Known to run programs, open files or connections, or load code.
  case dangerous

  /// The verdict on a global and its use; one that has no name is unknown.
  package init(on finding: PickleScan.Finding) {
    guard let global = finding.global else {
      self = .unknown
      return
    }
    switch AllowedGlobals.role(of: global) {
    case .named?, .storage?, .dtype?, .numpy(.array)?:
      self =
        finding.use == .named
        ? .allowed : DangerousGlobals.contains(global) ? .dangerous : .unknown
    case .some: self = .allowed
    case nil:
      let isData =
        AllowedGlobals.isScriptClass(global) || DistributedMetadata.contains(global)
      self = isData ? .allowed : DangerousGlobals.contains(global) ? .dangerous : .unknown
    }
  }

  /// The verdict on a global that a configuration names, to be imported and called; nothing is known as data there.
  package init(onImportOf global: GlobalName) {
    self = DangerousGlobals.contains(global) ? .dangerous : .unknown
  }
}
