import CheckpointBytes
import Foundation
import TestSupport
import Testing

@Suite("Temporary files that a run left behind")
struct AbandonedFileTests {
  /// The number of a process that has ended, which nobody has taken meanwhile.
  private func ended() throws -> pid_t {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "exit 0"]
    try process.run()
    process.waitUntilExit()
    return process.processIdentifier
  }

  @Test("Those of a process that is gone are removed by the next run, and no others")
  func removal() throws {
    let directory = try TemporaryDirectory()
    let gone = try ended()
    let abandoned = [".model.pt.\(gone)-17.part", ".model.pt.\(gone)-4294967295.part"]
    let others = [
      ".model.pt.\(getpid())-17.part", ".model.pt.1-17.part", ".model.pt.part",
      ".model.pt.x-17.part",
      ".model.pt.\(gone)-17.part.bak", ".other.pt.\(gone)-17.part", "model.pt.\(gone)-17.part",
    ]
    for name in abandoned + others { _ = try directory.write([1], as: name) }
    do {
      let file = try OutputFile(path: directory.file("model.pt"))
      try file.write([1, 2], at: 0)
      try file.commit()
    }
    let names = Set(try Directory.names(in: directory.path))
    #expect(names == Set(others + ["model.pt"]))
  }

  @Test("Those of all destinations that are named are removed at once")
  func destinations() throws {
    let directory = try TemporaryDirectory()
    let gone = try ended()
    let long = String(repeating: "é", count: 110)
    let names = ["model-1.pt", "model-2.pt", long]
    for name in names + ["other.pt"] {
      _ = try directory.write(
        [1], as: ".\(String(decoding: name.utf8.prefix(200), as: UTF8.self)).\(gone)-17.part")
    }
    TemporaryFiles.removeAbandoned(of: names.map(directory.file))
    #expect(try Directory.names(in: directory.path) == [".other.pt.\(gone)-17.part"])
  }

  @Test("One that a process holds is left alone, whatever its number says")
  func held() throws {
    let directory = try TemporaryDirectory()
    // As a process of another container has it: its number means nothing here.
    let name = ".model.pt.\(try ended())-5.part"
    let path = try directory.write([1], as: name)
    let descriptor = unsafe open(path, O_RDONLY)
    // Whoever starts a program meanwhile has all files for a moment, those that were closed here too, and with them their locks.
    #expect(flock(descriptor, LOCK_EX) == 0)
    _ = try OutputFile(path: directory.file("model.pt"))
    #expect(try Directory.names(in: directory.path).contains(name))
    close(descriptor)
    _ = try OutputFile(path: directory.file("model.pt"))
    #expect(try !Directory.names(in: directory.path).contains(name))
  }
}
