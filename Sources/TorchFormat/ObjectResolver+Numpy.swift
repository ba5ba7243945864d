internal import CheckpointBytes
internal import PickleFormat
internal import TensorValues

/// A numpy type of numbers.
struct NumpyDType {
  let dtype: DType
  let byteOrder: ByteOrder
}

extension ObjectResolver {
  /// A numpy array, scalar or type.
  func numpyObject(
    _ part: GlobalRole.NumpyPart, _ call: PickleCall, _ object: PickleObject
  ) throws(CheckpointError) -> Resolved {
    guard object.items.isEmpty, object.elements.isEmpty, object.keywords.isEmpty else {
      throw failure(
        .malformed, at: call.reference, call.type, "items or elements are given to an array")
    }
    switch part {
    case .reconstruct: return try reconstructedArray(call, object)
    case .fromBuffer: return try bufferedArray(call)
    case .scalar: return try scalar(call)
    case .dtype, .array:
      _ = try numpyDType(call, call.reference)
      return .object(ResolvedObject(type: call.type, arguments: call.arguments, items: []))
    }
  }

  /// `_reconstruct(numpy.ndarray, (0,), b'b')` with the state (version, shape, dtype, Fortran order, data).
  ///
  /// Another class than numpy's own, where unknown objects are kept, may have a state of another form: such an object is
  /// kept as it is.
  private func reconstructedArray(
    _ call: PickleCall, _ object: PickleObject
  ) throws(CheckpointError) -> Resolved {
    try requireCount(call, 3...3)
    guard let type = document.global(call.arguments[0]) else {
      throw wrongArgument(call, "class", "numpy.ndarray", call.arguments[0])
    }
    guard case .numpy(.array)? = AllowedGlobals.role(of: type) else {
      guard isInert else {
        throw wrongArgument(call, "class", "numpy.ndarray", call.arguments[0])
      }
      return (try? array(call, type, object.state)) ?? kept(call)
    }
    return try array(call, type, object.state)
  }

  /// The array that a state of numpy's own form describes.
  private func array(
    _ call: PickleCall, _ type: GlobalName, _ state: PickleReference?
  ) throws(CheckpointError) -> Resolved {
    guard let state, case .tuple(let parts) = document[state],
      parts.count == 5, case .boolean(let isFortran) = document[parts[3]]
    else {
      throw failure(.malformed, at: call.reference, call.type, "the array has no state")
    }
    return try array(
      call, type.description, shape: parts[1], dtype: parts[2], isFortran: isFortran,
      data: parts[4])
  }

  /// What is no array of numbers: text, dates, records, objects.
  private func kept(_ call: PickleCall) -> Resolved {
    let type = call.arguments.first.flatMap(document.global)?.description ?? "numpy.ndarray"
    return .object(ResolvedObject(type: type, arguments: call.arguments, items: []))
  }

