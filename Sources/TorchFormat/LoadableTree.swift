internal import CheckpointBytes

/// Takes out of a structure what torch's restricted reader would refuse, and notes it.
///
/// The reader is `torch.load(weights_only=True)` of torch 2.13 (`torch/_weights_only_unpickler.py`): dictionaries,
/// lists, tuples, sets, text, bytes, numbers, and the few names of `_get_allowed_globals`. A value that is refused
/// disappears from its dictionary or set; in a list or tuple `None` takes its place, so that the others keep theirs.
struct LoadableTree {
  /// The names of all weights.
  let names: Set<ExactName>
  /// The deepest nesting of containers.
  let maximumDepth: Int
  /// The weights that the admitted part mentions.
  private(set) var mentioned: Set<ExactName> = []
  /// What was left out, in order.
  private(set) var omissions: [TorchArchivePlan.Omission] = []

  private var path: [String] = []

  init(names: Set<ExactName>, maximumDepth: Int) {
    self.names = names
    self.maximumDepth = maximumDepth
  }

  /// Notes that a value is left out.
  private mutating func omit(_ reason: String) -> InertValue? {
    omissions.append(TorchArchivePlan.Omission(path: path.joined(separator: "."), reason: reason))
    return nil
  }

  private func tooDeep() -> CheckpointError {
    CheckpointError(
      .limitExceeded, CheckpointError.Site(member: "data.pkl"),
      "the structure is nested deeper than \(maximumDepth) levels")
  }
}

// MARK: Values

extension LoadableTree {
  /// The value as it can be written, or nil if it cannot. Recurses at most `maximumDepth` levels.
  mutating func admit(_ value: InertValue) throws(CheckpointError) -> InertValue? {
    guard path.count <= maximumDepth else { throw tooDeep() }
    switch value {
    case .none, .boolean, .integer, .float, .complex, .string, .bytes, .byteArray: return value
    case .bigInteger(let digits):
      return digits.count <= 255 ? value : omit("an integer of more than 255 bytes")
    case .weight(let name):
      guard names.contains(name) else {
        throw CheckpointError(
          .notFound, CheckpointError.Site(member: "data.pkl"), tensor: name.string,
          "the structure mentions a tensor that is not among those to be written")
      }
      mentioned.insert(name)
      return value
    case .list(let elements): return .list(try admitInPlace(elements))
    case .tuple(let elements): return .tuple(try admitInPlace(elements))
    case .set(let elements): return .set(try admitHashable(elements))
    case .dictionary(let entries): return .dictionary(try admit(entries))
    case .object(let object): return try admit(object)
    case .global(let name):
      return Self.globals.contains(ExactName(name)) || Self.layouts.contains(ExactName(name))
        ? value : omit("\(singleLine(name)) is not among the names that torch.load accepts")
    case .frozenSet: return omit("torch.load does not accept a frozenset")
    case .array: return omit("torch.load does not accept numpy arrays and scalars")
    }
  }

  private mutating func admitInPlace(
    _ elements: [InertValue]
  ) throws(CheckpointError) -> [InertValue] {
    var admitted: [InertValue] = []
    for (index, element) in elements.enumerated() {
      path.append(String(index))
      admitted.append(try admit(element) ?? .none)
      path.removeLast()
    }
    return admitted
  }

  private mutating func admitHashable(
    _ elements: [InertValue]
  ) throws(CheckpointError) -> [InertValue] {
    var admitted: [InertValue] = []
    for (index, element) in elements.enumerated() {
      path.append(String(index))
      if !element.isHashable {
        _ = omit("not a value that a set can hold")
      } else if let element = try admit(element) {
        admitted.append(element)
      }
      path.removeLast()
    }
    return admitted
  }

  private mutating func admit(
    _ entries: [InertValue.Entry]
  ) throws(CheckpointError) -> [InertValue.Entry] {
    var admitted: [InertValue.Entry] = []
    var keys: Set<ExactName> = []
    for entry in entries {
      path.append(entry.key.pathComponent)
      if let identity = entry.key.keyIdentity, !keys.insert(identity).inserted {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(member: "data.pkl"),
          "the key \(quoted(path.joined(separator: "."))) occurs twice")
      }
      if !entry.key.isHashable {
        _ = omit("not a key that a dictionary can hold")
      } else if let key = try admit(entry.key), let value = try admit(entry.value) {
        admitted.append(InertValue.Entry(key, value))
      }
      path.removeLast()
    }
    return admitted
  }
}

// MARK: Objects

