import TestSupport
import Testing
import Weighbridge

@Suite("Limits of any size")
struct LimitsTests {
  private let paths: [WritableKeyPath<ReadLimits, Int>] = [
    \.safetensorsHeaderBytes, \.jsonDepth, \.jsonBytes,
    \.jsonValues, \.tensorCount, \.rank,
    \.nameBytes, \.pickleDepth, \.pickleBytes,
    \.inflatedPickleBytes, \.pickleValues, \.pickleObjects,
    \.pickleElements, \.pickleTupleElements, \.pickleStack,
    \.pickleVisits, \.groupDepth, \.objectCount,
    \.attributeBytes, \.chunkBytes, \.inflateRatio,
  ]

  @Test(
    "bound a file, or open it, and nothing else",
    arguments: [
      "tiny-bert/model.safetensors", "torch-checkpoints/dtypes.pt",
      "torch-checkpoints/nested-legacy-5.pth", "torch-checkpoints/old.tar", "hdf5/chunks.h5",
      "hdf5/keras2.h5", "tiny-bert",
    ])
  func extremes(_ name: String) throws {
    let path = Fixtures.path(name)
    for field in paths {
      for value in [Int.min, -1, 0, 1, Int.max - 1, Int.max] {
        var options = OpenOptions()
        options.limits[keyPath: field] = value
        do {
          _ = try Checkpoint.open(path, options: options)
        } catch {
          #expect(value < Int.max - 1, "\(field) \(value): \(error)")
        }
        _ = try? CheckpointScan(path, limits: options.limits)
      }
    }
  }

  @Test("Bytes that no memory has room for are an error")
  func noMemory() throws {
    let one = try Weight([1], shape: [1])
    guard case .stored(let stored) = one.expression else { throw CheckpointError(.unsupported, "") }
    let layout = try #require(StridedLayout(shape: Shape([1 << 50]) ?? .scalar, strides: [0]))
    let huge = Weight(try StoredTensor(source: stored.source, dtype: .f32, layout: layout))
    #expect(throws: CheckpointError(.limitExceeded, "")) { try huge.floats() }
    #expect(throws: CheckpointError(.limitExceeded, "")) { try huge.packedBytes() }
  }
}
