internal import CheckpointBytes
internal import PickleFormat
internal import TensorValues

/// What a persistent id or an object of a pickle turned out to be.
///
/// Boxed, because most of the many objects of a pickle are the small ones.
indirect enum Resolved {
  case storage(StorageView)
  /// A class named through a persistent id (whole modules in legacy files).
  case classReference(GlobalName)
  case tensor(TensorValue)
  case special(SpecialValue)
  /// A value that is decoded whole.
  case value(InertValue)
  /// An object kept as it is: its class, and what of its arguments is kept.
  case object(ResolvedObject)
  /// Another value, made before this one.
  case same(PickleReference)
}

/// A storage, or a part of one, as a persistent id names it.
struct StorageView {
  let storage: TorchStorage
  let type: StorageType
  /// The first element of the part, in elements of the type.
  let offset: Int
  /// The number of elements of the part.
  let count: Int
}

/// A tensor that has no name yet.
struct TensorValue {
  let dtype: DType
  let storage: TorchStorage
  let layout: StridedLayout
  /// How many elements of the type lie in each element that the layout counts.
  var packing = 1
  var isConjugated = false
  var isNegated = false
  /// The type that the stored numbers are to be converted to, where the file says so.
  var conversion: DType?
  /// The class, if it is none of torch's or numpy's own for plain numbers.
  var className: String?
  /// True for a `torch.nn.Parameter`, and for what requires a gradient.
  var isTrained = false
  /// The attributes given to the tensor, which may hold other tensors.
  var state: PickleReference?

  /// The extents, in elements of the type.
  var shape: Shape { layout.shape.unpacked(by: packing) ?? layout.shape }
}

/// Something like a tensor that has no name yet.
struct SpecialValue {
  let description: String
  /// The attributes given to it: the parts of a subclass that wraps other tensors.
  var state: PickleReference?
}

/// An object that is kept.
struct ResolvedObject {
  /// How an object's arguments become values.
  enum Form {
    /// An object with a class name.
    case object
    /// `set([…])`: the first argument holds the members.
    case set
    /// `frozenset([…])`.
    case frozenSet
  }

  /// The class, as the pickle names it.
  let type: String
  var form = Form.object
  /// The positional arguments.
  let arguments: [PickleReference]
  /// The items: those set on it, after those that it was made of (`OrderedDict([[key, value], …])` of Python 2).
  let items: [PickleValue.Entry]
}

/// Gives persistent ids their meaning: storages, and in old files classes and tensors too.
protocol PersistentObjects: AnyObject {
  /// What the value under `id` stands for.
  func resolve(
    _ id: PickleReference, for resolver: ObjectResolver
  ) throws(CheckpointError) -> Resolved
}

/// Reads the objects of a checkpoint's pickle by structure: tensors, values, and the rest as names with their parts.
///
/// All persistent ids and all objects are checked, those that nothing refers to included: a file that contradicts itself
/// anywhere is refused.
struct ObjectResolver {
  /// The pickle.
  let document: PickleDocument
  /// File and member, for failures.
  let site: CheckpointError.Site
  /// True if unknown classes are kept.
  let isInert: Bool
  /// The classes of a TorchScript archive, which need no list; nil elsewhere.
  let script: ScriptClasses?
  private let maximumRank: Int

  private(set) var resolved: [PickleReference: Resolved] = [:]
  /// The names of classes in words: one text for all objects of a class.
  private var descriptions: [GlobalName: String] = [:]

  init(
    _ document: PickleDocument, site: CheckpointError.Site, isInert: Bool, script: ScriptClasses?,
    limits: ReadLimits, persistent: any PersistentObjects
  ) throws(CheckpointError) {
    self.document = document
    self.site = site
    self.isInert = isInert
    self.script = script
    maximumRank = limits.rank
    for reference in document.references {
      if let id = document.persistentID(reference) {
        resolved[reference] = try persistent.resolve(id, for: self)
      }
    }
    try resolveObjects()
  }

  subscript(reference: PickleReference) -> Resolved? { resolved[reference] }