extension LoadableTree {
  private mutating func admit(
    _ object: InertValue.Object
  ) throws(CheckpointError) -> InertValue? {
    switch object.type {
    case TorchPickleWriter.orderedDictionary where object.arguments.isEmpty:
      var admitted = InertValue.Object(type: object.type, items: try admit(object.items))
      admitted.state = try admitState(object.state)
      return .object(admitted)
    case "collections.Counter":
      guard let counts = object.counts, object.state == nil else { break }
      return .object(InertValue.Object(type: object.type, items: try admit(counts)))
    case "collections.defaultdict":
      _ = omit(
        "torch.load does not accept a defaultdict: it is written as a dict, without its factory")
      return .dictionary(try admit(object.items))
    case "torch.Size", "torch.device":
      guard object.isPlainCall else { break }
      return .object(InertValue.Object(type: object.type, arguments: object.arguments))
    default: break
    }
    return omit(
      (object.isDescription ? "it is no dense tensor: " : "torch.load does not accept ")
        + singleLine(object.type))
  }

  /// The attributes of an `OrderedDict`. Only a dictionary with text keys can be given to it.
  private mutating func admitState(
    _ state: InertValue?
  ) throws(CheckpointError) -> InertValue? {
    guard let state else { return nil }
    guard case .dictionary(let entries) = state, entries.allSatisfy({ $0.key.text != nil }) else {
      return omit("the attributes of the OrderedDict are no dictionary with text keys")
    }
    let admitted = try admit(entries)
    return admitted.isEmpty ? nil : .dictionary(admitted)
  }

  /// The names that may stand alone: torch's dtypes and quantisation schemes.
  private static let globals: Set<ExactName> = Set(
    ([
      "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16",
      "bfloat16", "float32", "float64", "complex32", "complex64", "complex128", "float8_e5m2",
      "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2",
      "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2", "qint8", "qint32", "quint8", "quint4x2",
      "quint2x4", "per_tensor_affine", "per_tensor_symmetric", "per_channel_affine",
      "per_channel_symmetric", "per_channel_affine_float_qparams",
    ] + (1...7).flatMap { ["int\($0)", "uint\($0)"] }).map { ExactName("torch." + $0) })

  /// The layouts, which are written as calls of `torch.serialization._get_layout` (torch 2.13, its cache of layouts).
  static let layouts: Set<ExactName> = Set(
    ["strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged"]
      .map { ExactName("torch." + $0) })
}

// MARK: The root

extension LoadableTree {
  /// The root of the pickle: the admitted structure, the weights that it does not mention, and the attributes.
  mutating func root(
    _ tree: InertValue?, tensors: [TorchArchivePlan.Tensor], attributes: [(String, InertValue)]
  ) throws(CheckpointError) -> InertValue {
    var root: InertValue?
    if let tree { root = try admit(tree) }
    let extra = tensors.filter { !mentioned.contains($0.name) }.map {
      InertValue.Entry(.string($0.name.string), .weight($0.name))
    }
    let attributes = try admit(attributes.map { InertValue.Entry(.string($0.0), $0.1) })
    switch root {
    case nil: return try Self.dictionary([], adding: extra, state: attributes)
    case let root? where extra.isEmpty && attributes.isEmpty: return root
    case .dictionary(let entries) where attributes.isEmpty:
      return .dictionary(try Self.joined(entries, extra))
    case .dictionary(let entries):
      return try Self.dictionary(entries, adding: extra, state: attributes)
    case .object(let object) where object.type == TorchPickleWriter.orderedDictionary:
      var state: [InertValue.Entry] = []
      if case .dictionary(let old) = object.state { state = old }
      let replaced = Set(attributes.compactMap(\.key.text))
      state.removeAll { $0.key.text.map(replaced.contains) ?? false }
      return try Self.dictionary(object.items, adding: extra, state: state + attributes)
    default:
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(member: "data.pkl"),
        "the root of the structure is no dictionary and cannot take "
          + (extra.isEmpty ? "attributes" : "the tensors that the structure does not mention"),
        remedy: "\(remedy: .weightsOnly) leaves it aside")
    }
  }

  private static func dictionary(
    _ entries: [InertValue.Entry], adding extra: [InertValue.Entry], state: [InertValue.Entry]
  ) throws(CheckpointError) -> InertValue {
    .object(
      InertValue.Object(
        type: TorchPickleWriter.orderedDictionary, items: try joined(entries, extra),
        state: state.isEmpty ? nil : .dictionary(state)))
  }

  private static func joined(
    _ entries: [InertValue.Entry], _ extra: [InertValue.Entry]
  ) throws(CheckpointError) -> [InertValue.Entry] {
    let taken = Set(entries.compactMap(\.key.text))
    for entry in extra {
      guard let name = entry.key.text, taken.contains(name) else { continue }
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(member: "data.pkl"), tensor: name.string,
        "the structure has something else under this name at its top level",
        remedy:
          "\(remedy: .weightsOnly) leaves the structure aside, \(remedy: .rename(from: name.string, to: name.string + ".weight")) gives the tensor another name"
      )
    }
    return entries + extra
  }
}
