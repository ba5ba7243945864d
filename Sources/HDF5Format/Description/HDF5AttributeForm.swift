package import CheckpointBytes
package import TensorValues

/// An attribute as the file has it: the type of its elements, its extents, and the elements themselves. It and the
/// attribute's value are two forms of one thing; nothing of any library is in either.
package struct HDF5AttributeForm: Hashable {
  /// The elements.
  package enum Elements: Hashable {
    /// Packed numbers, or texts of fixed length, as the file stores them.
    case packed([UInt8])
    /// Texts of variable length.
    case texts([[UInt8]])
  }

  package var type: HDF5AttributeType
  /// The extents; nil for a null dataspace, which has no elements at all.
  package var shape: Shape?
  package var elements: Elements

  package init(type: HDF5AttributeType, shape: Shape?, elements: Elements) {
    self.type = type
    self.shape = shape
    self.elements = elements
  }
}

// MARK: From the file

extension HDF5Attribute {
  /// The attribute of its form in the file. A type that the value gives by itself is not kept beside it.
  package init(_ name: ExactName, _ form: HDF5AttributeForm) {
    let value = form.value
    let natural = HDF5Attribute(name, value)
    self.init(name, value, type: natural.form == form ? nil : form.type)
  }
}

extension HDF5AttributeForm {
  fileprivate var value: InertValue {
    guard let shape else { return .none }
    switch (type, elements) {
    case (.number(let dtype, let order), .packed(let stored)),
      (.enumeration(let dtype, let order, _), .packed(let stored)):
      return Self.number(dtype, shape, Self.reordered(stored, dtype, order))
    case (.text(let text), .packed(let stored)):
      let size = text.byteCount ?? 1
      return Self.nested(
        stride(from: 0, to: stored.count, by: size).map { start in
          Self.text(text.padding.trimmed(stored[start..<min(start + size, stored.count)]))
        }, shape)
    case (_, .texts(let texts)): return Self.nested(texts.map { Self.text($0[...]) }, shape)
    }
  }

  /// Text if it is UTF-8, bytes otherwise.
  private static func text(_ bytes: ArraySlice<UInt8>) -> InertValue {
    String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .bytes(Array(bytes))
  }

  /// One value for a scalar, lists of lists for an array. Several axes without elements have no such form.
  private static func nested(_ values: [InertValue], _ shape: Shape) -> InertValue {
    guard shape.rank > 0 else { return values.first ?? .none }
    guard shape.elementCount > 0 || shape.rank == 1 else {
      return HDF5Attribute.marker("text", "an array of texts without elements")
    }
    var values = values
    for extent in shape.dimensions.dropFirst().reversed() {
      values = stride(from: 0, to: values.count, by: extent).map {
        .list(Array(values[$0..<($0 + extent)]))
      }
    }
    return .list(values)
  }

  private static func number(_ dtype: DType, _ shape: Shape, _ bytes: [UInt8]) -> InertValue {
    let packed = InertValue.array(dtype: dtype.rawValue, shape: shape.dimensions, bytes: bytes)
    guard shape.rank == 0 else { return packed }
    let bits = bytes.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    switch dtype {
    case .bool where bits <= 1: return .boolean(bits == 1)
    case .u8, .u16, .u32: return .integer(Int64(bits))
    case .u64: return Int64(exactly: bits).map { .integer($0) } ?? .bigInteger(bytes + [0])
    case .i8: return .integer(Int64(Int8(truncatingIfNeeded: bits)))
    case .i16: return .integer(Int64(Int16(truncatingIfNeeded: bits)))
    case .i32: return .integer(Int64(Int32(truncatingIfNeeded: bits)))
    case .i64: return .integer(Int64(bitPattern: bits))
    case .f32:
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      // What a NaN carries in its bits survives neither the widening nor text.
      return value.isNaN && value.bitPattern != Float.nan.bitPattern
        ? packed : .float(Double(value))
    case .f64:
      let value = Double(bitPattern: bits)
      return value.isNaN && value.bitPattern != Double.nan.bitPattern ? packed : .float(value)
    default: return packed
    }
  }

  /// Bytes in the other order, if that is what they are in: to and from little-endian.
  fileprivate static func reordered(_ bytes: [UInt8], _ dtype: DType, _ order: ByteOrder) -> [UInt8]
  {
    guard order == .big, let width = dtype.componentByteWidth, width > 1 else { return bytes }
    var bytes = bytes
    for start in stride(from: 0, through: bytes.count - width, by: width) {
      bytes[start..<(start + width)].reverse()
    }
    return bytes
  }
}

extension HDF5AttributeType.Text.Padding {
  fileprivate func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = bytes
    switch self {
    case .nullPadded: while text.last == 0 { text.removeLast() }
    case .spacePadded: while text.last == 0x20 { text.removeLast() }
    case .nullTerminated: text = text.prefix { $0 != 0 }
    }
    return text
  }
}

// MARK: To the file

extension HDF5Attribute {
  /// What is to be written; nil if the value has no form in an attribute. A type that no longer fits the value (somebody
  /// changed it in between) gives way to the one that the value has by itself.
  var form: HDF5AttributeForm? {
    switch value {
    case .none:
      return type.map {
        HDF5AttributeForm(type: $0, shape: nil, elements: HDF5AttributeForm.none(of: $0))
      }
    case .string, .bytes, .list: return textForm
    default: return numberForm
    }
  }

