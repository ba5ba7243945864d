internal import CheckpointBytes
internal import PickleFormat

/// What this reader makes of a global that a checkpoint may name.
enum GlobalRole: Sendable {
  /// A name that stands for itself. Calling it is refused.
  case named
  /// A class of storages, named by persistent ids.
  case storage(StorageType)
  /// A `torch.dtype`.
  case dtype(TorchDType)
  /// A class of tensors: `torch.FloatTensor`, `torch.nn.parameter.Parameter`.
  case tensorClass
  /// A function of PyTorch that puts a tensor together.
  case rebuild(Rebuild)
  /// A value that is decoded from its arguments.
  case value(DecodedValue)
  /// A dictionary of another class: its items are its content.
  case mapping
  /// A part of a numpy array.
  case numpy(NumpyPart)
  /// A class that is kept as its name, arguments, items and attributes.
  case attributes
  /// The same of a class whose initialiser opens files or connections, or changes the process: an instance that is made without it
  /// and given its attributes is data, one that is made by a call is not.
  case attributesAlone

  /// The functions that put tensors together (`torch/_utils.py` and `torch/_tensor.py`, torch 2.13).
  enum Rebuild: Sendable {
    case tensor, tensorV2, tensorV3, parameter, parameterWithState, fromTypeV2
    case quantised, sparse, nested, jagged, meta, wrapperSubclass, fromNumpy, fromCPUTensor
  }

  /// What is decoded from arguments alone.
  enum DecodedValue: Sendable {
    case encodedBytes, bytes, byteArray, set, frozenSet, complex, size, device, layout,
      reconstructor
    /// The first argument itself; a second one is its type in TorchScript.
    case typedContainer
  }

  /// The parts of a numpy array's pickle.
  enum NumpyPart: Sendable {
    case reconstruct, fromBuffer, scalar, dtype, array
  }
}

/// The globals that a checkpoint may name: an exact list of (module, name) pairs, because everything else in Python can
/// be made to run something. Each group says why it is there. Nothing listed is ever called; being listed means that
/// this reader knows what the arguments are.
enum AllowedGlobals {
  /// What the reader makes of a global; nil if a checkpoint may not name it.
  static func role(of global: GlobalName) -> GlobalRole? { table[global] }

  /// The way out where a global is refused.
  static let remedy: Wording =
    "\(remedy: .keepUnknownObjects) opens the file without running anything and keeps such objects as names; \(remedy: .scan) lists what it names"

  /// The policy for pickles of checkpoints.
  static let policy = GlobalPolicy(remedy: remedy) { table[$0] != nil }

  /// The policy for TorchScript archives. Their classes live in `__torch__`, which no Python can import.
  static let scriptPolicy = GlobalPolicy(remedy: remedy) {
    table[$0] != nil || isScriptClass($0)
  }

  /// True for a class that a TorchScript archive defines itself.
  static func isScriptClass(_ global: GlobalName) -> Bool {
    global.module.string == "__torch__" || global.module.string.utf8.starts(with: "__torch__.".utf8)
  }

  /// Names of one module with one role, separated by spaces.
  struct Group {
    let module: String
    let names: String
    let role: GlobalRole

    init(_ module: String, _ names: String, _ role: GlobalRole) {
      self.module = module
      self.names = names
      self.role = role
    }
  }

  private static let table: [GlobalName: GlobalRole] = {
    var table: [GlobalName: GlobalRole] = [:]
    for group in python + numpy + torchTypes + torchRebuilds + modules + optimizers + frameworks {
      for name in group.names.split(separator: " ") {
        table[GlobalName(group.module, String(name))] = group.role
      }
    }
    for (module, name, role) in storages + dtypes {
      table[GlobalName(module, name)] = role
    }
    return table
  }()
}

