internal import CheckpointBytes
internal import PickleFormat

/// A child's part in the names of tensors below it.
enum TreeStep {
  /// None: the parent's path.
  case stay
  /// A key or an index.
  case key(String)
  /// A key that cannot be part of a name, and what it is.
  case unnameable(String)
}

/// Where a value stands.
enum TreePath: CustomStringConvertible {
  case root
  case named(String)
  case unnameable(String)

  func extended(by step: TreeStep) -> TreePath {
    switch (self, step) {
    case (_, .stay): self
    case (.unnameable, _): self
    case (_, .unnameable(let key)): .unnameable(key)
    case (.root, .key(let key)): .named(key)
    case (.named(let path), .key(let key)): .named(path + "." + key)
    }
  }

  var description: String {
    switch self {
    case .root: ""
    case .named(let path): path
    case .unnameable(let key): "…" + key
    }
  }
}

/// Whether tensors belong to the checkpoint's state.
enum TreeScope {
  /// They do.
  case inside
  /// The buffers of a module: all but these, which are not persistent.
  case buffers(except: Set<ExactName>)
  /// They do not, and why: a module's `state_dict()` would not list them.
  case outside(String)
}

/// A value to visit.
struct TreeChild {
  var reference: PickleReference
  let step: TreeStep
  let scope: TreeScope
  /// True for what an object was given as its state.
  var isState = false
}

/// A container without tensors, as it was found the first time.
struct FinishedValue {
  let value: InertValue
  /// How many values lie in it, along all paths.
  let visits: Int
  /// How deep it is.
  let height: Int
}

/// A container while its children are visited.
struct TreeFrame {
  /// What the children make up, in the order in which they are visited.
  enum Form {
    case list, tuple, set, frozenSet
    /// Keys and values in turn.
    case dictionary
    /// Arguments, keyword entries, items, elements, state.
    case object(
      type: String, arguments: Int, keywords: Int, items: Int, elements: Int, hasState: Bool)
    /// The attributes of a tensor, whose own value is known.
    case tensor(InertValue)
  }

  let reference: PickleReference
  let form: Form
  let children: [TreeChild]
  let path: TreePath
  /// The number of visits when the frame was opened.
  let visitsBefore: Int
  var next = 0
  var results: [InertValue] = []
  /// True if a tensor or a reference to an enclosing value lies below: the value depends on the path.
  var mustBeRevisited = false
  var height = 1

  init(
    reference: PickleReference, form: Form, children: [TreeChild], path: TreePath, visitsBefore: Int
  ) {
    self.reference = reference
    self.form = form
    self.children = children
    self.path = path
    self.visitsBefore = visitsBefore
    results.reserveCapacity(children.count)
  }

  /// The container's value, once all children have theirs.
  func assembled() -> InertValue {
    switch form {
    case .list: return .list(results)
    case .tuple: return .tuple(results)
    case .set: return .set(results)
    case .frozenSet: return .frozenSet(results)
    case .dictionary: return .dictionary(TreeFrame.entries(results[...]))
    case .tensor(let value): return value
    case .object(let type, let arguments, let keywords, let items, let elements, let hasState):
      var rest = results[...]
      var object = InertValue.Object(type: type, arguments: Array(rest.prefix(arguments)))
      rest = rest.dropFirst(arguments)
      // Keyword arguments come last, as one dictionary.
      let keywordEntries = TreeFrame.entries(rest.prefix(2 * keywords))
      if !keywordEntries.isEmpty { object.arguments.append(.dictionary(keywordEntries)) }
      rest = rest.dropFirst(2 * keywords)
      object.items = TreeFrame.entries(rest.prefix(2 * items))
      rest = rest.dropFirst(2 * items)
      object.elements = Array(rest.prefix(elements))
      object.state = hasState ? rest.last : nil
      return .object(object)
    }
  }

  private static func entries(_ values: ArraySlice<InertValue>) -> [InertValue.Entry] {
    let values = Array(values)
    return stride(from: 0, to: values.count - 1, by: 2).map {
      InertValue.Entry(values[$0], values[$0 + 1])
    }
  }
}

/// The children of containers, with their part in names.
struct TreeLayout {
  private let resolver: ObjectResolver

  init(_ resolver: ObjectResolver) {
    self.resolver = resolver
  }

  private var document: PickleDocument { resolver.document }

