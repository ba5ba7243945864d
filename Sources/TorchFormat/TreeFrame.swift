internal import CheckpointBytes
internal import PickleFormat

/// A child's part in the names of tensors below it.
enum TreeStep {
  /// None: the parent's path.
  case stay
  /// A key or an index.
  case key(String)
}

/// Where a value stands.
enum TreePath: CustomStringConvertible {
  case root
  case named(String)

  func extended(by step: TreeStep) -> TreePath {
    switch (self, step) {
    case (_, .stay): self
    case (.root, .key(let key)): .named(key)
    case (.named(let path), .key(let key)): .named(path + "." + key)
    }
  }

  var description: String {
    switch self {
    case .root: ""
    case .named(let path): path
    }
  }
}

/// Whether tensors belong to the checkpoint's state.
enum TreeScope {
  /// They do.
  case inside
  /// The buffers of a module: all but these, which are not persistent.
  case buffers(except: Set<ExactName>)
  /// The attributes of a module of TorchScript: these, and modules.
  case script(Set<ExactName>)
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

/// How much was visited: values, and the bytes of the texts and byte strings among them.
struct TreeVisits {
  var (values, bytes) = (0, 0)

  static func + (left: TreeVisits, right: TreeVisits) -> TreeVisits {
    TreeVisits(values: left.values + right.values, bytes: left.bytes + right.bytes)
  }

  static func - (left: TreeVisits, right: TreeVisits) -> TreeVisits {
    TreeVisits(values: left.values - right.values, bytes: left.bytes - right.bytes)
  }
}

/// A container without tensors, as it was found the first time.
struct FinishedValue {
  let value: InertValue
  /// What lies in it, along all paths.
  let visits: TreeVisits
  /// How deep it is.
  let height: Int
}

/// A run of children, which are made when they are visited: those of a large dictionary would take many times its memory.
struct TreePart {
  enum Content {
    /// Elements, named by their index.
    case indexed([PickleReference])
    /// Keys and values, named by their key.
    case entries([PickleValue.Entry])
    /// Children that know their names; keys and values in turn if they are entries.
    case made([TreeChild], areEntries: Bool)
  }

  let content: Content
  let scope: TreeScope

  var count: Int {
    switch content {
    case .indexed(let elements): elements.count
    case .entries(let entries): 2 * entries.count
    case .made(let children, _): children.count
    }
  }

  /// True if the children are keys and values in turn.
  var areEntries: Bool {
    switch content {
    case .indexed: false
    case .entries: true
    case .made(_, let areEntries): areEntries
    }
  }
}

/// A container while its children are visited.
struct TreeFrame {
  /// What the children make up.
  enum Form {
    case list, tuple, set, frozenSet, dictionary
    /// Values are arguments, elements and the state; entries are keywords and items.
    case object(type: String, arguments: Int, hasState: Bool)
    /// The attributes of a tensor, whose own value is known.
    case tensor(InertValue)
  }

  let reference: PickleReference
  let form: Form
  let path: TreePath
  /// What was visited when the frame was opened.
  let visitsBefore: TreeVisits
  /// True if a tensor or a reference to an enclosing value lies below: the value depends on the path.
  var mustBeRevisited = false
  var height = 1
  /// The values of the children so far, in the order of the visit.
  private(set) var values: [InertValue] = []

  private let parts: [TreePart]
  /// The next child: its part, and its place there.
  private var part = 0
  private var next = 0
  private var key: InertValue?
  /// The entries of each part that has some.
  private var entries: [[InertValue.Entry]] = []

  init(
    reference: PickleReference, form: Form, parts: [TreePart], path: TreePath,
    visitsBefore: TreeVisits
  ) {
    self.reference = reference
    self.form = form
    self.parts = parts
    self.path = path
    self.visitsBefore = visitsBefore
    values.reserveCapacity(parts.reduce(0) { $0 + ($1.areEntries ? 0 : $1.count) })
    skipFinishedParts()
  }

