internal import CheckpointBytes
internal import PickleFormat

/// Writes `data.pkl`: a structure that ``LoadableTree`` has admitted, and the tensors in it as torch's pickler writes
/// them.
struct TorchPickleWriter {
  static let orderedDictionary = "collections.OrderedDict"

  private let table: TorchTensorTable
  private var pickle = PickleWriter()
  /// The caller's index of each storage, in the order in which the pickle names them.
  private(set) var storageOrder: [Int] = []
  private var storageKeys: [Int?]

  init(table: TorchTensorTable) {
    self.table = table
    storageKeys = [Int?](repeating: nil, count: table.storageByteCounts.count)
  }

  /// The whole pickle. Recurses as deep as the structure, which ``LoadableTree`` has bounded.
  mutating func pickle(of root: InertValue) throws(ParseFailure) -> [UInt8] {
    try write(root)
    pickle.writeStop()
    return pickle.bytes
  }
}

// MARK: Values

extension TorchPickleWriter {
  private mutating func write(_ value: InertValue) throws(ParseFailure) {
    switch value {
    case .none: pickle.writeNone()
    case .boolean(let value): pickle.write(boolean: value)
    case .integer(let number): pickle.write(integer: number)
    case .bigInteger(let digits): try pickle.write(bigInteger: digits)
    case .float(let number): pickle.write(float: number)
    case .complex(let real, let imaginary):
      try writeCall("__builtin__.complex", [.float(real), .float(imaginary)])
    case .string(let text): try write(text: text)
    // Protocol 2 has no bytes: Python writes them as text of the same code points.
    case .bytes(let bytes):
      try writeCall("_codecs.encode", [.string(Self.latin1(bytes)), .string("latin1")])
    case .byteArray(let bytes):
      try writeCall(
        "__builtin__.bytearray",
        bytes.isEmpty ? [] : [.string(Self.latin1(bytes)), .string("latin-1")])
    case .list(let elements): try write(list: elements)
    case .tuple(let elements): try write(tuple: elements)
    case .set(let elements): try writeCall("__builtin__.set", [.list(elements)])
    case .dictionary(let entries):
      pickle.writeEmptyDictionary()
      try write(items: entries)
    case .object(let object): try write(object)
    case .global(let name) where LoadableTree.layouts.contains(ExactName(name)):
      try writeCall("torch.serialization._get_layout", [.string(name)])
    case .global(let name): try write(global: name)
    case .weight(let name): try write(tensor: name)
    case .frozenSet, .array:
      throw ParseFailure(.unsupported, "data.pkl", "a value that torch.load does not accept")
    }
  }

  /// Words that come again and again (`version`, `cpu`) are written once; long texts and names are not remembered.
  private mutating func write(text: String) throws(ParseFailure) {
    if text.utf8.count <= 16 {
      try pickle.write(sharedText: text)
    } else {
      try pickle.write(text: text)
    }
  }

  private static func latin1(_ bytes: [UInt8]) -> String {
    var text = ""
    for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    return text
  }

  private mutating func write(list elements: [InertValue]) throws(ParseFailure) {
    pickle.writeEmptyList()
    for start in stride(from: 0, to: elements.count, by: PickleWriter.batchCount) {
      let batch = elements[start...].prefix(PickleWriter.batchCount)
      if batch.count > 1 { pickle.writeMark() }
      for element in batch { try write(element) }
      if batch.count > 1 { pickle.writeAppends() } else { pickle.writeAppend() }
    }
  }

  private mutating func write(tuple elements: [InertValue]) throws(ParseFailure) {
    pickle.beginTuple(count: elements.count)
    for element in elements { try write(element) }
    pickle.endTuple(count: elements.count)
  }

  private mutating func write(items entries: [InertValue.Entry]) throws(ParseFailure) {
    for start in stride(from: 0, to: entries.count, by: PickleWriter.batchCount) {
      let batch = entries[start...].prefix(PickleWriter.batchCount)
      if batch.count > 1 { pickle.writeMark() }
      for entry in batch {
        // A tensor's name occurs once, and there may be a million.
        if case .weight = entry.value, case .string(let name) = entry.key {
          try pickle.write(text: name)
        } else {
          try write(entry.key)
        }
        try write(entry.value)
      }
      if batch.count > 1 { pickle.writeSetItems() } else { pickle.writeSetItem() }
    }
  }

