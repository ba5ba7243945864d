internal import CheckpointBytes
internal import WeightGraph
internal import ZipFormat
internal import HDF5Format
extension Checkpoint {
  static func openKerasArchive(_ a: ZipArchive, _ f: SourceFile, options: OpenOptions) throws(CheckpointError) -> Checkpoint { throw CheckpointError(.unsupported, file: f.path, "x") }
}
struct HDF5FileLayout: FileLayout {
  let byteCount = 0; let needsChecksums = false
  init(_ ties: [Tie], facts: CheckpointFacts, path: String, receipt: inout ConversionReceipt) throws(CheckpointError) {}
  func begin(_ output: OutputFile) throws(CheckpointError) -> [Int] { [] }
  func finish(_ output: OutputFile, checksums: [UInt32]) throws(CheckpointError) {}
}
struct KL { let words = "hdf5" }
extension HDF5Description { func kerasLayout(file: String) throws(CheckpointError) -> KL { KL() } }
