import CheckpointBytes
import PickleFormat

func fuzzPickle(_ bytes: [UInt8]) {
  var scanned = ByteCursor(bytes)
  let scan = PickleScan(walking: &scanned)
  expect(scan.end <= bytes.count, "the walk stays in the input")
  if let failure = scan.failure { expectReadable(failure, in: bytes.count) }
  for finding in scan.findings {
    expect((0..<bytes.count).contains(finding.offset), "what is found lies in the input")
    expect(finding.rendering.unicodeScalars.count < 100_000, "a rendering is short")
  }
  for policy in [GlobalPolicy.everything, .nothing] {
    var cursor = ByteCursor(bytes)
    do throws(ParseFailure) {
      let document = try PickleDocument(parsing: &cursor, policy: policy)
      expect(document.root.position < document.count, "the root is one of the values")
      expect(
        scan.faults.allSatisfy { $0.kind == .limitExceeded },
        "what the machine takes, the scan finds sound")
      // An array of joblib's, or more than a scan lists.
      guard scan.failure?.kind != .unsupported, scan.failure?.kind != .limitExceeded else {
        continue
      }
      expect(scan.failure == nil, "what the machine takes, the scan walks to its end")
      expect(scan.end == cursor.offset, "both end at the same byte")
    } catch {
      expectReadable(error, in: bytes.count)
    }
  }
}
