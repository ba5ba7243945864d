internal import CheckpointBytes
internal import TensorValues

// Numbers that HDF5 has no type for are stored as opaque bytes, and an attribute of the data set says what they are.

extension HDF5Description {
  /// Gives opaque elements the type that the file says they have.
  ///
  /// Keras 3 writes bfloat16 as two opaque bytes with an attribute `dtype` (`keras/src/saving/saving_lib.py`, 3.15);
  /// its legacy `.h5` writer and Keras 2.15's writer of the same layout leave the attribute out.
  mutating func nameOpaqueTypes() {
    let isKeras = groups.prefix(1).contains {
      $0.attributes["keras_version"] != nil || $0.attributes["layer_names"] != nil
    }
    for index in datasets.indices {
      guard case .opaque(let byteCount, _) = datasets[index].elementType else { continue }
      switch datasets[index].attributes["dtype"] {
      case .string(let name)?:
        guard let dtype = DType(named: name), dtype.byteWidth == byteCount else { continue }
        datasets[index].elementType = .number(dtype, .little)
      case nil where byteCount == 2 && (isKeras || datasets[index].isKerasVariable):
        datasets[index].elementType = .number(.bf16, .little)
      default: continue
      }
    }
  }
}

extension DType {
  /// The names that ml_dtypes, numpy and PyTorch give the types that HDF5 lacks.
  static let opaqueNames: [(DType, String)] = [
    (.bf16, "bfloat16"), (.f8E4M3, "float8_e4m3fn"), (.f8E5M2, "float8_e5m2"),
    (.f8E4M3FNUZ, "float8_e4m3fnuz"), (.f8E5M2FNUZ, "float8_e5m2fnuz"),
    (.f8E8M0, "float8_e8m0fnu"),
  ]

  /// The type of a name: as above, or as safetensors spells it.
  init?(named name: String) {
    if let known = DType.opaqueNames.first(where: { $0.1 == name })?.0 {
      self = known
    } else {
      self.init(rawValue: name)
    }
  }
}
