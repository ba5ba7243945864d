// product-times [ROUNDS] [KERNELS]
//
// For each set of kernels (or one) and each shape a line of Markdown: the median of ROUNDS rounds of one thread, as a share of the
// arithmetic that it does at most, which is measured in the same round. Seconds are those of the thread.

import Roofline
import TensorEngine

let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 9
let only = CommandLine.arguments.dropFirst(2).first

/// Rows, inputs, outputs: of BERT-base and of MiniLM, and two that are deep or wide beyond.
let shapes = [
  (1, 768, 3072), (4, 768, 3072), (16, 768, 3072), (64, 768, 768), (128, 768, 768),
  (128, 768, 3072), (128, 3072, 768), (1024, 768, 768), (1024, 768, 3072), (1024, 3072, 768),
  (128, 384, 1536), (512, 1024, 4096), (1024, 768, 30_522),
]

/// Operations a second of one thread.
func measured(_ body: () throws -> Double) rethrows -> Double {
  let start = roofline_seconds()
  let operations = try body()
  return operations / (roofline_seconds() - start)
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func rounded(_ value: Double, _ digits: Int = 0) -> String {
  let scale = digits == 0 ? 1.0 : 10
  return "\((value * scale).rounded() / scale)"
}

for kernels in KernelSet.available where only == nil || only == kernels.name {
  let context = try ExecutionContext(threads: 1, kernels: kernels)
  print("| \(kernels) | peak, GFLOP/s | product, GFLOP/s | share, % |\n| --- | --: | --: | --: |")
  for (rows, inputs, outputs) in shapes {
    let operations = 2 * Double(rows) * Double(inputs) * Double(outputs)
    let input = try Tensor(
      rows: rows, columns: inputs, (0..<rows * inputs).map { Float($0 % 251) / 251 - 0.5 })
    let weights = try LinearWeights(
      PackedMatrix(
        outputs: outputs, inputs: inputs,
        (0..<outputs * inputs).map { Float($0 % 241) / 241 - 0.5 }, in: context))
    let repeats = max(1, Int(1e9 / operations))
    var peaks: [Double] = []
    var products: [Double] = []
    for round in 0...rounds {
      let peak = measured { unsafe roofline_float32(kernels.name, 1_000_000) }
      let product = try measured {
        for _ in 0..<repeats { _ = try linear(input, weights, in: context) }
        return operations * Double(repeats)
      }
      guard round > 0 else { continue }  // the first one warms up
      peaks.append(peak)
      products.append(product)
    }
    let share = median(zip(products, peaks).map { $0 / $1 })
    print(
      "| \(rows)×\(inputs)→\(outputs) | \(rounded(median(peaks) / 1e9)) | "
        + "\(rounded(median(products) / 1e9)) | \(rounded(100 * share)) |")
  }
  print()
}
