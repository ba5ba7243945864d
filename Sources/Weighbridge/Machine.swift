internal import Checkpoints
internal import LanguageModels
internal import TensorEngine
internal import WeightGraph

/// What this package makes of the machine that it runs on.
package enum Machine {
  /// The sets of kernels that the processor can run, fastest first; the first is taken.
  package static var kernels: [String] { KernelSet.available.map(\.name) }

  /// What `--precision` can mean here other than float32.
  package static var precisions: [String] {
    LoadPrecision.allCases.filter { $0 != .float32 && $0.isAvailable }.map(\.rawValue)
  }

  /// True if digests are computed by the processor's own instructions.
  package static var hasDigestInstructions: Bool { SHA256.canBeAccelerated }

  /// How many files and weights are read at the same time.
  package static var readingThreads: Int { WorkQueue.width }
}