  func indexed(_ elements: [PickleReference], _ scope: TreeScope) -> [TreeChild] {
    elements.enumerated().map {
      TreeChild(reference: $0.element, step: .key(String($0.offset)), scope: scope)
    }
  }

  func entries(_ entries: [PickleValue.Entry], _ scope: TreeScope) -> [TreeChild] {
    var children: [TreeChild] = []
    children.reserveCapacity(2 * entries.count)
    for entry in entries {
      children.append(
        TreeChild(reference: entry.key, step: .unnameable("the key of a dictionary"), scope: scope))
      let step = step(entry.key)
      var valueScope = scope
      if case .buffers(let temporary) = scope {
        valueScope = .inside
        if case .key(let key) = step, temporary.contains(ExactName(key)) {
          valueScope = .outside("a buffer that its module does not save")
        }
      }
      children.append(TreeChild(reference: entry.value, step: step, scope: valueScope))
    }
    return children
  }

  /// A key as a part of a name, as Python's `str` would write it.
  private func step(_ key: PickleReference) -> TreeStep {
    switch document[key] {
    case .string(let text): .key(text)
    case .integer(let value): .key(String(value))
    case .boolean(let value): .key(value ? "True" : "False")
    case .none: .key("None")
    case .float(let value): .key("\(value)")
    case .global(let place): .key(document[place].description)
    default: .unnameable("a key that is \(document.kind(of: key))")
    }
  }

  // MARK: State

  /// The state of an object, one child. Attributes continue the object's path; so do the parameters, buffers and
  /// children of a module (`torch.nn.Module.state_dict`), whose other attributes are not part of its state dict.
  func state(_ state: PickleReference, _ scope: TreeScope) -> [TreeChild] {
    [TreeChild(reference: state, step: .stay, scope: scope, isState: true)]
  }

  /// A state of two dictionaries, attributes and slots; nil if it is another tuple.
  func slots(_ parts: [PickleReference], _ scope: TreeScope) -> [TreeChild]? {
    let isPair =
      parts.count == 2
      && parts.allSatisfy {
        switch document[$0] {
        case .none, .dictionary: true
        default: false
        }
      }
    guard isPair else { return nil }
    return parts.map { TreeChild(reference: $0, step: .stay, scope: scope, isState: true) }
  }

  /// The children of a module's state, or nil if this dictionary is not one.
  func module(_ entries: [PickleValue.Entry], _ scope: TreeScope) -> [TreeChild]? {
    var parts: [String: PickleReference] = [:]
    for entry in entries {
      guard case .string(let key) = document[entry.key] else { return nil }
      parts[key] = entry.value
    }
    guard let parameters = parts["_parameters"], let buffers = parts["_buffers"],
      let children = parts["_modules"],
      [parameters, buffers, children].allSatisfy(isDictionary)
    else { return nil }
    let temporary = parts["_non_persistent_buffers_set"].map(texts) ?? []
    return entries.flatMap { entry -> [TreeChild] in
      let key = TreeChild(
        reference: entry.key, step: .unnameable("the name of an attribute"), scope: scope)
      guard case .string(let name) = document[entry.key] else { return [] }
      var step = TreeStep.stay
      var valueScope = scope
      switch (name, scope) {
      case ("_parameters", _), ("_modules", _): break
      case ("_buffers", .inside): valueScope = .buffers(except: temporary)
      case ("_buffers", _): break
      default:
        step = .key(name)
        valueScope = .outside("an attribute of a module, not in its state dict")
      }
      return [key, TreeChild(reference: entry.value, step: step, scope: valueScope)]
    }
  }

  private func isDictionary(_ reference: PickleReference) -> Bool {
    if case .dictionary = document[reference] { return true }
    guard let object = document.object(reference),
      let name = document.global(object.callable),
      case .mapping? = AllowedGlobals.role(of: name)
    else { return false }
    return true
  }

  /// The texts of a set, however the protocol writes it.
  private func texts(_ reference: PickleReference) -> Set<ExactName> {
    var members: [PickleReference] = []
    if case .set(let elements) = document[reference] { members = elements }
    if case .object(let object)? = resolver[reference], case .set = object.form {
      members = object.arguments
    }
    return Set(
      members.compactMap {
        guard case .string(let text) = document[$0] else { return nil }
        return ExactName(text)
      })
  }
}
