import CheckpointBytes
import Checkpoints
import OrderedCollections
import WeightGraph

/// True if the signature of HDF5 (File Format Specification 3.0, II.A) is anywhere in the bytes, so that its reader may be
/// reached: behind a user block, or in an archive.
func isHDF5(_ bytes: [UInt8]) -> Bool {
  let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
  return bytes.indices.contains { index in
    bytes[index] == signature[0] && bytes[index...].starts(with: signature)
  }
}

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
