internal import CheckpointBytes
internal import PickleFormat
internal import TensorValues

extension GlobalRole.DecodedValue {
  /// Instances that protocols 0 and 1 reconstruct get their attributes as a state.
  var mayHaveState: Bool { self == .reconstructor }
}

extension ObjectResolver {
  /// A value that its arguments tell.
  func decode(
    _ value: GlobalRole.DecodedValue, _ call: PickleCall, _ object: PickleObject
  ) throws(CheckpointError) -> Resolved {
    switch value {
    case .encodedBytes, .bytes, .byteArray:
      guard let bytes = bytes(of: call.reference) else {
        throw failure(.malformed, at: call.reference, call.type, "the arguments tell no bytes")
      }
      return .value(value == .byteArray ? .byteArray(bytes) : .bytes(bytes))
    case .set, .frozenSet: return try decodeSet(call, value == .set ? .set : .frozenSet)
    case .complex:
      try requireCount(call, 2...2)
      guard case .float(let real) = document[call.arguments[0]],
        case .float(let imaginary) = document[call.arguments[1]]
      else { throw wrongArgument(call, "parts", "two floats", call.arguments[0]) }
      return .value(.complex(real: real, imaginary: imaginary))
    case .size:
      try requireCount(call, 1...1)
      let sizes = try extents(call, 0, "size")
      let values = sizes.map { InertValue.integer(Int64($0)) }
      return .value(.object(InertValue.Object(type: call.type, arguments: [.tuple(values)])))
    case .device: return try decodeDevice(call)
    case .layout:
      try requireCount(call, 1...1)
      guard case .string(let layout) = document[call.arguments[0]] else {
        throw wrongArgument(call, "layout", "a name", call.arguments[0])
      }
      return .value(.global(layout))
    case .reconstructor: return try decodeReconstructor(call, object)
    case .typedContainer:
      try requireCount(call, 1...2)
      return .same(call.arguments[0])
    }
  }

  private func decodeSet(
    _ call: PickleCall, _ form: ResolvedObject.Form
  ) throws(CheckpointError) -> Resolved {
    try requireCount(call, 0...1)
    guard let argument = call.arguments.first else {
      return .value(form == .set ? .set([]) : .frozenSet([]))
    }
    guard case .list(let members) = document[argument] else {
      throw wrongArgument(call, "members", "a list", argument)
    }
    for member in members where !document.isHashable(member) {
      throw wrongArgument(call, "member", "a value with a hash", member)
    }
    return .object(ResolvedObject(type: call.type, form: form, arguments: members, items: []))
  }

  private func decodeDevice(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 1...2)
    guard case .string(let device) = document[call.arguments[0]] else {
      throw wrongArgument(call, "type", "a name", call.arguments[0])
    }
    var arguments: [InertValue] = [.string(device)]
    if call.arguments.count == 2 {
      arguments.append(.integer(Int64(try integer(call, 1, "index"))))
    }
    return .value(.object(InertValue.Object(type: call.type, arguments: arguments)))
  }

  /// `copy_reg._reconstructor(cls, object, None)`: a plain instance of a class, as protocols 0 and 1 write it.
  private func decodeReconstructor(
    _ call: PickleCall, _ object: PickleObject
  ) throws(CheckpointError) -> Resolved {
    try requireCount(call, 3...3)
    guard let name = document.global(call.arguments[0]),
      document.global(call.arguments[1])?.name == "object",
      case .none = document[call.arguments[2]]
    else {
      throw failure(
        .malformed, at: call.reference, call.type, "expected a class, object and None")
    }
    if case .attributes? = AllowedGlobals.role(of: name) {
    } else if !isInert {
      throw forbidden(
        at: call.reference,
        "\(quoted(name.description)) is not known as a class of plain attributes")
    }
    return .object(ResolvedObject(type: name.description, arguments: [], items: []))
  }

  /// A dictionary of another class. Its state is a dictionary of attributes; these classes have no slots.
  func mapping(_ call: PickleCall, _ object: PickleObject) throws(CheckpointError) -> Resolved {
    guard object.elements.isEmpty, object.keywords.isEmpty else {
      throw failure(
        .malformed, at: call.reference, call.type, "elements are given to a dictionary")
    }
    if let state = object.state {
      switch document[state] {
      case .none, .dictionary: break
      default: throw wrongArgument(call, "state", "a dictionary", state)
      }
    }
    var items: [PickleValue.Entry] = []
    var arguments = call.arguments
    // Python 2 gives an OrderedDict its items as a list of pairs.
    if let first = arguments.first, case .list(let pairs) = document[first] {
      arguments = []
      for pair in pairs {
        switch document[pair] {
        case .tuple(let parts) where parts.count == 2, .list(let parts) where parts.count == 2:
          guard document.isHashable(parts[0]) else {
            throw wrongArgument(call, "key", "a value with a hash", parts[0])
          }
          items.append(PickleValue.Entry(key: parts[0], value: parts[1]))
        default: throw wrongArgument(call, "items", "pairs", pair)
        }
      }
    }
    if let first = arguments.first {
      switch document[first] {
      // A factory of missing values, or the counts of a Counter.
      case .none, .global, .dictionary: break
      default: throw wrongArgument(call, "argument", "a class or a dictionary", first)
      }
    }
    guard call.arguments.count <= 1 else {
      throw failure(
        .malformed, at: call.reference, call.type,
        "expected at most 1 argument, found \(call.arguments.count)")
    }
    return .object(
      ResolvedObject(type: call.type, arguments: arguments, items: items + object.items))
  }

  /// The bytes that a value holds, however the protocol spells them: bytes, a byte array, a byte string of Python 2, or
  /// one of the calls `_codecs.encode(text, 'latin1')`, `bytes()`, `bytearray(…)`. Nil if it is something else.
  func bytes(of reference: PickleReference) -> [UInt8]? {
    switch document[reference] {
    case .bytes(let bytes), .byteArray(let bytes): return bytes
    case .string(let text): return [UInt8](text.utf8)
    case .object(let place):
      let object = document[place]
      guard let name = document.global(object.callable),
        case .value(let value)? = AllowedGlobals.role(of: name)
      else { return nil }
      return bytes(of: object, value)
    default: return nil
    }
  }

  private func bytes(of object: PickleObject, _ value: GlobalRole.DecodedValue) -> [UInt8]? {
    let arguments = object.arguments
    switch (value, arguments.count) {
    case (.bytes, 0), (.byteArray, 0): return []
    case (.encodedBytes, 2):
      return latin1(arguments[0], arguments[1])
    case (.byteArray, 2):
      return latin1(arguments[0], arguments[1])
    case (.byteArray, 1):
      switch document[arguments[0]] {
      case .bytes(let bytes): return bytes
      case .object(let place):
        let inner = document[place]
        // One level only: an encoded text, never a byte array of a byte array.
        guard inner.arguments.count == 2, let name = document.global(inner.callable),
          case .value(.encodedBytes)? = AllowedGlobals.role(of: name)
        else { return nil }
        return latin1(inner.arguments[0], inner.arguments[1])
      default: return nil
      }
    default: return nil
    }
  }

  /// Text of characters up to U+00FF as the bytes of the same numbers; no other encoding is met in checkpoints.
  private func latin1(_ text: PickleReference, _ encoding: PickleReference) -> [UInt8]? {
    guard case .string(let text) = document[text], case .string(let encoding) = document[encoding],
      ["latin1", "latin-1"].contains(encoding)
    else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard let byte = UInt8(exactly: scalar.value) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
