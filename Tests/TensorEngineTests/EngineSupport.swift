#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
import TensorEngine
import TestSupport

/// Contexts that tests share: one for each instruction set and number of threads.
enum Contexts {
  /// One for each instruction set, on two threads.
  static let all: [ExecutionContext] = {
    let pool = try? ThreadPool(threads: 2)
    return pool.map { pool in
      KernelSet.available.map { ExecutionContext(pool: pool, kernels: $0) }
    } ?? []
  }()
}

extension SeededGenerator {
  /// Numbers that are evenly spread between -1 and 1.
  mutating func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float.random(in: -1...1, using: &self) }
  }

  /// A tensor of such numbers.
  mutating func tensor(_ rows: Int, _ columns: Int) throws -> Tensor {
    try Tensor(rows: rows, columns: columns, floats(rows * columns))
  }
}

/// The exact bits, for comparing NaNs and signed zeros too.
func bits(_ tensor: Tensor) -> [UInt32] { tensor.values.map(\.bitPattern) }

/// exp in float64, by the C library.
func exponential(_ x: Double) -> Double { exp(x) }
