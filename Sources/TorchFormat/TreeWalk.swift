internal import CheckpointBytes
internal import PickleFormat
internal import TensorValues

/// Walks the values of a checkpoint from its root, names the tensors, and keeps the rest as inert values.
///
/// A name is the path of keys and indices, joined by dots. Values are visited along every path: a child that two
/// dictionaries share has two names. What holds no tensor is turned into a value once and shared. The walk keeps its own
/// stack, so depth is bounded by a limit and not by the machine's.
struct TreeWalk {
  /// How many values a container has to hold to be remembered.
  private static let rememberedVisits = 4

  let resolver: ObjectResolver
  let limits: ReadLimits

  private(set) var tensors: [TorchTensor] = []
  private(set) var specialTensors: [TorchSpecialTensor] = []
  private(set) var tensorAttributes: [TorchTensorAttributes] = []
  /// Tensors outside any state dict: reported unless they are also inside one (`_flat_weights` of an LSTM).
  private var attributes: [(reference: PickleReference, name: ExactName, description: String)] = []
  private var names: [ExactName: PickleReference] = [:]
  private var bounds: TreeBounds
  private var frames: [TreeFrame] = []
  /// The containers on the way from the root to here.
  private var open: Set<PickleReference> = []
  /// Containers without tensors, done.
  private var finished: [PickleReference: FinishedValue] = [:]

  private let root: TreePath

  /// A walk whose names begin with a path.
  init(_ resolver: ObjectResolver, below root: TreePath = .root, limits: ReadLimits) {
    self.resolver = resolver
    self.root = root
    self.limits = limits
    bounds = TreeBounds(resolver, limits)
  }

  private var document: PickleDocument { resolver.document }

  /// The inert value of the root; afterwards the tensors are there.
  mutating func run() throws(CheckpointError) -> InertValue {
    let value = try walk()
    let inside = Set(names.values)
    specialTensors += attributes.lazy.filter { !inside.contains($0.reference) }.map {
      TorchSpecialTensor(name: $0.name, description: $0.description, isOutsideState: true)
    }
    return value
  }

  private mutating func walk() throws(CheckpointError) -> InertValue {
    let root = TreeChild(reference: document.root, step: .stay, scope: .inside)
    if let value = try enter(root, path: self.root) { return value }
    let layout = TreeLayout(resolver)
    while let last = frames.indices.last {
      // In place: a copy of the frame would make every result copy the ones before it.
      guard let child = frames[last].child(layout) else {
        let value = finish(frames.removeLast())
        guard let parent = frames.indices.last else { return value }
        frames[parent].add(value)
        continue
      }
      if let value = try enter(child, path: frames[last].path) { frames[last].add(value) }
    }
    throw CheckpointError(.malformed, resolver.site, "the pickle holds nothing")
  }

  /// A finished frame's value; what it learned goes to its parent.
  private mutating func finish(_ frame: TreeFrame) -> InertValue {
    open.remove(frame.reference)
    let value = frame.assembled()
    if case .tensor(.weight(let name)) = frame.form, let state = frame.values.first {
      let values = state.plainAttributes
      if !values.isEmpty {
        tensorAttributes.append(TorchTensorAttributes(name: name, values: values))
      }
    }
    // What is small is as soon made again.
    let below = bounds.visits - frame.visitsBefore
    if !frame.mustBeRevisited, below.values >= TreeWalk.rememberedVisits {
      finished[frame.reference] = FinishedValue(value: value, visits: below, height: frame.height)
    }
    if let parent = frames.indices.last {
      frames[parent].mustBeRevisited = frames[parent].mustBeRevisited || frame.mustBeRevisited
      frames[parent].height = max(frames[parent].height, frame.height + 1)
    }
    return value
  }

  // MARK: Entering a value

  /// The value of a child, or nil if a frame was opened for it.
  private mutating func enter(
    _ child: TreeChild, path parent: TreePath
  ) throws(CheckpointError) -> InertValue? {
    var child = child
    while case .same(let other)? = resolver[child.reference] { child.reference = other }
    let reference = child.reference
    try bounds.count(TreeVisits(values: 1, bytes: document.byteCount(of: reference)), at: reference)
    if let leaf = leaf(reference) { return leaf }
    if let done = finished[reference] {
      try bounds.count(done.visits, at: reference)
      try requireDepth(frames.count + done.height, at: reference)
      if let last = frames.indices.last {
        frames[last].height = max(frames[last].height, done.height + 1)
      }
      return done.value
    }
    let path = try self.path(parent, child.step, at: reference)
    if open.contains(reference) {
      // A container inside itself: a name for it is all that a tree can hold.
      markRevisit()
      return .object(
        InertValue.Object(
          type: "reference to an enclosing value", arguments: [.string(path.description)]))
    }
    switch resolver[reference] {
    case .tensor(let tensor)?:
      return try enter(tensor, child, path)
    case .special(let special)?:
      return try enter(special, child, path)
    case .storage(let view)?:
      return try enter(view, child, path)
    case .value(let value)?:
      try bounds.count(TreeVisits(values: 0, bytes: value.textByteCount), at: reference)
      return value
    case .classReference(let name)?: return .global(name.description)
    case .object(let object)?: return try open(object, child, path)
    case .same?, nil: return try openContainer(child, path)
    }
  }

