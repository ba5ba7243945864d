import CheckpointBytes
import SafetensorsFormat
import TensorEngine
import TensorValues
import TestSupport
import Testing

/// What PyTorch computed: `fixtures/engine/operators.safetensors`, or `gradients.safetensors`.
struct ReferenceResults {
  private let values: [ExactName: [Double]]

  init(_ path: String = "engine/operators.safetensors") throws {
    let file = try SourceFile(path: Fixtures.path(path))
    let header = try SafetensorsHeader(reading: file)
    var values: [ExactName: [Double]] = [:]
    for tensor in header.tensors {
      let bytes = try file.bytes(
        at: header.dataOffset + tensor.range.lowerBound, count: tensor.range.count)
      var numbers: [Double] = []
      unsafe bytes.withUnsafeBytes { unsafe tensor.dtype.doubles($0, into: &numbers) }
      values[tensor.name] = numbers
    }
    self.values = values
  }

  /// Expects a parameter's gradient to have its shape, and the recorded numbers.
  func expectGradient(
    _ parameter: Parameter, _ name: String, _ context: ExecutionContext,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let gradient = try #require(parameter.gradient, "\(name)", sourceLocation: sourceLocation)
    #expect(
      gradient.rows == parameter.rows && gradient.columns == parameter.columns,
      sourceLocation: sourceLocation)
    try expect(gradient.values, name, "\(context.kernels)", sourceLocation: sourceLocation)
  }

  /// Expects numbers to be as close to PyTorch's float64 result as its own float32 result is, or nearly so.
  ///
  /// "Nearly": one and a half times its error, and a rounding of the largest value (a case may be short, and PyTorch lucky).
  func expect(
    _ found: [Float], _ name: String, _ comment: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let exact = try #require(values[ExactName(name)], sourceLocation: sourceLocation)
    let error = try #require(
      values[ExactName(name + ".error")]?.first, sourceLocation: sourceLocation)
    #expect(found.count == exact.count, "\(name) \(comment)", sourceLocation: sourceLocation)
    let largest = exact.map(abs).max() ?? 0
    let difference = zip(found, exact).map { abs(Double($0) - $1) }.reduce(0) { $0 >= $1 ? $0 : $1 }
    #expect(
      difference <= 1.5 * error + largest * 0x1p-23, "\(name) \(comment); PyTorch: \(error)",
      sourceLocation: sourceLocation)
  }

  /// The inputs of the recorded cases: `numbers` of `make.py`.
  static func numbers(_ seed: UInt64, _ count: Int, times factor: Float = 1) -> [Float] {
    (0..<count).map { index in
      var mixed = (UInt64(index) &+ seed &* 1_000_003) &* 2_654_435_761
      mixed = (mixed ^ mixed >> 15) &* 2_246_822_519 & 0xFFFF_FFFF
      mixed = (mixed ^ mixed >> 13) & 0xFFFF_FFFF
      return (Float(mixed >> 8) / 0x1p23 - 1) * factor
    }
  }

  /// The same as a tensor.
  static func tensor(_ seed: UInt64, _ rows: Int, _ columns: Int, times factor: Float = 1) throws
    -> Tensor
  {
    try Tensor(rows: rows, columns: columns, numbers(seed, rows * columns, times: factor))
  }
}
