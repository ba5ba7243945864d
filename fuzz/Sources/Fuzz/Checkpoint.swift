import CheckpointBytes
import Checkpoints
import OrderedCollections
import WeightGraph

func fuzzCheckpoint(_ bytes: [UInt8]) {
  guard let path = ScratchFile.path(holding: bytes) else { return }
  do throws(CheckpointError) {
    let checkpoint = try Checkpoint.open(path)
    for (_, weight) in checkpoint.graph.weights {
      expect(!weight.lineage.isEmpty, "every weight comes from somewhere")
      // Repeated elements can make much of little.
      guard weight.byteCount <= 1 << 20 else { continue }
      var content = [UInt8](repeating: 0, count: weight.byteCount)
      var failure: CheckpointError?
      unsafe content.withUnsafeMutableBytes { buffer in
        do throws(CheckpointError) {
          try unsafe weight.read(at: 0, into: buffer)
        } catch {
          failure = error
        }
      }
      if let failure { expectReadable(failure) }
    }
    _ = checkpoint.graph.ties
    _ = checkpoint.graph.overlaps
  } catch {
    expectReadable(error)
  }
}
