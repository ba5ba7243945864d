import CheckpointBytes
import TestSupport
import Testing

import ToolCommands

/// `os.system('echo hi')`, and a class that nobody knows.
private let dangerous = Array("cos\nsystem\n(Vecho hi\ntR.".utf8)
private let unknown = Array("cmy\nClass\n.".utf8)

@Suite("The forms of a scan's report")
struct ScanReportTests {
  @Test("Each finding has a verdict and a reason")
  func reasons() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(dangerous, as: "x.pkl")
    let run = ToolRun("scan", path)
    #expect(
      run.output.contains(
        "dangerous: @ 22: would have called os.system('echo hi'): runs programs or reaches the operating system\n"
      ), "\(run.output)")
    let document = try JSONValue(
      parsing: Array(ToolRun("scan", path, "--json").output.utf8), context: "output")
    for finding in document["globals"]?.elements ?? [] {
      #expect(finding["reason"]?.string == "runs programs or reaches the operating system")
    }
  }

  @Test("The exit code follows --fail-on")
  func exitCodes() throws {
    let directory = try TemporaryDirectory()
    let bad = try directory.write(dangerous, as: "bad.pkl")
    let odd = try directory.write(unknown, as: "odd.pkl")
    #expect(ToolRun("scan", odd).code == 1)
    #expect(ToolRun("scan", odd, "--fail-on", "dangerous").code == 0)
    #expect(ToolRun("scan", bad, odd, "--fail-on", "dangerous").code == 1)
    #expect(ToolRun("scan", bad, "--fail-on", "never").code == 64)
    #expect(ToolRun("scan", bad, "--json", "--sarif").code == 64)
  }

  @Test("SARIF is one log of all sources, with places, rules and fingerprints")
  func sarif() throws {
    let directory = try TemporaryDirectory()
    let bad = try directory.write(dangerous, as: "bad one.pkl")
    let odd = try directory.write(unknown, as: "odd.pkl")
    let plain = try directory.write(Array("{}".utf8), as: "a.json")
    let run = ToolRun("scan", bad, odd, plain, "--sarif")
    #expect(run.code == 1)
    let log = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(log["version"]?.string == "2.1.0")
    let results = log["runs"]?.elements?.first?["results"]?.elements ?? []
    #expect(
      results.map { $0["ruleId"]?.string } == [
        "dangerous-global", "dangerous-global", "unknown-global",
      ])
    #expect(results.map { $0["level"]?.string } == ["error", "error", "warning"])
    let place = results.first?["locations"]?.elements?.first?["physicalLocation"]
    #expect(place?["artifactLocation"]?["uri"]?.string?.hasSuffix("/bad%20one.pkl") == true)
    #expect(place?["artifactLocation"]?["uri"]?.string?.hasPrefix("file:///") == true)
    #expect(place?["region"]?["byteOffset"]?.integer == 0)
    let rules = log["runs"]?.elements?.first?["tool"]?["driver"]?["rules"]?.elements ?? []
    let known = Set(rules.compactMap { $0["id"]?.string })
    #expect(results.allSatisfy { known.contains($0["ruleId"]?.string ?? "") })
    let prints = results.compactMap { $0["partialFingerprints"]?["weighbridge/v1"]?.string }
    #expect(Set(prints).count == 3 && prints.allSatisfy { $0.utf8.count == 64 })
  }

  @Test("SARIF has each file once among its artifacts, and a reference for any name")
  func artifacts() throws {
    let directory = try TemporaryDirectory()
    let bad = try directory.write(dangerous, as: "a: 100% #1?é.pkl")
    let log = try JSONValue(
      parsing: Array(ToolRun("scan", bad, directory.path, bad, "--sarif").output.utf8),
      context: "output")
    let run = log["runs"]?.elements?.first
    let uris = (run?["artifacts"]?.elements ?? []).map { $0["location"]?["uri"]?.string ?? "" }
    // The schema of SARIF 2.1.0 says `uniqueItems`.
    #expect(uris.count == 1 && uris[0].hasSuffix("/a:%20100%25%20%231%3F%C3%A9.pkl"), "\(uris)")
    #expect(run?["results"]?.elements?.count == 6)
    let empty = try TemporaryDirectory()
    let none = try JSONValue(
      parsing: Array(ToolRun("scan", empty.path, "--sarif").output.utf8), context: "output")
    #expect(none["runs"]?.elements?.first?["results"]?.elements?.isEmpty == true)
  }

  @Test("SARIF tells of a source that could not be scanned")
  func unopened() throws {
    let directory = try TemporaryDirectory()
    let bad = try directory.write(dangerous, as: "bad.pkl")
    let run = ToolRun("scan", bad, directory.file("none.pkl"), "--sarif")
    #expect(run.code == 74)
    func invocation(_ run: ToolRun) throws -> JSONValue? {
      let log = try JSONValue(parsing: Array(run.output.utf8), context: "output")
      return log["runs"]?.elements?.first?["invocations"]?.elements?.first
    }
    let found = try invocation(run)
    #expect(found?["executionSuccessful"] == .boolean(false))
    let notifications = found?["toolExecutionNotifications"]?.elements ?? []
    #expect(notifications.count == 1 && notifications[0]["level"]?.string == "error")
    #expect(notifications[0]["message"]?["text"]?.string?.contains("none.pkl") == true)
    let place = notifications[0]["locations"]?.elements?.first?["physicalLocation"]
    #expect(place?["artifactLocation"]?["uri"]?.string?.hasSuffix("/none.pkl") == true)
    let sound = try invocation(ToolRun("scan", bad, "--sarif"))
    #expect(sound?["executionSuccessful"] == .boolean(true))
    #expect(sound?["toolExecutionNotifications"]?.elements?.isEmpty == true)
  }

  @Test("A baseline accepts what it lists, of the same bytes, and nothing else")
  func baseline() throws {
    let directory = try TemporaryDirectory()
    let bad = try directory.write(dangerous, as: "bad.pkl")
    let list = directory.file("accepted.json")
    #expect(ToolRun("scan", bad, "--write-baseline", list).code == 1)
    let run = ToolRun("scan", bad, "--baseline", list)
    #expect(run.code == 0, "\(run.output)")
    #expect(run.output.contains("accepted before: 2\nverdict: nothing but data"), "\(run.output)")
    // Under another name, too; it is the bytes that are known.
    let copy = try directory.write(dangerous, as: "copy.pkl")
    #expect(ToolRun("scan", copy, "--baseline", list).code == 0)
    let other = try directory.write(Array("cos\nsystem\n(Vecho ho\ntR.".utf8), as: "bad.pkl")
    #expect(ToolRun("scan", other, "--baseline", list).code == 1)
    let log = try JSONValue(
      parsing: Array(ToolRun("scan", copy, "--baseline", list, "--sarif").output.utf8),
      context: "output")
    let results = log["runs"]?.elements?.first?["results"]?.elements ?? []
    #expect(results.count == 2 && results.allSatisfy { $0["suppressions"] != nil })
    let broken = try directory.write(Array("{}".utf8), as: "broken.json")
    #expect(ToolRun("scan", bad, "--baseline", broken).code == 65)
  }

  @Test("What was not looked into is accepted by its bytes")
  func unread() throws {
    let directory = try TemporaryDirectory()
    let archive =
      Array("7z".utf8) + [0xBC, 0xAF, 0x27, 0x1C, 0, 4] + [UInt8](repeating: 0xC3, count: 90)
    let path = try directory.write(archive, as: "a.7z")
    let list = directory.file("accepted.json")
    #expect(ToolRun("scan", path, "--write-baseline", list).code == 1)
    #expect(ToolRun("scan", path, "--baseline", list).code == 0)
    _ = try directory.write(archive + [1], as: "a.7z")
    #expect(ToolRun("scan", path, "--baseline", list).code == 1)
  }
}
