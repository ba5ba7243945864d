// product-times
//
// For each line of standard input
//
//   product KERNELS TYPE ROWS INPUTS OUTPUTS TIMES
//
// one line of standard output: the seconds that so many products took on one thread, the operations a second that the thread does
// at most in the arithmetic of these kernels, measured just before, and a number by which the caller sees that the right thing was
// computed: the sum of the results, each times a factor of a pattern, over the root of their count. KERNELS are a set by its name, or
// `high` or `bfloat16` for the best of that precision; TYPE is that of the weights: float32, bfloat16 or int8. Seconds are the
// thread's own. `sets` prints the names of the sets that this processor has. `roofline` prints what a thread does at most in a
// second: multiply-adds of float32, of bfloat16 and of int8, each as two operations, and bytes read from memory.

import Roofline
import TensorEngine

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

struct UsageError: Error {}

/// Numbers of a pattern, as all sides of the benchmark have them.
func numbers(_ count: Int, _ period: Int) -> [Float] {
  (0..<count).map { Float($0 % period) / Float(period) - 0.5 }
}

/// Layers and their inputs, made when they are first needed.
struct Products {
  private struct Layer {
    let context: ExecutionContext
    let input: Tensor
    let weights: LinearWeights
  }

  private var layers: [[String]: Layer] = [:]

  static func kernels(_ name: String) throws -> KernelSet {
    switch name {
    case "high": return .best(at: .high)
    case "bfloat16": return .best(at: .bfloat16)
    default:
      guard let set = KernelSet.available.first(where: { $0.name == name }) else {
        throw UsageError()
      }
      return set
    }
  }

  private static func layer(_ words: [String], _ extents: [Int]) throws -> Layer {
    let context = try ExecutionContext(threads: 1, kernels: try kernels(words[0]))
    let (rows, inputs, outputs) = (extents[0], extents[1], extents[2])
    let values = numbers(outputs * inputs, 241)
    let matrix: PackedMatrix
    switch words[1] {
    case "float32":
      matrix = try PackedMatrix(outputs: outputs, inputs: inputs, values, in: context)
    case "bfloat16":
      matrix = try PackedMatrix(
        outputs: outputs, inputs: inputs, element: .bfloat16, in: context)
      unsafe matrix.pack(0..<outputs, .outputByInput, through: try PieceBuffers(in: context)) {
        (first, bytes) in
        for index in 0..<bytes.count / 2 {
          unsafe bytes.storeBytes(
            of: UInt16(values[first + index].bitPattern >> 16), toByteOffset: 2 * index,
            as: UInt16.self)
        }
      }
    case "int8":
      matrix = try PackedMatrix(
        quantizing: try StoredMatrix(rows: outputs, columns: inputs, values), in: context)
    default: throw UsageError()
    }
    return Layer(
      context: context,
      input: try Tensor(rows: rows, columns: inputs, numbers(rows * inputs, 251)),
      weights: try LinearWeights(matrix))
  }

  mutating func product(_ words: [String]) throws -> String {
    let extents = words[2...].compactMap { Int($0) }
    guard extents.count == 4 else { throw UsageError() }
    let key = Array(words[..<5])
    let layer = try layers[key] ?? Self.layer(words, extents)
    layers[key] = layer
    let most = peak(words[0], words[1])
    let start = roofline_seconds()
    for _ in 0..<extents[3] { _ = try linear(layer.input, layer.weights, in: layer.context) }
    let seconds = roofline_seconds() - start
    let results = try linear(layer.input, layer.weights, in: layer.context).values
    let factors = numbers(results.count, 239)
    let sum = zip(results, factors).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    return "\(seconds) \(most) \(sum / Double(results.count).squareRoot())"
  }

  /// What a thread does at most.
  static func roofline() -> String {
    func rate(_ work: () -> Double) -> Double {
      _ = work()
      let start = roofline_seconds()
      let amount = work()
      return amount / (roofline_seconds() - start)
    }
    let best = KernelSet.best.name
    let rates = [
      rate { unsafe roofline_float32(best, 2_000_000) }, rate { roofline_bfloat16(400_000) },
      rate { roofline_int8(400_000) }, rate { roofline_read(2) },
    ]
    return rates.map { "\($0)" }.joined(separator: " ")
  }

  /// Operations a second.
  private func peak(_ kernels: String, _ type: String) -> Double {
    let start = roofline_seconds()
    let isPlain = ["avx2", "portable"].contains(kernels)
    let operations =
      type == "int8"
      ? isPlain ? unsafe roofline_pairs(kernels, 500_000) : roofline_int8(100_000)
      : isPlain || type == "float32" && kernels != "high"
        ? unsafe roofline_float32(kernels, 500_000) : roofline_bfloat16(100_000)
    return operations / (roofline_seconds() - start)
  }
}

var products = Products()
while let line = readLine() {
  let words = line.split(separator: " ").map(String.init)
  switch words.first {
  case "sets": print(KernelSet.available.map(\.name).joined(separator: " "))
  case "roofline": print(Products.roofline())
  case "product" where words.count == 7: print(try products.product(Array(words.dropFirst())))
  default: throw UsageError()
  }
  fflush(nil)
}