  private mutating func write(_ object: InertValue.Object) throws(ParseFailure) {
    switch object.type {
    case Self.orderedDictionary:
      try writeCall(object.type, [])
      try write(items: object.items)
      if let state = object.state {
        try write(state)
        pickle.writeBuild()
      }
    case "collections.Counter": try writeCall(object.type, [.dictionary(object.items)])
    default: try writeCall(object.type, object.arguments)
    }
  }

  private mutating func writeCall(
    _ function: String, _ arguments: [InertValue]
  ) throws(ParseFailure) {
    try write(global: function)
    try write(tuple: arguments)
    pickle.writeReduce()
  }

  /// A dotted name: what stands before the last dot is the module.
  private mutating func write(global name: String) throws(ParseFailure) {
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else {
      throw ParseFailure(.malformed, "data.pkl", "\(quoted(name)) has no module")
    }
    try pickle.write(
      global: String(name[name.utf8.index(after: dot)...]), in: String(name[..<dot]))
  }
}

// MARK: Tensors

extension TorchPickleWriter {
  /// `_rebuild_tensor_v2` over a typed storage, or `_rebuild_tensor_v3` over an untyped one with the dtype's name
  /// (`torch/_tensor.py`, `_reduce_ex_internal`, torch 2.13).
  ///
  /// Ties are written as torch writes them: each tensor by itself, over one storage.
  private mutating func write(tensor name: ExactName) throws(ParseFailure) {
    guard let entry = table.entries[name] else {
      throw ParseFailure(.notFound, "data.pkl", "there is no tensor \(quoted(name.string))")
    }
    let shape = entry.representation
    let storageClass = table.storageClasses[entry.tensor.storage]
    let isTyped = storageClass != nil
    try write(
      global: isTyped ? "torch._utils._rebuild_tensor_v2" : "torch._utils._rebuild_tensor_v3")
    pickle.beginTuple(count: isTyped ? 6 : 7)
    try write(
      storage: entry.tensor.storage, class: storageClass.map { "torch." + $0 },
      elementBytes: isTyped ? shape.elementBytes : 1)
    pickle.write(integer: 0)
    pickle.writeTuple(integers: shape.dimensions)
    pickle.writeTuple(integers: Self.strides(of: shape.dimensions))
    pickle.write(boolean: false)
    try writeCall(Self.orderedDictionary, [])
    if !isTyped { try write(global: "torch." + shape.dtypeName) }
    pickle.endTuple(count: isTyped ? 6 : 7)
    pickle.writeReduce()
  }

  /// `('storage', class, key, 'cpu', number of elements)` as a persistent identifier.
  private mutating func write(
    storage index: Int, class storageClass: String?, elementBytes: Int
  ) throws(ParseFailure) {
    let key = storageKeys[index] ?? storageOrder.count
    if storageKeys[index] == nil {
      storageKeys[index] = key
      storageOrder.append(index)
    }
    pickle.beginTuple(count: 5)
    try pickle.write(sharedText: "storage")
    try write(global: storageClass ?? "torch.storage.UntypedStorage")
    try pickle.write(text: String(key))
    try pickle.write(sharedText: "cpu")
    pickle.write(integer: Int64(table.storageByteCounts[index] / elementBytes))
    pickle.endTuple(count: 5)
    pickle.writePersistentIdentifier()
  }

  /// Row-major strides as torch counts them: an extent of 0 counts as 1.
  private static func strides(of dimensions: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: dimensions.count)
    var step = 1
    for axis in dimensions.indices.reversed() {
      strides[axis] = step
      // Overflows only beside an extent of 0, where no element is addressed.
      let (product, overflow) = step.multipliedReportingOverflow(by: max(dimensions[axis], 1))
      step = overflow ? 0 : product
    }
    return strides
  }
}