  func failure(
    _ kind: FailureKind, at reference: PickleReference, _ field: String, _ problem: String
  ) -> CheckpointError {
    var site = site
    site.offset = document.offset(of: reference)
    site.field = field
    return CheckpointError(kind, site, problem)
  }

  /// A refusal that does not stand where unknown objects are kept.
  func forbidden(at reference: PickleReference, _ problem: String) -> CheckpointError {
    var error = failure(.forbidden, at: reference, "object", problem)
    error.remedy = AllowedGlobals.remedy
    return error
  }

  /// Objects in the order in which they were made, so that arguments come before what they are given to. Tensors of
  /// the first versions of PyTorch get their content as a state, which comes later: they wait for the end, parameters
  /// over them for the very end.
  private mutating func resolveObjects() throws(CheckpointError) {
    var tensors: [PickleReference] = []
    var parameters: [PickleReference] = []
    for reference in document.references {
      guard let object = document.object(reference) else { continue }
      let name = try className(of: object, at: reference)
      let role = try role(of: name, at: reference)
      guard case .tensorClass = role else {
        let type = description(of: name)
        resolved[reference] = try resolve(object, type, role, at: reference)
        continue
      }
      if OldTensor.isParameter(name) {
        parameters.append(reference)
      } else {
        tensors.append(reference)
      }
    }
    for reference in tensors + parameters {
      guard let object = document.object(reference) else { continue }
      let name = try className(of: object, at: reference)
      resolved[reference] = try oldTensor(object, name, at: reference)
    }
  }

  private mutating func description(of name: GlobalName?) -> String {
    guard let name else { return "?" }
    if let text = descriptions[name] { return text }
    descriptions[name] = name.description
    return name.description
  }

  /// The name of an object's class or function; nil for the result of a call that was called again.
  private func className(
    of object: PickleObject, at reference: PickleReference
  ) throws(CheckpointError) -> GlobalName? {
    if let name = document.global(object.callable) { return name }
    switch resolved[object.callable] {
    case .classReference(let name): return name
    case .storage, .tensor:
      throw failure(.malformed, at: reference, "object", "a storage or tensor is called")
    default: return nil
    }
  }

  private func role(
    of name: GlobalName?, at reference: PickleReference
  ) throws(CheckpointError) -> GlobalRole {
    guard let name else { return .attributes }
    if let role = AllowedGlobals.role(of: name) { return role }
    guard isInert || (script != nil && AllowedGlobals.isScriptClass(name)) else {
      throw forbidden(at: reference, "\(quoted(name.description)) is not known as data")
    }
    return .attributes
  }

  private func resolve(
    _ object: PickleObject, _ type: String, _ role: GlobalRole, at reference: PickleReference
  ) throws(CheckpointError) -> Resolved {
    let call = PickleCall(type: type, arguments: object.arguments, reference: reference)
    switch role {
    case .named, .storage, .dtype, .numpy(.array):
      guard isInert else {
        throw forbidden(
          at: reference, "\(quoted(type)) is known as a name, and the pickle calls it")
      }
      return .object(
        ResolvedObject(type: type, arguments: object.arguments, items: object.items))
    case .rebuild(let function):
      try requireBare(object, call)
      return try rebuild(function, call)
    case .value(let value):
      try requireBare(object, call, mayHaveState: value.mayHaveState)
      return try decode(value, call, object)
    case .numpy(let part): return try numpyObject(part, call, object)
    case .mapping: return try mapping(call, object)
    case .attributes, .attributesAlone, .tensorClass:
      return .object(
        ResolvedObject(type: type, arguments: object.arguments, items: object.items))
    }
  }

  /// A result that is complete once it is made: nothing may be set on it or appended to it (CVE-2026-24747).
  private func requireBare(
    _ object: PickleObject, _ call: PickleCall, mayHaveState: Bool = false
  ) throws(CheckpointError) {
    guard object.items.isEmpty, object.elements.isEmpty, object.keywords.isEmpty,
      object.state == nil || mayHaveState
    else {
      throw failure(
        .malformed, at: call.reference, call.type,
        "items, elements, keywords or a state are given to a value that takes none")
    }
  }
}

/// A call that was not made, while its arguments are read.
struct PickleCall {
  /// The function or class.
  let type: String
  /// The positional arguments.
  let arguments: [PickleReference]
  /// The object in the pickle.
  let reference: PickleReference
}

