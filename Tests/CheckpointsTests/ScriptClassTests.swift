import CheckpointBytes
import Checkpoints
import TestSupport
import Testing

private typealias P = PickleBytes

@Suite("Lists of parameters and buffers in TorchScript's code")
struct ScriptClassTests {
  private func error(_ lines: [String]) throws -> CheckpointError? {
    let directory = try TemporaryDirectory()
    let none = P.proto(2) ++ P.none ++ P.stop
    let code = (["class Net(Module):"] + lines).map { $0 + "\n" }.joined()
    let path = try directory.write(
      storedArchive([
        ("a/version", Array("3\n".utf8)), ("a/data.pkl", none), ("a/constants.pkl", none),
        ("a/code/__torch__.py", Array(code.utf8)),
      ]), as: "model.pt")
    return #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
  }

  @Test(
    "are refused where PyTorch would not write them so",
    arguments: [
      ["['a', ]"], ["[\"a\"]"], ["[\"a\", "], ["[\"a\", ] + []"], ["[\"a"], ["[]", "[]"],
    ])
  func malformed(_ lists: [String]) throws {
    let found = try error(lists.map { "  __parameters__ = " + $0 })
    #expect(
      found?.kind == .malformed && found?.site.member == "a/code/__torch__.py", "\(found as Any)")
  }

  @Test("are read, and the file is one without tensors")
  func wellFormed() throws {
    let found = try error(["  __parameters__ = [\"a\", \"é\", ]", "  __buffers__ = []"])
    #expect(found?.kind == .notFound && found?.site.member == "a/data.pkl", "\(found as Any)")
  }
}
