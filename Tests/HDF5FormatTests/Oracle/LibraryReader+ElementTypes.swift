internal import CHDF5
internal import CheckpointBytes
internal import HDF5Format
internal import TensorValues

// Datatype messages (HDF5 specification IV.A.2.d). A number is only taken for one if every field of its description is
// exactly that of the type: sizes alone prove nothing.

extension HDF5IntegerBits {
  /// The bits that make up an integer, if they are not all.
  init?(_ type: hid_t) {
    guard H5Tget_class(type) == H5T_INTEGER,
      H5Tget_precision(type) != 8 * H5Tget_size(type)
    else { return nil }
    self.init(offset: Int(H5Tget_offset(type)), count: H5Tget_precision(type))
  }
}

extension HDF5ElementType {
  /// What a datatype of the library is.
  init(_ type: hid_t) {
    let size = H5Tget_size(type)
    switch H5Tget_class(type) {
    case H5T_INTEGER: self = HDF5ElementType.integer(type, size)
    case H5T_FLOAT: self = HDF5ElementType.float(type, size)
    case H5T_ENUM: self = HDF5ElementType.enumeration(type)
    case H5T_COMPOUND: self = HDF5ElementType.compound(type, size)
    case H5T_OPAQUE: self = .opaque(byteCount: size, tag: HDF5ElementType.tag(type))
    case H5T_STRING:
      self = .unsupported(
        weighbridge_hdf5_is_variable_length_string(type) != 0
          ? "variable-length string" : "fixed-length string")
    case H5T_BITFIELD: self = .unsupported("bit field")
    case H5T_REFERENCE: self = .unsupported("reference")
    case H5T_VLEN: self = .unsupported("variable-length sequence")
    case H5T_ARRAY: self = .unsupported("array")
    case H5T_TIME: self = .unsupported("time")
    default: self = .unsupported("unknown type")
    }
  }

  private static func order(_ type: hid_t, _ size: Int) -> ByteOrder? {
    switch H5Tget_order(type) {
    case H5T_ORDER_LE: .little
    case H5T_ORDER_BE: size == 1 ? .little : .big
    case H5T_ORDER_NONE where size == 1: .little
    default: nil
    }
  }

  private static func integer(_ type: hid_t, _ size: Int) -> HDF5ElementType {
    let isSigned = H5Tget_sign(type) == H5T_SGN_2
    guard let order = order(type, size) else {
      return .unsupported("\(size)-byte integer of another byte order")
    }
    switch size {
    case 1: return .number(isSigned ? .i8 : .u8, order)
    case 2: return .number(isSigned ? .i16 : .u16, order)
    case 4: return .number(isSigned ? .i32 : .u32, order)
    case 8: return .number(isSigned ? .i64 : .u64, order)
    default: return .unsupported("\(size)-byte integer")
    }
  }

  /// Sign, exponent and mantissa of a binary floating-point type.
  private struct Fields: Hashable {
    var sign = 0
    var exponent = 0
    var exponentSize = 0
    var mantissa = 0
    var mantissaSize = 0
    var bias = 0

    init(exponentSize: Int, mantissaSize: Int, bias: Int) {
      sign = exponentSize + mantissaSize
      exponent = mantissaSize
      self.exponentSize = exponentSize
      self.mantissaSize = mantissaSize
      self.bias = bias
    }

    init?(_ type: hid_t) {
      guard
        unsafe H5Tget_fields(
          type, &sign, &exponent, &exponentSize, &mantissa, &mantissaSize) >= 0
      else { return nil }
      bias = H5Tget_ebias(type)
    }

    static let known: [Fields: DType] = [
      Fields(exponentSize: 4, mantissaSize: 3, bias: 7): .f8E4M3,
      Fields(exponentSize: 4, mantissaSize: 3, bias: 8): .f8E4M3FNUZ,
      Fields(exponentSize: 5, mantissaSize: 2, bias: 15): .f8E5M2,
      Fields(exponentSize: 5, mantissaSize: 2, bias: 16): .f8E5M2FNUZ,
      Fields(exponentSize: 5, mantissaSize: 10, bias: 15): .f16,
      Fields(exponentSize: 8, mantissaSize: 7, bias: 127): .bf16,
      Fields(exponentSize: 8, mantissaSize: 23, bias: 127): .f32,
      Fields(exponentSize: 11, mantissaSize: 52, bias: 1023): .f64,
    ]
  }

  private static func float(_ type: hid_t, _ size: Int) -> HDF5ElementType {
    guard let order = order(type, size), let fields = Fields(type),
      let dtype = Fields.known[fields], dtype.byteWidth == size,
      H5Tget_precision(type) == 8 * size, H5Tget_offset(type) == 0,
      H5Tget_norm(type) == H5T_NORM_IMPLIED
    else { return .unsupported("\(size)-byte floating-point number of another form") }
    return .number(dtype, order)
  }

