import CheckpointBytes
import Foundation
import HDF5Format
import TestSupport
import Testing

@Suite("What libhdf5 prints")
struct SilenceTests {
  // libhdf5 has the setting that keeps it from printing for each thread.
  @Test("A file that cannot be written prints nothing, on whatever thread")
  func threads() async throws {
    let result = try await #require(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) {
      let directory = try TemporaryDirectory()
      let path = directory.file("no such folder/x.h5")
      for _ in 0..<2 {
        let finished = DispatchSemaphore(value: 0)
        Thread {
          let error = #expect(throws: CheckpointError.self) {
            _ = try HDF5Plan().write(toNew: path)
          }
          #expect(error?.kind == .inputOutput)
          finished.signal()
        }.start()
        finished.wait()
      }
    }
    let printed = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(!printed.contains("HDF5-DIAG"), "\(printed.prefix(200))")
  }
}
