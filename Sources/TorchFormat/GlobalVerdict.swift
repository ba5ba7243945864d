package import PickleFormat

/// What is to be thought of a global that a pickle names, and of what the pickle would have done with it.
package struct GlobalVerdict: Sendable, Hashable {
  /// How bad it is.
  package enum Level: String, Sendable, Hashable, CaseIterable {
    /// Known as data: the reader decodes it by structure.
    case safe
    /// Not known: the reader refuses it.
    case unknown
    /// Known to run programs, open files or connections, or load code.
    case dangerous
  }

  /// How bad it is.
  package let level: Level
  /// Why, in words that follow the global's name.
  package let reason: String

  /// The verdict on a global and its use; one that has no name is unknown.
  package init(on finding: PickleScan.Finding) {
    guard let global = finding.global else {
      self.init(.unknown, "has no name in the file")
      return
    }
    let danger = DangerousGlobals.reason(of: global)
    switch AllowedGlobals.role(of: global) {
    case .named?, .storage?, .dtype?, .numpy(.array)?:
      if finding.use == .named {
        // What calls it need not be an operation of the pickle.
        if danger == nil {
          self.init(.safe, "is data by its name alone")
        } else {
          self.init(.unknown, "is data by its name alone, but opens a file once something calls it")
        }
      } else if let danger {
        self.init(.dangerous, danger)
      } else {
        self.init(.unknown, "is data as a name, and no loader knows what calling it does")
      }
    case .attributesAlone? where finding.callsInitialiser:
      self.init(
        .unknown, "is data by its attributes, but opens files or connections once it is called")
    case .some: self.init(.safe, "is decoded by its structure")
    case nil:
      if AllowedGlobals.isScriptClass(global) {
        self.init(.safe, "is a class of the archive's own TorchScript")
      } else if DistributedMetadata.contains(global) {
        self.init(.safe, "describes parts of a distributed checkpoint")
      } else if DangerousGlobals.isHarmless(global) {
        self.init(.safe, "describes an array, which is looked at as well")
      } else if let danger {
        self.init(.dangerous, danger)
      } else {
        self.init(.unknown, "is no known class of data")
      }
    }
  }

  /// The verdict on a global that a configuration names, to be imported and called; nothing is known as data there.
  package init(onImportOf global: GlobalName) {
    if let danger = DangerousGlobals.reason(of: global) {
      self.init(.dangerous, danger)
    } else {
      self.init(.unknown, "is imported and called by whoever builds the model")
    }
  }

  private init(_ level: Level, _ reason: String) {
    self.level = level
    self.reason = reason
  }
}

extension PickleScan.Finding {
  /// True where Python runs `__init__`; `NEWOBJ` and `NEWOBJ_EX` run `__new__` alone.
  fileprivate var callsInitialiser: Bool {
    use == .called || use == .instantiated && (opcode == .inst || opcode == .obj)
  }
}