  private static func enumeration(_ type: hid_t) -> HDF5ElementType {
    guard let base = HDF5Handle.datatype(H5Tget_super(type)),
      H5Tget_class(base.identifier) == H5T_INTEGER
    else { return .unsupported("enumeration") }
    guard HDF5IntegerBits(base.identifier) == nil else { return .unsupported("enumeration") }
    let integer = integer(base.identifier, H5Tget_size(base.identifier))
    guard case .number(let dtype, let order) = integer, dtype == .i8 || dtype == .u8,
      H5Tget_nmembers(type) == 2
    else { return integer }
    // As h5py writes numpy's bool, and takes for one with a sign or without.
    let boolean: Set = [HDF5AttributeType.Member("FALSE", 0), HDF5AttributeType.Member("TRUE", 1)]
    return members(type, dtype, order).map(Set.init) == boolean ? .number(.bool, order) : integer
  }

  /// The names of an enumeration over integers of a type; nil if they cannot be had.
  fileprivate static func members(
    _ type: hid_t, _ dtype: DType, _ order: ByteOrder
  ) -> [HDF5AttributeType.Member]? {
    guard let width = dtype.byteWidth, width == H5Tget_size(type) else { return nil }
    var members: [HDF5AttributeType.Member] = []
    for index in 0..<UInt32(clamping: H5Tget_nmembers(type)) {
      var bytes = [UInt8](repeating: 0, count: width)
      guard unsafe H5Tget_member_value(type, index, &bytes) >= 0 else { return nil }
      if order == .big { bytes.reverse() }
      members.append(HDF5AttributeType.Member(memberName(type, index), dtype.integer(bytes)))
    }
    return members
  }

  private static func compound(_ type: hid_t, _ size: Int) -> HDF5ElementType {
    let other = HDF5ElementType.unsupported("compound")
    guard H5Tget_nmembers(type) == 2, memberName(type, 0) == "r", memberName(type, 1) == "i",
      H5Tget_member_offset(type, 0) == 0, H5Tget_member_offset(type, 1) == size / 2,
      let real = HDF5Handle.datatype(H5Tget_member_type(type, 0)),
      let imaginary = HDF5Handle.datatype(H5Tget_member_type(type, 1)),
      H5Tget_class(real.identifier) == H5T_FLOAT, H5Tget_class(imaginary.identifier) == H5T_FLOAT,
      case .number(let dtype, let order) = float(real.identifier, H5Tget_size(real.identifier)),
      float(imaginary.identifier, H5Tget_size(imaginary.identifier)) == .number(dtype, order)
    else { return other }
    switch (dtype, size) {
    case (.f16, 4): return .number(.c32, order)
    case (.f32, 8): return .number(.c64, order)
    case (.f64, 16): return .number(.c128, order)
    default: return other
    }
  }

  private static func memberName(_ type: hid_t, _ index: UInt32) -> String {
    guard let name = unsafe H5Tget_member_name(type, index) else { return "" }
    defer { _ = unsafe H5free_memory(name) }
    return unsafe String(validatingCString: name) ?? ""
  }

  private static func tag(_ type: hid_t) -> String {
    guard let tag = unsafe H5Tget_tag(type) else { return "" }
    defer { _ = unsafe H5free_memory(tag) }
    return unsafe String(validatingCString: tag) ?? ""
  }
}

extension HDF5AttributeType {
  /// What a datatype of the library is, as far as attributes of it are carried; nil for any other.
  init?(_ type: hid_t) {
    switch H5Tget_class(type) {
    case H5T_STRING:
      let isVariable = weighbridge_hdf5_is_variable_length_string(type) != 0
      let padding: Text.Padding =
        switch H5Tget_strpad(type) {
        case H5T_STR_NULLPAD: .nullPadded
        case H5T_STR_SPACEPAD: .spacePadded
        default: .nullTerminated
        }
      self = .text(
        Text(
          isUTF8: H5Tget_cset(type) == H5T_CSET_UTF8,
          byteCount: isVariable ? nil : H5Tget_size(type),
          padding: isVariable ? .nullTerminated : padding))
    case H5T_INTEGER, H5T_FLOAT, H5T_ENUM, H5T_COMPOUND:
      guard case .number(let dtype, let order) = HDF5ElementType(type) else { return nil }
      guard H5Tget_class(type) == H5T_ENUM, dtype != .bool else {
        self = .number(dtype, order)
        return
      }
      guard let members = HDF5ElementType.members(type, dtype, order) else { return nil }
      self = .enumeration(dtype, order, members: members)
    default: return nil
    }
  }
}