  private var numberForm: HDF5AttributeForm? {
    guard let (natural, shape, bytes) = naturalNumber else { return nil }
    let (dtype, order): (DType, ByteOrder)
    switch type {
    case .number(let stated, let statedOrder)?, .enumeration(let stated, let statedOrder, _)?:
      (dtype, order) = (stated, statedOrder)
    default: return HDF5AttributeForm(number: natural, shape, bytes)
    }
    guard let type, let stored = HDF5AttributeForm.bytes(bytes, of: natural, as: dtype) else {
      return HDF5AttributeForm(number: natural, shape, bytes)
    }
    return HDF5AttributeForm(
      type: type, shape: shape, elements: .packed(HDF5AttributeForm.reordered(stored, dtype, order))
    )
  }

  /// The type, extents and little-endian bytes that the value has by itself.
  private var naturalNumber: (DType, Shape, [UInt8])? {
    switch value {
    case .integer(let value): return (.i64, .scalar, Self.bytes(value))
    case .bigInteger(let bytes) where bytes.count == 9 && bytes.last == 0:
      return (.u64, .scalar, Array(bytes.dropLast()))
    case .float(let value): return (.f64, .scalar, Self.bytes(value.bitPattern))
    case .boolean(let value): return (.bool, .scalar, [value ? 1 : 0])
    case .array(let name, let dimensions, let bytes):
      guard let dtype = DType(rawValue: name), let shape = Shape(dimensions),
        dtype.byteCount(elementCount: shape.elementCount) == bytes.count
      else { return nil }
      return (dtype, shape, bytes)
    default: return nil
    }
  }

  private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe Array($0) }
  }

  private var textForm: HDF5AttributeForm? {
    var texts: [[UInt8]] = []
    guard let dimensions = Self.collect(value, into: &texts), let shape = Shape(dimensions) else {
      return nil
    }
    var text = HDF5AttributeType.Text.variable
    if case .text(let stated)? = type { text = stated }
    guard var size = text.byteCount else {
      guard texts.allSatisfy({ !$0.contains(0) }) else { return nil }
      return HDF5AttributeForm(type: .text(text), shape: shape, elements: .texts(texts))
    }
    // A longer text than the type was made for makes it longer.
    size = texts.reduce(size) { max($0, $1.count) }
    text.byteCount = size
    let (byteCount, overflow) = size.multipliedReportingOverflow(by: texts.count)
    guard !overflow, byteCount <= ObjectHeaderDraft.mostMessageBytes else { return nil }
    let fill: UInt8 = text.padding == .spacePadded ? 0x20 : 0
    let packed = texts.flatMap { $0 + [UInt8](repeating: fill, count: size - $0.count) }
    return HDF5AttributeForm(type: .text(text), shape: shape, elements: .packed(packed))
  }

  /// The texts of a value in row-major order, and its extents; nil if anything else is in it, or the lists are of
  /// different lengths.
  private static func collect(_ value: InertValue, into texts: inout [[UInt8]]) -> [Int]? {
    switch value {
    case .string(let text): texts.append(Array(text.utf8))
    case .bytes(let bytes): texts.append(bytes)
    case .list(let values):
      var extents: [Int]?
      for value in values {
        guard let inner = collect(value, into: &texts), extents == nil || extents == inner else {
          return nil
        }
        extents = inner
      }
      return [values.count] + (extents ?? [])
    default: return nil
    }
    return []
  }
}

extension HDF5AttributeForm {
  fileprivate init(number dtype: DType, _ shape: Shape, _ bytes: [UInt8]) {
    self.init(type: .number(dtype, .little), shape: shape, elements: .packed(bytes))
  }

  fileprivate static func none(of type: HDF5AttributeType) -> Elements {
    if case .text(let text) = type, text.byteCount == nil { return .texts([]) }
    return .packed([])
  }

  /// Elements of one type as another that holds exactly the same value; nil if it does not.
  fileprivate static func bytes(
    _ bytes: [UInt8], of source: DType, as target: DType
  ) -> [UInt8]? {
    if source == target { return bytes }
    guard let width = target.byteWidth, bytes.count == 8 else { return nil }
    let bits = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    switch (source, target) {
    case (.f64, .f32):
      let value = Double(bitPattern: bits)
      let single = Float(value)
      guard value.isNaN || Double(single) == value else { return nil }
      return Array(packed(UInt64((value.isNaN ? Float.nan : single).bitPattern)).prefix(width))
    case (.i64, .u8), (.i64, .u16), (.i64, .u32), (.i64, .u64):
      guard Int64(bitPattern: bits) >= 0, width == 8 || bits >> UInt64(8 * width) == 0 else {
        return nil
      }
      return Array(bytes.prefix(width))
    case (.i64, .i8), (.i64, .i16), (.i64, .i32):
      let value = Int64(bitPattern: bits)
      let unused = Int64(64 - 8 * width)
      guard (value << unused) >> unused == value else { return nil }
      return Array(bytes.prefix(width))
    default: return nil
    }
  }

  private static func packed(_ value: UInt64) -> [UInt8] {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe Array($0) }
  }
}