  private mutating func skipFinishedParts() {
    while part < parts.count {
      if next == 0, parts[part].areEntries {
        var list: [InertValue.Entry] = []
        list.reserveCapacity(parts[part].count / 2)
        entries.append(list)
      }
      guard next == parts[part].count else { return }
      part += 1
      next = 0
    }
  }

  /// The child to visit next; nil if all have been.
  func child(_ layout: TreeLayout) -> TreeChild? {
    part < parts.count ? layout.child(next, of: parts[part]) : nil
  }

  /// Takes the value of the child that was visited.
  mutating func add(_ value: InertValue) {
    guard part < parts.count else { return }
    if !parts[part].areEntries {
      values.append(value)
    } else if let key {
      entries[entries.count - 1].append(InertValue.Entry(key, value))
      self.key = nil
    } else {
      key = value
    }
    next += 1
    skipFinishedParts()
  }

  /// The container's value, once all children have theirs.
  func assembled() -> InertValue {
    switch form {
    case .list: return .list(values)
    case .tuple: return .tuple(values)
    case .set: return .set(values)
    case .frozenSet: return .frozenSet(values)
    case .dictionary: return .dictionary(entries.first ?? [])
    // The attributes are kept apart, by the tensor's name.
    case .tensor(let value): return value
    case .object(let type, let arguments, let hasState):
      var object = InertValue.Object(type: type, arguments: Array(values.prefix(arguments)))
      // Keyword arguments come last, as one dictionary.
      if let keywords = entries.first, !keywords.isEmpty {
        object.arguments.append(.dictionary(keywords))
      }
      object.items = entries.last ?? []
      object.elements = Array(values.dropFirst(arguments).dropLast(hasState ? 1 : 0))
      object.state = hasState ? values.last : nil
      return .object(object)
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

  func indexed(_ elements: [PickleReference], _ scope: TreeScope) -> TreePart {
    TreePart(content: .indexed(elements), scope: scope)
  }

  func entries(_ entries: [PickleValue.Entry], _ scope: TreeScope) -> TreePart {
    TreePart(content: .entries(entries), scope: scope)
  }

  /// A child of a part.
  func child(_ index: Int, of part: TreePart) -> TreeChild {
    switch part.content {
    case .indexed(let elements):
      TreeChild(reference: elements[index], step: .key(String(index)), scope: part.scope)
    case .entries(let entries): entry(index, of: entries, part.scope)
    case .made(let children, _): children[index]
    }
  }

  private func entry(
    _ index: Int, of entries: [PickleValue.Entry], _ scope: TreeScope
  ) -> TreeChild {
    let place = index / 2
    let entry = entries[place]
    guard !index.isMultiple(of: 2) else {
      return TreeChild(reference: entry.key, step: .key("<key \(place)>"), scope: scope)
    }
    // A key without a text of its own, a tensor or an object, is named by its place.
    let name = PythonText.key(entry.key, resolver) ?? "<\(place)>"
    let valueScope: TreeScope =
      switch scope {
      case .buffers(let temporary):
        temporary.contains(ExactName(name))
          ? .outside("a buffer that its module does not save") : .inside
      case .script(let state):
        state.contains(ExactName(name)) || isScriptObject(entry.value)
          ? .inside : TreeLayout.attribute
      case .inside, .outside: scope
      }
    return TreeChild(reference: entry.value, step: .key(name), scope: valueScope)
  }

  /// True for an object whose class the archive defines, or PyTorch as one of its own (`torch.classes`).
  private func isScriptObject(_ reference: PickleReference) -> Bool {
    document.object(reference).flatMap { document.global($0.callable) }
      .map(AllowedGlobals.isScriptClass) ?? false
  }

  // MARK: State

  private static let attribute = TreeScope.outside(
    "an attribute of a module, not in its state dict")

  /// What of an object's state belongs to the checkpoint's: in TorchScript the code tells it of a module.
  func scope(
    ofState state: PickleReference, of callable: PickleReference, in scope: TreeScope
  ) -> TreeScope {
    guard case .inside = scope, case .dictionary = document[state],
      let names = document.global(callable).flatMap({ resolver.script?.state(of: $0) })
    else { return scope }
    return .script(names)
  }

  /// The state of an object, one child. Attributes continue the object's path; so do the parameters, buffers and
  /// children of a module (`torch.nn.Module.state_dict`), whose other attributes are not part of its state dict.
  func state(_ state: PickleReference, _ scope: TreeScope) -> TreePart {
    let child = TreeChild(reference: state, step: .stay, scope: scope, isState: true)
    return TreePart(content: .made([child], areEntries: false), scope: scope)
  }

  /// A state of two dictionaries, attributes and slots; nil if it is another tuple.
  func slots(_ parts: [PickleReference], _ scope: TreeScope) -> TreePart? {
    let isPair =
      parts.count == 2
      && parts.allSatisfy {
        switch document[$0] {
        case .none, .dictionary: true
        default: false
        }
      }
    guard isPair else { return nil }
    let children = parts.map {
      TreeChild(reference: $0, step: .stay, scope: scope, isState: true)
    }
    return TreePart(content: .made(children, areEntries: false), scope: scope)
  }

  /// The members of the set that names a module's temporary buffers, however the protocol writes it.
  func temporaryBuffers(_ entries: [PickleValue.Entry]) -> [PickleReference] {
    let name = "_non_persistent_buffers_set"
    guard let entry = entries.last(where: { text(of: $0.key, upTo: name.utf8.count) == name })
    else { return [] }
    if case .set(let elements) = document[entry.value] { return elements }
    if case .object(let object)? = resolver[entry.value], case .set = object.form {
      return object.arguments
    }
    return []
  }

  /// A short text; what is longer is not read.
  private func text(of reference: PickleReference, upTo byteCount: Int) -> String? {
    guard document.byteCount(of: reference) <= byteCount,
      case .string(let text) = document[reference]
    else { return nil }
    return text
  }

  /// The children of a module's state, or nil if this dictionary is not one.
  func module(
    _ entries: [PickleValue.Entry], temporary members: [PickleReference], _ scope: TreeScope
  ) -> TreePart? {
    var parts: [String: PickleReference] = [:]
    for entry in entries {
      guard case .string(let key) = document[entry.key] else { return nil }
      parts[key] = entry.value
    }
    guard let parameters = parts["_parameters"], let buffers = parts["_buffers"],
      let children = parts["_modules"],
      [parameters, buffers, children].allSatisfy(isDictionary)
    else { return nil }
    let temporary = Set(
      members.compactMap {
        guard case .string(let text) = document[$0] else { return nil as ExactName? }
        return ExactName(text)
      })
    let made = entries.flatMap { entry -> [TreeChild] in
      let key = TreeChild(
        reference: entry.key, step: .stay, scope: scope)
      guard case .string(let name) = document[entry.key] else { return [] }
      var step = TreeStep.stay
      var valueScope = scope
      switch (name, scope) {
      case ("_parameters", _), ("_modules", _): break
      case ("_buffers", .inside): valueScope = .buffers(except: temporary)
      case ("_buffers", _): break
      default:
        step = .key(name)
        valueScope = TreeLayout.attribute
      }
      return [key, TreeChild(reference: entry.value, step: step, scope: valueScope)]
    }
    return TreePart(content: .made(made, areEntries: true), scope: scope)
  }

  private func isDictionary(_ reference: PickleReference) -> Bool {
    if case .dictionary = document[reference] { return true }
    guard let object = document.object(reference),
      let name = document.global(object.callable),
      case .mapping? = AllowedGlobals.role(of: name)
    else { return false }
    return true
  }
}
