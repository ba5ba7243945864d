public import CheckpointBytes
internal import Checkpoints
public import TensorValues
public import WeightGraph

/// A type of numbers in memory that a weight can be made of.
public protocol WeightNumber: BitwiseCopyable, Sendable {
  /// The type in a checkpoint.
  static var dtype: DType { get }
}

extension Float: WeightNumber {
  /// F32.
  public static var dtype: DType { .f32 }
}
extension Double: WeightNumber {
  /// F64.
  public static var dtype: DType { .f64 }
}
extension Int64: WeightNumber {
  /// I64.
  public static var dtype: DType { .i64 }
}
extension Int32: WeightNumber {
  /// I32.
  public static var dtype: DType { .i32 }
}
extension Int16: WeightNumber {
  /// I16.
  public static var dtype: DType { .i16 }
}
extension Int8: WeightNumber {
  /// I8.
  public static var dtype: DType { .i8 }
}
extension UInt8: WeightNumber {
  /// U8.
  public static var dtype: DType { .u8 }
}
extension Bool: WeightNumber {
  /// BOOL.
  public static var dtype: DType { .bool }
}

extension Weight {
  /// A weight of numbers in memory, which are copied. `cast(to:)` makes another type of it: BF16, F16.
  ///
  ///     let scale = try Weight([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
  ///
  /// - Parameters:
  ///   - values: The numbers in row-major order.
  ///   - shape: The extents; one dimension unless stated, `[]` for a single number.
  /// - Throws: `inconsistent` if the extents do not give as many elements as there are numbers.
  public init<Number: WeightNumber>(
    _ values: [Number], shape: [Int]? = nil
  ) throws(CheckpointError) {
    let dimensions = shape ?? [values.count]
    guard let shape = Shape(dimensions), shape.elementCount == values.count else {
      throw CheckpointError(
        .inconsistent,
        "expected as many numbers as extents \(dimensions) give, found \(values.count)")
    }
    // Processors that the package runs on keep numbers as files do, the lowest byte first.
    let bytes = unsafe values.withUnsafeBytes { unsafe Array($0) }
    self.init(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: "numbers in memory"), dtype: Number.dtype,
        layout: StridedLayout(packed: shape)))
  }
}

extension WeightGraph {
  /// Writes the weights and what else the graph holds to a file or directory, under the names that they have.
  ///
  ///     var graph = WeightGraph()
  ///     try graph.insert(try Weight(values, shape: [2, 3]), as: "scale")
  ///     try graph.write(to: "scale.safetensors")
  ///
  /// The extension gives the format. As with every conversion what is written is opened again and compared before it is put in
  /// place, and an existing file is not replaced unless the options say so.
  /// - Parameters:
  ///   - path: A file or directory.
  ///   - options: As for ``Conversion/ConversionPlan``; with the automatic layout no name changes.
  /// - Returns: What was written, and what the format had no place for.
  /// - Throws: `inconsistent` for a destination that exists; `unsupported` for what the format cannot hold; `inputOutput` if
  ///   something cannot be written or read.
  @discardableResult
  public func write(
    to path: String, options: ConversionOptions = ConversionOptions()
  ) throws(CheckpointError) -> ConversionReceipt {
    var options = options
    if options.layout == .automatic { options.layout = .flat }
    let checkpoint = Checkpoint(format: .safetensors, container: "memory", graph: self)
    return try ConversionPlan(checkpoint, named: "memory", to: path, options: options).run()
  }
}
