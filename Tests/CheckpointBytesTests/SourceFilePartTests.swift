import CheckpointBytes
import TestSupport
import Testing

@Suite("A part of a file as a file")
struct SourceFilePartTests {
  @Test("holds its bytes and no others, and parts of parts do")
  func parts() throws {
    let directory = try TemporaryDirectory()
    let whole = try SourceFile(path: try directory.write(Array(0..<100), as: "whole"))
    let part = try SourceFile(part: 10..<60, of: whole, shownAs: "part")
    let inner = try SourceFile(part: 5..<10, of: part, shownAs: "inner")
    #expect(part.size == 50 && part.path == "part")
    #expect(try part.bytes(at: 0, count: 3) == [10, 11, 12])
    #expect(try inner.bytes(at: 0, count: 5) == [15, 16, 17, 18, 19])
    #expect(throws: CheckpointError(.truncated, file: "inner", offset: 1, "")) {
      try inner.bytes(at: 1, count: 5)
    }
    var failure: CheckpointError?
    var bytes = [UInt8](repeating: 0, count: 2)
    unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(CheckpointError) {
        try unsafe inner.read(at: 4, into: buffer)
      } catch {
        failure = error
      }
    }
    #expect(failure == CheckpointError(.truncated, file: "inner", offset: 4, ""))
    #expect(throws: CheckpointError.self) {
      try SourceFile(part: 40..<51, of: part, shownAs: "beyond")
    }
  }
}
