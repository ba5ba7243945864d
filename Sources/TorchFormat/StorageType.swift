internal import TensorValues

/// A type of PyTorch (`torch.float32`), with what this reader makes of it.
struct TorchDType: Sendable, Hashable {
  /// The name without `torch.`.
  let name: String
  /// The type of the elements, or nil if no format but PyTorch's has it.
  let dtype: DType?
  /// The bytes an element takes in a storage.
  let byteWidth: Int
  /// How many elements of ``dtype`` lie in one element of this type: 2 for `float4_e2m1fn_x2`.
  var packing = 1
  /// How many elements share a byte of a storage: 2 for `quint4x2`, 4 for `quint2x4`. Their sizes and strides count the
  /// elements, the storages the bytes.
  var sharing = 1
}

extension TorchDType {
  /// Every `torch.dtype` of torch 2.13, aliases apart.
  static let all: [TorchDType] =
    [
      TorchDType(name: "bool", dtype: .bool, byteWidth: 1),
      TorchDType(name: "uint8", dtype: .u8, byteWidth: 1),
      TorchDType(name: "int8", dtype: .i8, byteWidth: 1),
      TorchDType(name: "uint16", dtype: .u16, byteWidth: 2),
      TorchDType(name: "int16", dtype: .i16, byteWidth: 2),
      TorchDType(name: "uint32", dtype: .u32, byteWidth: 4),
      TorchDType(name: "int32", dtype: .i32, byteWidth: 4),
      TorchDType(name: "uint64", dtype: .u64, byteWidth: 8),
      TorchDType(name: "int64", dtype: .i64, byteWidth: 8),
      TorchDType(name: "float16", dtype: .f16, byteWidth: 2),
      TorchDType(name: "bfloat16", dtype: .bf16, byteWidth: 2),
      TorchDType(name: "float32", dtype: .f32, byteWidth: 4),
      TorchDType(name: "float64", dtype: .f64, byteWidth: 8),
      TorchDType(name: "complex32", dtype: .c32, byteWidth: 4),
      TorchDType(name: "complex64", dtype: .c64, byteWidth: 8),
      TorchDType(name: "complex128", dtype: .c128, byteWidth: 16),
      TorchDType(name: "float8_e4m3fn", dtype: .f8E4M3, byteWidth: 1),
      TorchDType(name: "float8_e4m3fnuz", dtype: .f8E4M3FNUZ, byteWidth: 1),
      TorchDType(name: "float8_e5m2", dtype: .f8E5M2, byteWidth: 1),
      TorchDType(name: "float8_e5m2fnuz", dtype: .f8E5M2FNUZ, byteWidth: 1),
      TorchDType(name: "float8_e8m0fnu", dtype: .f8E8M0, byteWidth: 1),
      // safetensors 0.8.0 writes it as F4 with the last dimension doubled.
      TorchDType(name: "float4_e2m1fn_x2", dtype: .f4, byteWidth: 1, packing: 2),
    ] + quantised + bits

  /// Quantised numbers: they mean nothing without a scale.
  static let quantised: [TorchDType] = [
    TorchDType(name: "qint8", dtype: nil, byteWidth: 1),
    TorchDType(name: "quint8", dtype: nil, byteWidth: 1),
    TorchDType(name: "qint32", dtype: nil, byteWidth: 4),
    TorchDType(name: "quint4x2", dtype: nil, byteWidth: 1, sharing: 2),
    TorchDType(name: "quint2x4", dtype: nil, byteWidth: 1, sharing: 4),
  ]

  /// Opaque bits, and integers of fewer than 8 bits.
  private static let bits: [TorchDType] =
    ["bits8", "bits1x8", "bits2x4", "bits4x2"].map {
      TorchDType(name: $0, dtype: nil, byteWidth: 1)
    } + [TorchDType(name: "bits16", dtype: nil, byteWidth: 2)]
    + (1...7).flatMap { width in
      [
        TorchDType(name: "int\(width)", dtype: nil, byteWidth: 1),
        TorchDType(name: "uint\(width)", dtype: nil, byteWidth: 1),
      ]
    }

  /// The type of a name, without `torch.`.
  static func named(_ name: String) -> TorchDType? { all.first { $0.name == name } }
}

/// A class of storages (`torch.FloatStorage`), as persistent ids name it.
struct StorageType: Sendable, Hashable {
  /// What the elements are. `UntypedStorage` counts bytes, and a tensor over it is of `uint8` unless it says otherwise.
  let element: TorchDType
  /// True for `UntypedStorage`.
  let isUntyped: Bool

  /// The storage classes by the first part of their names (`torch/storage.py`, `_dtype_to_storage_type_map`).
  static let elementNames = [
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexDouble": "complex128", "ComplexFloat": "complex64",
    "QInt8": "qint8", "QInt32": "qint32", "QUInt8": "quint8", "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4",
  ]
}