  /// `_frombuffer(data, dtype, shape, order)`, written by protocol 5.
  private func bufferedArray(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 4...4)
    guard case .string(let order) = document[call.arguments[3]], ["C", "F"].contains(order) else {
      throw wrongArgument(call, "order", "'C' or 'F'", call.arguments[3])
    }
    return try array(
      call, "numpy.ndarray", shape: call.arguments[2], dtype: call.arguments[1],
      isFortran: order == "F", data: call.arguments[0])
  }

  private func array(
    _ call: PickleCall, _ className: String, shape: PickleReference, dtype: PickleReference,
    isFortran: Bool, data: PickleReference
  ) throws(CheckpointError) -> Resolved {
    let sizes = try extents(call, at: shape, "shape")
    guard let shape = Shape(sizes) else {
      throw failure(.malformed, at: call.reference, call.type, "shape \(sizes) is too large")
    }
    guard let type = try numpyDType(call, dtype) else { return kept(call) }
    guard let bytes = bytes(of: data) else { throw wrongArgument(call, "data", "bytes", data) }
    guard type.dtype.byteCount(elementCount: shape.elementCount) == bytes.count else {
      throw failure(
        .malformed, at: call.reference, call.type,
        "an array \(shape) of \(type.dtype) cannot have \(bytes.count) bytes")
    }
    var strides = StridedLayout.packedStrides(of: shape)
    if isFortran, let reversed = Shape(sizes.reversed()) {
      strides = StridedLayout.packedStrides(of: reversed).reversed()
    }
    guard let layout = StridedLayout(shape: shape, strides: strides) else {
      throw failure(.malformed, at: call.reference, call.type, "shape \(sizes) is too large")
    }
    let offset = document.offset(of: call.reference)
    let origin = [site.file, site.member, "array @ \(offset)"].compactMap(\.self)
    let storage = TorchStorage(
      key: "numpy@\(offset)", dtype: type.dtype, byteOrder: type.byteOrder,
      source: MemoryBytes(bytes, origin: origin.joined(separator: ": ")))
    var tensor = TensorValue(dtype: type.dtype, storage: storage, layout: layout)
    if className != "numpy.ndarray" { tensor.className = className }
    return .tensor(tensor)
  }

  /// `numpy.dtype('f4', False, True)` with the state (3, '<', None, None, None, -1, -1, 0); types of other packages stand
  /// there as their classes, `ml_dtypes.bfloat16`. Nil for types that are no plain numbers.
  private func numpyDType(
    _ call: PickleCall, _ reference: PickleReference
  ) throws(CheckpointError) -> NumpyDType? {
    guard let object = document.object(reference),
      let name = document.global(object.callable),
      case .numpy(.dtype)? = AllowedGlobals.role(of: name), object.arguments.count == 3
    else {
      // A type that another package makes, `numpy._core._internal._convert_to_stringdtype_kwargs(…)`.
      if isInert, document.object(reference) != nil { return nil }
      throw wrongArgument(call, "dtype", "a numpy.dtype", reference)
    }
    let code: String
    switch document[object.arguments[0]] {
    case .string(let text): code = text
    case .global(let place): code = document[place].description
    default: throw wrongArgument(call, "dtype", "a numpy.dtype", reference)
    }
    guard let dtype = NumpyDType.codes[code] else { return nil }
    guard let state = object.state, case .tuple(let parts) = document[state], parts.count >= 5,
      case .string(let order) = document[parts[1]]
    else {
      throw failure(.malformed, at: reference, "numpy.dtype", "the byte order is not stated")
    }
    switch order {
    case "<": return NumpyDType(dtype: dtype, byteOrder: .little)
    case ">": return NumpyDType(dtype: dtype, byteOrder: .big)
    case "|" where dtype.byteWidth == 1: return NumpyDType(dtype: dtype, byteOrder: .little)
    default:
      throw failure(
        .malformed, at: reference, "numpy.dtype", "byte order \(quoted(order)) of \(quoted(code))")
    }
  }

  /// `scalar(dtype, bytes)`
  private func scalar(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 2...2)
    guard let type = try numpyDType(call, call.arguments[0]) else {
      if let text = text(call) { return .value(text) }
      return .object(ResolvedObject(type: call.type, arguments: call.arguments, items: []))
    }
    guard var bytes = bytes(of: call.arguments[1]), bytes.count == type.dtype.byteWidth,
      let width = type.dtype.componentByteWidth
    else { throw wrongArgument(call, "data", "the bytes of a \(type.dtype)", call.arguments[1]) }
    if type.byteOrder == .big {
      for start in stride(from: 0, to: bytes.count, by: width) {
        bytes[start..<(start + width)].reverse()
      }
    }
    return .value(NumpyDType.value(type.dtype, littleEndian: bytes))
  }

  /// The value of `scalar(dtype('<U3'), bytes)` and `scalar(dtype('S3'), bytes)`, texts of UTF-32 and of bytes filled up
  /// with zeros; nil if it is something else.
  private func text(_ call: PickleCall) -> InertValue? {
    guard let type = document.object(call.arguments[0]),
      case .string(let code)? = type.arguments.first.map({ document[$0] }),
      let size = Int(code.dropFirst()), let bytes = bytes(of: call.arguments[1])
    else { return nil }
    let isZero = { (byte: UInt8) in byte == 0 }
    if code.utf8.first == UInt8(ascii: "S"), bytes.count == size {
      return .bytes(Array(bytes[..<(bytes.lastIndex { !isZero($0) }.map { $0 + 1 } ?? 0)]))
    }
    guard code.utf8.first == UInt8(ascii: "U"), bytes.count.isMultiple(of: 4),
      bytes.count / 4 == size, let state = type.state, case .tuple(let parts) = document[state],
      parts.count >= 5, case .string(let order) = document[parts[1]], ["<", ">"].contains(order)
    else { return nil }
    var text = String.UnicodeScalarView()
    for start in stride(from: 0, to: bytes.count, by: 4) {
      let unit = bytes[start..<(start + 4)]
      let value = (order == ">" ? Array(unit) : unit.reversed()).reduce(0 as UInt32) {
        $0 << 8 | UInt32($1)
      }
      guard let scalar = Unicode.Scalar(value) else { return nil }
      text.append(scalar)
    }
    while text.last == "\0" { text.removeLast() }
    return .string(String(text))
  }
}

extension NumpyDType {
  /// numpy's codes of plain numbers, a kind and a size in bytes, and the classes of ml_dtypes whose elements are the
  /// numbers of a type of ours.
  static let codes: [String: DType] = [
    "b1": .bool, "i1": .i8, "i2": .i16, "i4": .i32, "i8": .i64, "u1": .u8, "u2": .u16, "u4": .u32,
    "u8": .u64, "f2": .f16, "f4": .f32, "f8": .f64, "c8": .c64, "c16": .c128,
    "ml_dtypes.bfloat16": .bf16, "ml_dtypes.float8_e4m3fn": .f8E4M3,
    "ml_dtypes.float8_e4m3fnuz": .f8E4M3FNUZ, "ml_dtypes.float8_e5m2": .f8E5M2,
    "ml_dtypes.float8_e5m2fnuz": .f8E5M2FNUZ, "ml_dtypes.float8_e8m0fnu": .f8E8M0,
  ]

  /// One number as a value; half precision stays an array of one, because not every Swift has the type.
  static func value(_ dtype: DType, littleEndian bytes: [UInt8]) -> InertValue {
    var pattern: UInt64 = 0
    for byte in bytes.prefix(8).reversed() { pattern = pattern << 8 | UInt64(byte) }
    switch dtype {
    case .bool where pattern <= 1: return .boolean(pattern == 1)
    case .i8: return .integer(Int64(Int8(truncatingIfNeeded: pattern)))
    case .i16: return .integer(Int64(Int16(truncatingIfNeeded: pattern)))
    case .i32: return .integer(Int64(Int32(truncatingIfNeeded: pattern)))
    case .i64: return .integer(Int64(bitPattern: pattern))
    case .u64 where pattern > UInt64(Int64.max): return .bigInteger(bytes + [0])
    case .u8, .u16, .u32, .u64: return .integer(Int64(bitPattern: pattern))
    case .f32: return .float(Double(Float(bitPattern: UInt32(truncatingIfNeeded: pattern))))
    case .f64: return .float(Double(bitPattern: pattern))
    default: return .array(dtype: dtype.rawValue, shape: [], bytes: bytes)
    }
  }
}