  private func leaf(_ reference: PickleReference) -> InertValue? {
    guard document.isAtom(reference) else { return nil }
    return switch document[reference] {
    case .none: .some(.none)
    case .boolean(let value): .boolean(value)
    case .integer(let value): .integer(value)
    case .bigInteger(let bytes): .bigInteger(bytes)
    case .float(let value): .float(value)
    case .string(let text): .string(text)
    case .bytes(let bytes): .bytes(bytes)
    case .byteArray(let bytes): .byteArray(bytes)
    case .global(let place): .global(document[place].description)
    default: nil
    }
  }

  private func requireDepth(
    _ depth: Int, at reference: PickleReference
  ) throws(CheckpointError) {
    guard depth <= limits.pickleDepth else {
      throw resolver.failure(
        .limitExceeded, at: reference, "structure",
        "containers are nested more than \(limits.pickleDepth) deep")
    }
  }

  private func path(
    _ parent: TreePath, _ step: TreeStep, at reference: PickleReference
  ) throws(CheckpointError) -> TreePath {
    let path = parent.extended(by: step)
    if case .named(let name) = path, name.utf8.count > limits.nameBytes {
      throw resolver.failure(
        .limitExceeded, at: reference, "name", "a name has more than \(limits.nameBytes) bytes")
    }
    return path
  }

  private mutating func markRevisit() {
    if let last = frames.indices.last { frames[last].mustBeRevisited = true }
  }

  /// Opens a frame, whose children are visited next.
  private mutating func open(
    _ reference: PickleReference, _ form: TreeFrame.Form, _ parts: [TreePart], _ path: TreePath
  ) throws(CheckpointError) -> InertValue? {
    try requireDepth(frames.count + 1, at: reference)
    open.insert(reference)
    frames.append(
      TreeFrame(
        reference: reference, form: form, parts: parts, path: path,
        visitsBefore: bounds.visits))
    return nil
  }

  private mutating func openContainer(
    _ child: TreeChild, _ path: TreePath
  ) throws(CheckpointError) -> InertValue? {
    let reference = child.reference
    let layout = TreeLayout(resolver)
    switch document[reference] {
    case .list(let elements):
      return try open(reference, .list, [layout.indexed(elements, child.scope)], path)
    case .tuple(let elements):
      let slots = child.isState ? layout.slots(elements, child.scope) : nil
      return try open(
        reference, .tuple, [slots ?? layout.indexed(elements, child.scope)], path)
    case .set(let elements):
      return try open(reference, .set, [layout.indexed(elements, child.scope)], path)
    case .frozenSet(let elements):
      return try open(reference, .frozenSet, [layout.indexed(elements, child.scope)], path)
    case .dictionary(let entries):
      let module = child.isState ? try self.module(entries, child) : nil
      return try open(
        reference, .dictionary, [module ?? layout.entries(entries, child.scope)], path)
    default:
      throw resolver.failure(
        .malformed, at: reference, "structure",
        "a value has no meaning: \(document.kind(of: reference))"
      )
    }
  }

  /// The children of a module's state; nil if these entries are none. What is read of them is counted before.
  private mutating func module(
    _ entries: [PickleValue.Entry], _ child: TreeChild
  ) throws(CheckpointError) -> TreePart? {
    let layout = TreeLayout(resolver)
    let temporary = layout.temporaryBuffers(entries)
    for key in entries.lazy.map(\.key) + temporary {
      try bounds.count(
        TreeVisits(values: 0, bytes: document.byteCount(of: key)), at: child.reference)
    }
    try bounds.count(TreeVisits(values: temporary.count, bytes: 0), at: child.reference)
    return layout.module(entries, temporary: temporary, child.scope)
  }

  private mutating func open(
    _ object: ResolvedObject, _ child: TreeChild, _ path: TreePath
  ) throws(CheckpointError) -> InertValue? {
    let layout = TreeLayout(resolver)
    let source = document.object(child.reference)
    switch object.form {
    case .set:
      return try open(
        child.reference, .set, [layout.indexed(object.arguments, child.scope)], path)
    case .frozenSet:
      return try open(
        child.reference, .frozenSet, [layout.indexed(object.arguments, child.scope)], path)
    case .object: break
    }
    var parts = [
      layout.indexed(object.arguments, child.scope),
      layout.entries(source?.keywords ?? [], child.scope),
      layout.entries(object.items, child.scope),
      layout.indexed(source?.elements ?? [], child.scope),
    ]
    if let source, let state = source.state {
      let scope = layout.scope(ofState: state, of: source.callable, in: child.scope)
      parts.append(layout.state(state, scope))
    }
    let form = TreeFrame.Form.object(
      type: object.type, arguments: object.arguments.count, hasState: source?.state != nil)
    return try open(child.reference, form, parts, path)
  }

