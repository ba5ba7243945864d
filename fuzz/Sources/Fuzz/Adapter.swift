import Adapters
import CheckpointBytes
import Checkpoints
import TensorValues
import WeightGraph

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The directory of the adapter at hand.
private let directory: String? = {
  let path = "/dev/shm/weighbridge-fuzz-\(getpid())-adapter"
  return unsafe mkdir(path, 0o700) == 0 ? path : nil
}()

/// An `adapter_config.json`, a NUL, the header of the adapter's safetensors file, a NUL, and that of the model's. The numbers are the same
/// everywhere. An adapter that opens is described, and put on the model; what comes out is read at once and in parts.
func fuzzAdapter(_ bytes: [UInt8]) {
  let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
  guard let directory, parts.count == 3 else { return }
  do throws(CheckpointError) {
    try write(Array(parts[0]), directory + "/adapter_config.json")
    try write(
      safetensors(header: Array(parts[1]), filledWith: 0x3C),
      directory + "/adapter_model.safetensors")
    let adapter = try LowRankAdapter(directory)
    for description in try adapter.descriptions() {
      expect(description.utf8.allSatisfy { $0 >= 0x20 }, "a description is one line")
    }
    guard
      let path = ScratchFile.path(holding: safetensors(header: Array(parts[2]), filledWith: 0x3B))
    else { return }
    let model = try Checkpoint.open(path).graph
    let result = try adapter.applied(to: model)
    for name in result.adapted + result.replaced + result.added {
      guard let weight = result.graph[name] else { fatalError("what is told is there") }
      guard weight.byteCount <= 1 << 16 else { continue }
      do throws(CheckpointError) {
        let whole = try content(of: weight, 0..<weight.byteCount)
        let width = weight.dtype.bitWidth / 8
        guard width > 0, weight.byteCount > 0 else { continue }
        let middle = weight.byteCount / width / 2 * width
        let halves =
          try content(of: weight, 0..<middle) + content(of: weight, middle..<weight.byteCount)
        expect(whole == halves, "parts are those of the whole")
      } catch {
        expectReadable(error)
      }
    }
  } catch {
    expectReadable(error)
  }
}

private func write(_ bytes: [UInt8], _ path: String) throws(CheckpointError) {
  let file = try OutputFile(path: path)
  try file.write(bytes, at: 0)
  try file.commit()
}

private func content(
  of weight: Weight, _ range: Range<Int>
) throws(CheckpointError) -> [UInt8] {
  var content = [UInt8](repeating: 0, count: range.count)
  var failure: CheckpointError?
  unsafe content.withUnsafeMutableBytes { buffer in
    do throws(CheckpointError) {
      try unsafe weight.read(at: range.lowerBound, into: buffer)
    } catch {
      failure = error
    }
  }
  if let failure { throw failure }
  return content
}
