internal import CheckpointBytes
internal import TensorValues

/// Reads the header's JSON into tensors and metadata, and checks them against each other.
struct SafetensorsHeaderParser {
  let limits: ReadLimits
  private(set) var tensors: [SafetensorsHeader.Tensor] = []
  private(set) var metadata: [(key: ExactName, value: String)]?
  private var names: Set<ExactName> = []
  private var hasMetadata = false

  init(limits: ReadLimits) {
    self.limits = limits
  }

  mutating func parse(_ text: [UInt8], base: Int) throws(ParseFailure) {
    var reader = JSONReader(
      text, context: "header", base: base, limits: limits)
    guard try reader.peekKind() == .object else {
      throw ParseFailure(.malformed, at: reader.offset, "header", "expected a JSON object")
    }
    try reader.readObject { (name, reader) throws(ParseFailure) in
      if name == "__metadata__" {
        try parseMetadata(&reader)
      } else {
        try parseTensor(name, &reader)
      }
    }
    try reader.readEnd()
  }

  private mutating func parseMetadata(_ reader: inout JSONReader) throws(ParseFailure) {
    guard !hasMetadata else {
      throw ParseFailure(.malformed, at: reader.offset, "__metadata__", "occurs twice")
    }
    hasMetadata = true
    if try reader.peekKind() == .null {
      try reader.readNull()
      return
    }
    guard try reader.peekKind() == .object else {
      throw ParseFailure(
        .malformed, at: reader.offset, "__metadata__", "expected an object of strings")
    }
    var entries: [(key: ExactName, value: String)] = []
    var keys: Set<ExactName> = []
    try reader.readObject { (key, reader) throws(ParseFailure) in
      guard try reader.peekKind() == .string else {
        throw ParseFailure(
          .malformed, at: reader.offset, "__metadata__",
          "the value of \(quoted(key.string)) is no string")
      }
      guard entries.count < limits.tensorCount else {
        throw ParseFailure(
          .limitExceeded, at: reader.offset, "__metadata__",
          "more than \(limits.tensorCount) entries")
      }
      guard keys.insert(key).inserted else {
        throw ParseFailure(
          .malformed, at: reader.offset, "__metadata__",
          "the key \(quoted(key.string)) occurs twice")
      }
      entries.append((key, try reader.readString()))
    }
    metadata = entries
  }

  private mutating func parseTensor(
    _ name: ExactName, _ reader: inout JSONReader
  ) throws(ParseFailure) {
    let place = reader.offset
    func fail(_ kind: FailureKind, _ problem: String) -> ParseFailure {
      ParseFailure(kind, at: place, "header", tensor: name.string, problem)
    }
    guard tensors.count < limits.tensorCount else {
      throw fail(.limitExceeded, "more than \(limits.tensorCount) tensors")
    }
    guard name.byteCount <= limits.nameBytes else {
      throw fail(.limitExceeded, "the name is longer than \(limits.nameBytes) bytes")
    }
    guard names.insert(name).inserted else { throw fail(.malformed, "the name occurs twice") }
    guard try reader.peekKind() == .object else {
      throw fail(.malformed, "expected an object with dtype, shape and data_offsets")
    }
    var entry = TensorEntry()
    try reader.readObject { (key, reader) throws(ParseFailure) in
      let isNew: Bool
      switch key.string {
      case "dtype":
        isNew = entry.dtype == nil
        guard try reader.peekKind() == .string else { throw fail(.malformed, "dtype is no string") }
        entry.dtype = try reader.readString()
      case "shape":
        isNew = entry.shape == nil
        entry.shape = try SafetensorsHeaderParser.readIntegers(&reader, atMost: limits.rank, fail)
      case "data_offsets":
        isNew = entry.offsets == nil
        entry.offsets = try SafetensorsHeaderParser.readIntegers(
          &reader, atMost: max(2, limits.rank), fail)
      default:
        throw fail(.malformed, "unknown field \(quoted(key.string))")
      }
      guard isNew else { throw fail(.malformed, "the field \(key.string) occurs twice") }
    }
    tensors.append(try entry.validated(name: name, fail))
  }