  // MARK: Tensors

  private mutating func enter(
    _ tensor: TensorValue, _ child: TreeChild, _ path: TreePath
  ) throws(CheckpointError) -> InertValue? {
    markRevisit()
    let name = ExactName(path.description)
    if case .outside(let why) = child.scope {
      try bounds.countName(name, at: child.reference)
      let description = "\(tensor.dtype) \(tensor.shape), \(why)"
      attributes.append((child.reference, name, description))
      let value = InertValue.object(
        InertValue.Object(type: description, arguments: [.string(name.string)]))
      return try enterState(tensor.state, of: value, child, path)
    } else {
      if let other = names.updateValue(child.reference, forKey: name) {
        var failure = resolver.failure(
          .inconsistent, at: child.reference, "structure",
          "two tensors have this name, the other was made at byte \(document.offset(of: other))")
        failure.tensor = name.string
        throw failure
      }
      try bounds.countName(name, at: child.reference)
      try bounds.countBytes(tensor, name, at: child.reference)
      tensors.append(
        TorchTensor(
          name: name, dtype: tensor.dtype, shape: tensor.shape, storage: tensor.storage,
          layout: tensor.layout,
          isConjugated: tensor.isConjugated, isNegated: tensor.isNegated,
          conversion: tensor.conversion, className: tensor.className, isTrained: tensor.isTrained))
    }
    return try enterState(tensor.state, of: .weight(name), child, path)
  }

  private mutating func enter(
    _ special: SpecialValue, _ child: TreeChild, _ path: TreePath
  ) throws(CheckpointError) -> InertValue? {
    markRevisit()
    let name = ExactName(path.description)
    try bounds.countName(name, at: child.reference)
    if case .outside(let why) = child.scope {
      attributes.append((child.reference, name, special.description + ", " + why))
    } else {
      names[name] = names[name] ?? child.reference
      specialTensors.append(
        TorchSpecialTensor(name: name, description: special.description, isOutsideState: false))
    }
    let value = InertValue.object(
      InertValue.Object(type: special.description, arguments: [.string(name.string)]))
    return try enterState(special.state, of: value, child, path)
  }

  /// A storage that stands for itself: its elements in one dimension.
  private mutating func enter(
    _ view: StorageView, _ child: TreeChild, _ path: TreePath
  ) throws(CheckpointError) -> InertValue? {
    let element = view.type.element
    guard let dtype = element.dtype, let shape = Shape([view.count]),
      let layout = StridedLayout(shape: shape, strides: [1], offset: view.offset)
    else {
      let special = SpecialValue(description: "storage of \(view.count) \(element.name)")
      return try enter(special, child, path)
    }
    return try enter(
      TensorValue(dtype: dtype, storage: view.storage, layout: layout), child, path)
  }

  /// The attributes of a tensor may hold tensors: they are visited for their names; the tensor's value stays.
  private mutating func enterState(
    _ state: PickleReference?, of value: InertValue, _ child: TreeChild, _ path: TreePath
  ) throws(CheckpointError) -> InertValue? {
    guard let state else { return value }
    let part = TreeLayout(resolver).state(state, child.scope)
    _ = try open(child.reference, .tensor(value), [part], path)
    markRevisit()
    return nil
  }
}

extension InertValue {
  /// The bytes of its text or byte string. A size has eight for each dimension.
  fileprivate var textByteCount: Int {
    switch self {
    case .string(let text): text.utf8.count
    case .bytes(let bytes), .byteArray(let bytes), .bigInteger(let bytes): bytes.count
    case .array(_, _, let bytes): bytes.count
    case .object(let object):
      object.arguments.reduce(0) {
        if case .tuple(let extents) = $1 { $0 + 8 * extents.count } else { $0 + $1.textByteCount }
      }
    default: 0
    }
  }

  /// The attributes in an object's state, a dictionary or two (attributes and slots), without the tensors among them.
  fileprivate var plainAttributes: [(name: String, value: InertValue)] {
    switch self {
    case .none: return []
    case .dictionary(let entries):
      return entries.compactMap { entry in
        guard case .string(let name) = entry.key else { return nil }
        if case .weight = entry.value { return nil }
        return (name, entry.value)
      }
    case .tuple(let parts) where parts.count == 2:
      return parts.flatMap(\.plainAttributes)
    default: return [("state", self)]
    }
  }
}
