internal import TensorValues

/// How a tensor is written for torch: its own dtype where torch has it, otherwise its raw bytes.
///
/// The names are those of torch 2.13: `torch/storage.py`, `_dtype_to_storage_type_map` for the types that have a storage
/// class of their own, `_new_dtypes` for those that come with an untyped storage.
struct TorchRepresentation {
  /// torch's name of the dtype, without the module: `float32`.
  let dtypeName: String
  /// The class of a typed storage, or nil if torch has none for this type.
  let storageClass: String?
  /// The bytes of one torch element.
  let elementBytes: Int
  /// The extents as torch counts them.
  let dimensions: [Int]
  /// True if torch lacks the type, and the tensor is written as a vector of its bytes.
  let isRaw: Bool

  /// Chooses the representation of a tensor of `byteCount` bytes.
  init(dtype: DType, shape: Shape, byteCount: Int) {
    if let name = TorchRepresentation.names[dtype], let width = dtype.byteWidth {
      dtypeName = name.dtype
      storageClass = name.storage
      elementBytes = width
      dimensions = shape.dimensions
      isRaw = false
    } else if dtype == .f4, let last = shape.dimensions.last, last.isMultiple(of: 2) {
      // torch counts pairs: safetensors 0.8.0 doubles the last extent on the way out and halves it on the way in, and
      // refuses to read an odd one into torch ("requires that the last dim be divisible by 2").
      dtypeName = "float4_e2m1fn_x2"
      storageClass = nil
      elementBytes = 1
      dimensions = shape.dimensions.dropLast() + [last / 2]
      isRaw = false
    } else {
      dtypeName = "uint8"
      storageClass = "ByteStorage"
      elementBytes = 1
      dimensions = [byteCount]
      isRaw = true
    }
  }

  private static let names: [DType: (dtype: String, storage: String?)] = [
    .bool: ("bool", "BoolStorage"),
    .u8: ("uint8", "ByteStorage"),
    .i8: ("int8", "CharStorage"),
    .i16: ("int16", "ShortStorage"),
    .i32: ("int32", "IntStorage"),
    .i64: ("int64", "LongStorage"),
    .f16: ("float16", "HalfStorage"),
    .bf16: ("bfloat16", "BFloat16Storage"),
    .f32: ("float32", "FloatStorage"),
    .f64: ("float64", "DoubleStorage"),
    .c64: ("complex64", "ComplexFloatStorage"),
    .c128: ("complex128", "ComplexDoubleStorage"),
    .c32: ("complex32", nil),
    .u16: ("uint16", nil),
    .u32: ("uint32", nil),
    .u64: ("uint64", nil),
    .f8E5M2: ("float8_e5m2", nil),
    .f8E4M3: ("float8_e4m3fn", nil),
    .f8E8M0: ("float8_e8m0fnu", nil),
    .f8E4M3FNUZ: ("float8_e4m3fnuz", nil),
    .f8E5M2FNUZ: ("float8_e5m2fnuz", nil),
  ]
}
