/// Bounds on what a file may ask of this reader. Each is far above what real checkpoints need.
public struct ReadLimits: Sendable {
  /// The longest safetensors header, as the reference has it (`MAX_HEADER_SIZE`, safetensors 0.8.0).
  public var safetensorsHeaderBytes = 100_000_000
  /// The deepest JSON nesting: headers need 3, model configurations about 10; recursion stays shallow.
  public var jsonDepth = 128
  /// The largest JSON document other than a safetensors header (an index of 10⁶ tensors takes about 100 MB).
  public var jsonBytes = 200_000_000
  /// The most values of one JSON document that are in memory at once: they take 24 to 60 bytes each, and may be spelled in two. An index of
  /// 10⁶ tensors has as many, the largest tokenizers two million.
  public var jsonValues = 5_000_000
  /// The most tensors a checkpoint may list, and the most entries of its metadata.
  public var tensorCount = 1_000_000
  /// The most dimensions of a tensor: NumPy has 64, PyTorch and safetensors no limit.
  public var rank = 1_000
  /// The longest name of a tensor, member or group, in UTF-8 bytes.
  public var nameBytes = 65_536
  /// The deepest nesting of containers in a pickle.
  public var pickleDepth = 1_000
  /// The largest pickle read into memory (a state dict of 10⁶ tensors takes about 200 MB).
  public var pickleBytes = 500_000_000
  /// The largest pickle that is inflated. PyTorch stores pickles as they are; a deflated one can be a thousand times as
  /// large as its file.
  public var inflatedPickleBytes = 64 << 20
  /// The most values of one pickle: at 8 bytes a value, 320 MB, whatever a compressed member unfolds to. Beyond 8 million
  /// there is at most one for each four bytes.
  public var pickleValues = 40_000_000
  /// The most objects of one pickle, calls among them: a state dict has two or three for each of 10⁶ tensors.
  public var pickleObjects = 4_000_000
  /// The most elements of the lists, sets and dictionaries of one pickle together, keys and values each counted: twice what
  /// a walk of the values may visit (``pickleVisits``). A byte of a pickle can be an element.
  public var pickleElements = 8_000_000
  /// The most elements of the tuples of one pickle together, arguments of calls among them: a state dict has about 25 for
  /// each of 10⁶ tensors.
  public var pickleTupleElements = 40_000_000
  /// The most values and open marks on the stack of the pickle machine. Python's pickler puts batches of 1,000 there, TorchScript's a
  /// whole list.
  public var pickleStack = 8_000_000
  /// The most values that flattening a pickle may visit: a shared child counts each time it is reached.
  public var pickleVisits = 4_000_000
  /// The deepest nesting of HDF5 groups.
  public var groupDepth = 256
  /// The most objects (groups and datasets) of an HDF5 file.
  public var objectCount = 1_000_000
  /// The largest value of one HDF5 attribute (a `model_config` takes some megabytes at most).
  public var attributeBytes = 64 << 20
  /// The largest HDF5 chunk, which has to be decoded as a whole.
  public var chunkBytes = 256 << 20
  /// Deflate cannot expand more than 1032 times; what claims more is lying.
  public var inflateRatio = 1_040

  /// The default limits.
  public init() {}
}