// MARK: Arguments

extension ObjectResolver {
  func wrongArgument(
    _ call: PickleCall, _ name: String, _ expected: String, _ found: PickleReference
  )
    -> CheckpointError
  {
    failure(
      .malformed, at: call.reference, call.type,
      "\(name): expected \(expected), found \(document.kind(of: found))")
  }

  func requireCount(_ call: PickleCall, _ counts: ClosedRange<Int>) throws(CheckpointError) {
    guard counts.contains(call.arguments.count) else {
      let expected =
        counts.count == 1 ? "\(counts.lowerBound)" : "\(counts.lowerBound) to \(counts.upperBound)"
      throw failure(
        .malformed, at: call.reference, call.type,
        "expected \(expected) arguments, found \(call.arguments.count)")
    }
  }

  func integer(
    _ call: PickleCall, _ index: Int, _ name: String
  ) throws(CheckpointError) -> Int {
    guard case .integer(let value) = document[call.arguments[index]] else {
      throw wrongArgument(call, name, "an integer", call.arguments[index])
    }
    return Int(value)
  }

  func boolean(
    _ call: PickleCall, _ index: Int, _ name: String
  ) throws(CheckpointError) -> Bool {
    guard case .boolean(let value) = document[call.arguments[index]] else {
      throw wrongArgument(call, name, "a Boolean", call.arguments[index])
    }
    return value
  }

  /// Sizes or strides: a tuple or list of integers, or a `torch.Size`; none negative.
  func extents(
    _ call: PickleCall, _ index: Int, _ name: String
  ) throws(CheckpointError) -> [Int] {
    try extents(call, at: call.arguments[index], name)
  }

  func extents(
    _ call: PickleCall, at reference: PickleReference, _ name: String
  ) throws(CheckpointError) -> [Int] {
    let elements: [PickleReference]
    switch document[reference] {
    case .tuple(let references), .list(let references): elements = references
    case .object(let place):
      let object = document[place]
      guard case .value(.size)? = document.global(object.callable).flatMap(AllowedGlobals.role),
        object.arguments.count == 1, case .tuple(let references) = document[object.arguments[0]]
      else { throw wrongArgument(call, name, "a tuple of integers", reference) }
      elements = references
    default: throw wrongArgument(call, name, "a tuple of integers", reference)
    }
    guard elements.count <= maximumRank else {
      throw failure(
        .limitExceeded, at: call.reference, call.type, "\(name): more than \(maximumRank) integers")
    }
    var extents: [Int] = []
    extents.reserveCapacity(elements.count)
    for element in elements {
      guard case .integer(let extent) = document[element] else {
        throw wrongArgument(call, name, "integers", element)
      }
      guard extent >= 0 else {
        throw failure(.malformed, at: call.reference, call.type, "\(name): \(extent) is negative")
      }
      extents.append(Int(extent))
    }
    return extents
  }

  func storage(
    _ call: PickleCall, _ index: Int
  ) throws(CheckpointError) -> StorageView {
    guard case .storage(let view)? = self[call.arguments[index]] else {
      throw wrongArgument(call, "storage", "a storage", call.arguments[index])
    }
    return view
  }

  func dtype(
    _ call: PickleCall, _ index: Int
  ) throws(CheckpointError) -> TorchDType {
    guard let name = document.global(call.arguments[index]),
      case .dtype(let dtype)? = AllowedGlobals.role(of: name)
    else { throw wrongArgument(call, "dtype", "a torch.dtype", call.arguments[index]) }
    return dtype
  }

  /// Backward hooks are never stored: an empty `OrderedDict`, an empty dictionary, or nothing.
  func requireHooks(_ call: PickleCall, _ index: Int) throws(CheckpointError) {
    let reference = call.arguments[index]
    switch document[reference] {
    case .none: return
    case .dictionary: return
    case .object(let place):
      if case .mapping? = document.global(document[place].callable).flatMap(AllowedGlobals.role) {
        return
      }
    default: break
    }
    throw wrongArgument(call, "backward hooks", "an OrderedDict", reference)
  }
}