  private static func readIntegers(
    _ reader: inout JSONReader, atMost limit: Int, _ fail: (FailureKind, String) -> ParseFailure
  ) throws(ParseFailure) -> [Int] {
    guard try reader.peekKind() == .array else {
      throw fail(.malformed, "expected a list of integers")
    }
    var integers: [Int] = []
    // As many as nearly all lists have: growing from none to two takes two allocations.
    integers.reserveCapacity(2)
    try reader.readArray { (reader) throws(ParseFailure) in
      guard try reader.peekKind() == .number else {
        throw fail(.malformed, "expected a list of integers")
      }
      guard integers.count < limit else {
        throw fail(.limitExceeded, "a list of more than \(limit) integers")
      }
      let number = try reader.readNumber()
      // The reference reads -0 as a float, and refuses it.
      guard let integer = number.exactly(Int.self), !number.text.hasPrefix("-") else {
        throw fail(.malformed, "\(number.text) is no integer from 0 to 2^63 - 1")
      }
      integers.append(integer)
    }
    return integers
  }

  /// The tensors in the order of their bytes, once it is sure that they cover the data exactly.
  func orderedTensors(dataSize: Int, base: Int) throws(ParseFailure) -> [SafetensorsHeader.Tensor] {
    // Stable: tensors without bytes keep the header's order.
    let order = tensors.indices.sorted { left, right in
      let a = tensors[left].range
      let b = tensors[right].range
      return (a.lowerBound, a.upperBound, left) < (b.lowerBound, b.upperBound, right)
    }
    var end = 0
    for index in order {
      let tensor = tensors[index]
      guard tensor.range.lowerBound == end else {
        throw ParseFailure(
          .malformed, at: base, "header", tensor: tensor.name.string,
          tensor.range.lowerBound < end
            ? "data_offsets begin at \(tensor.range.lowerBound), inside the tensor that ends at \(end)"
            : "data_offsets begin at \(tensor.range.lowerBound) and leave a hole from \(end)")
      }
      end = tensor.range.upperBound
    }
    guard end == dataSize else {
      throw ParseFailure(
        end > dataSize ? .truncated : .malformed, at: base, "data",
        "the tensors take \(end) bytes, the file has \(dataSize) after the header")
    }
    return order.map { tensors[$0] }
  }
}

/// The fields of a tensor's entry, as far as they have been read.
private struct TensorEntry {
  var dtype: String?
  var shape: [Int]?
  var offsets: [Int]?

  func validated(
    name: ExactName, _ fail: (FailureKind, String) -> ParseFailure
  ) throws(ParseFailure) -> SafetensorsHeader.Tensor {
    guard let dtype else { throw fail(.malformed, "dtype is missing") }
    guard let extents = self.shape else { throw fail(.malformed, "shape is missing") }
    guard let offsets else { throw fail(.malformed, "data_offsets is missing") }
    guard let type = DType(rawValue: dtype), type.isSafetensorsType else {
      throw fail(.unsupported, "unknown dtype \(quoted(dtype))")
    }
    // The reference counts elements in 64 bits without a sign from the left, so that a 0 behind does not help.
    var count: UInt64 = 1
    let counts = extents.allSatisfy { extent in
      let (product, overflow) = count.multipliedReportingOverflow(by: UInt64(clamping: extent))
      count = product
      return !overflow
    }
    guard counts, let shape = Shape(extents) else {
      throw fail(.malformed, "the number of elements of shape \(extents) overflows")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw fail(.malformed, "data_offsets are \(offsets), expected [begin, end]")
    }
    guard let byteCount = type.byteCount(elementCount: shape.elementCount) else {
      throw fail(.malformed, "\(type) \(shape) is no whole number of bytes, or overflows")
    }
    guard byteCount == offsets[1] - offsets[0] else {
      throw fail(
        .malformed,
        "\(type) \(shape) takes \(byteCount) bytes, data_offsets give \(offsets[1] - offsets[0])")
    }
    return SafetensorsHeader.Tensor(
      name: name, dtype: type, shape: shape, range: offsets[0]..<offsets[1])
  }
}
