internal import ArgumentParser
internal import Weighbridge

extension DType {
  /// Reads safetensors' name of a type in any case, or PyTorch's (`float16`, `bfloat16`, `half`, `fp16`).
  init?(argumentText text: String) {
    if let type = DType(rawValue: text.uppercased()) {
      self = type
      return
    }
    let names: [String: DType] = [
      "float": .f32, "float32": .f32, "double": .f64, "float64": .f64, "half": .f16,
      "float16": .f16, "fp64": .f64, "fp32": .f32, "fp16": .f16, "bfloat16": .bf16,
      "float8_e4m3fn": .f8E4M3, "float8_e5m2": .f8E5M2,
      "float8_e4m3fnuz": .f8E4M3FNUZ, "float8_e5m2fnuz": .f8E5M2FNUZ, "float8_e8m0fnu": .f8E8M0,
      "complex32": .c32, "complex64": .c64, "complex128": .c128, "int8": .i8, "int16": .i16,
      "int32": .i32, "int64": .i64, "uint8": .u8, "uint16": .u16, "uint32": .u32, "uint64": .u64,
    ]
    guard let type = names[text.lowercased()] else { return nil }
    self = type
  }
}

extension CheckpointFormat {
  /// Reads a format's name as users write it.
  init?(argumentText text: String) {
    switch text.lowercased() {
    case "safetensors", "st": self = .safetensors
    case "pytorch", "torch", "pt", "bin": self = .pytorch
    case "hdf5", "h5": self = .hdf5
    default: return nil
    }
  }
}

/// Options that say how a source is opened.
struct SourceOptions: ParsableArguments {
  @Flag(
    name: .customLong("inert"),
    help: "Open pickles that name unknown objects; they are kept as inert values, nothing is run.")
  var keepsUnknownObjects = false

  @OptionGroup var limitOptions: LimitOptions

  var openOptions: OpenOptions {
    var options = OpenOptions()
    options.limits = limitOptions.limits
    options.keepsUnknownObjects = keepsUnknownObjects
    return options
  }
}

/// What a source has to be.
struct PinOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Refuse a source whose tensors are not those that this manifest has (weighbridge manifest).",
      valueName: "file"))
  var manifest: String?

  func validate() throws { try refuseStandardStreams([manifest]) }

  /// The options with what the source has to be.
  func pinned(_ options: OpenOptions) throws(CheckpointError) -> OpenOptions {
    guard let manifest else { return options }
    var options = options
    options.manifest = try CheckpointManifest(contentsOf: manifest)
    return options
  }
}

/// What becomes of parameters that a source's layout has no place for.
struct FillingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Make a parameter zeros where the source's layout does not hold it, if its name matches. Repeatable.",
      valueName: "pattern"))
  var fillZeros: [String] = []

  var patterns: [NamePattern] { fillZeros.map { NamePattern($0) } }
}
