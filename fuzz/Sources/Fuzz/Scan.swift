import CheckpointBytes
import Checkpoints

func fuzzScan(_ bytes: [UInt8]) {
  guard let path = ScratchFile.path(holding: bytes) else { return }
  do throws(CheckpointError) {
    let scan = try CheckpointScan(path)
    for problem in scan.problems { expectReadable(problem) }
    for finding in scan.findings {
      expect(finding.rendering.unicodeScalars.count < 100_000, "a rendering is short")
    }
    guard scan.verdict == .safe else { return }
    expect(scan.problems.isEmpty, "what is data was read wholly")
    expect(scan.findings.allSatisfy { $0.verdict == .safe }, "what is data names data only")
  } catch {
    expectReadable(error)
  }
}
