internal import CheckpointBytes
internal import WeightGraph
internal import ZipFormat
extension Checkpoint {
  static func openTorch(_ f: SourceFile, options: OpenOptions) throws(CheckpointError) -> Checkpoint { throw CheckpointError(.unsupported, file: f.path, "x") }
  static func openHDF5(_ f: SourceFile, options: OpenOptions) throws(CheckpointError) -> Checkpoint { throw CheckpointError(.unsupported, file: f.path, "x") }
  static func openKerasArchive(_ a: ZipArchive, _ f: SourceFile, options: OpenOptions) throws(CheckpointError) -> Checkpoint { throw CheckpointError(.unsupported, file: f.path, "x") }
}
struct HDF5FileLayout: FileLayout {
  let byteCount = 0; let needsChecksums = false
  init(_ ties: [Tie], facts: CheckpointFacts, path: String, receipt: inout ConversionReceipt) throws(CheckpointError) {}
  func begin(_ output: OutputFile) throws(CheckpointError) -> [Int] { [] }
  func finish(_ output: OutputFile, checksums: [UInt32]) throws(CheckpointError) {}
}
struct TorchCheckpoint { static func recognises(prefix: [UInt8]) -> Bool { false } }