extension AllowedGlobals {
  /// Python's own values. The modules of Python 2 (`__builtin__`, `copy_reg`) are what protocols 0 to 2 name.
  static let python: [Group] =
    ["builtins", "__builtin__"].flatMap { module in
      [
        Group(module, "set", .value(.set)),
        Group(module, "frozenset", .value(.frozenSet)),
        Group(module, "bytes", .value(.bytes)),
        Group(module, "bytearray", .value(.byteArray)),
        Group(module, "complex", .value(.complex)),
        Group(module, "slice range xrange", .attributes),
        // Factories of `defaultdict`, types in configurations: names, never called.
        Group(
          module, "dict list tuple int long float str unicode bool object Ellipsis NotImplemented",
          .named),
      ]
    } + [
      // How protocols below 3 write bytes: text, and the encoding that gives them.
      Group("_codecs", "encode", .value(.encodedBytes)),
      // How protocols 0 and 1 write instances of plain classes.
      Group("copy_reg", "_reconstructor", .value(.reconstructor)),
      Group("copyreg", "_reconstructor", .value(.reconstructor)),
      Group("collections", "OrderedDict Counter defaultdict", .mapping),
      Group("collections", "deque UserDict ChainMap", .attributes),
      Group("argparse", "Namespace", .attributes),
      Group("types", "SimpleNamespace", .attributes),
      Group("datetime", "datetime date time timedelta timezone", .attributes),
      Group("decimal", "Decimal", .attributes),
      Group("fractions", "Fraction", .attributes),
      Group("uuid", "UUID SafeUUID", .attributes),
      Group("pathlib", pathClasses, .attributes),
      Group("pathlib._local", pathClasses, .attributes),
      Group("typing", "Any Union Optional Dict List Tuple", .named),
    ]

  private static let pathClasses =
    "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath"

  /// Arrays, scalars and the state of random generators. `numpy.core` became `numpy._core` with NumPy 2.
  static let numpy: [Group] =
    ["numpy.core", "numpy._core"].flatMap { package in
      [
        Group(package + ".multiarray", "_reconstruct", .numpy(.reconstruct)),
        Group(package + ".multiarray", "scalar", .numpy(.scalar)),
        Group(package + ".numeric", "_frombuffer", .numpy(.fromBuffer)),
      ]
    } + [
      Group("numpy", "dtype", .numpy(.dtype)),
      Group("numpy", "ndarray", .numpy(.array)),
      // Its own subclasses, whose arrays are put together as any other: named, and never called (`memmap` would open a
      // file). NumPy 1 and 2 name the modules differently.
      Group("numpy", "memmap matrix recarray chararray", .numpy(.array)),
      Group("numpy.matrixlib.defmatrix", "matrix", .numpy(.array)),
      Group("numpy.core.memmap", "memmap", .numpy(.array)),
      Group("numpy.core.records", "recarray", .numpy(.array)),
      Group("numpy.core.defchararray", "chararray", .numpy(.array)),
      Group("numpy.rec", "recarray", .numpy(.array)),
      Group("numpy.char", "chararray", .numpy(.array)),
      Group("numpy", "record", .named),
      Group("numpy.rec", "record", .named),
      Group("numpy.core.records", "record", .named),
      // Types of numbers that numpy lacks (package ml_dtypes), as arguments of `numpy.dtype`.
      Group(
        "ml_dtypes",
        "bfloat16 float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz "
          + "float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float6_e2m3fn float6_e3m2fn float4_e2m1fn "
          + "int1 int2 int4 uint1 uint2 uint4",
        .named),
      Group("numpy", numberTypes, .named),
      // The classes of numpy's types (1.25 and later), which lists of what `torch.load` may take name.
      Group("numpy.dtypes", typeClasses, .named),
      Group(
        "numpy.random._pickle", "__randomstate_ctor __bit_generator_ctor __generator_ctor",
        .attributes),
      Group("numpy.random._mt19937", "MT19937", .named),
      Group("numpy.random._pcg64", "PCG64 PCG64DXSM", .named),
      Group("numpy.random._philox", "Philox", .named),
      Group("numpy.random._sfc64", "SFC64", .named),
      Group("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence SeedSequence", .attributes),
    ]

  /// The classes of numpy's scalars, concrete and abstract, under the names of all its versions.
  private static let numberTypes =
    "bool bool_ bool8 int8 int16 int32 int64 uint8 uint16 uint32 uint64 intc uintc int_ uint longlong "
    + "ulonglong float16 float32 float64 float128 longdouble complex64 complex128 complex256 "
    + "clongdouble str_ bytes_ object_ void datetime64 timedelta64 generic number integer "
    + "signedinteger unsignedinteger inexact floating complexfloating flexible character"

  private static let typeClasses =
    ([
      "Bool", "Float16", "Float32", "Float64", "LongDouble", "Complex64", "Complex128",
      "CLongDouble",
    ]
    + ["Str", "Bytes", "Object", "Void", "DateTime64", "TimeDelta64", "String"]
    + ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"]
    + ["Byte", "Short", "Int", "Long", "LongLong", "UByte", "UShort", "UInt", "ULong", "ULongLong"])
    .map { $0 + "DType" }.joined(separator: " ")
}
