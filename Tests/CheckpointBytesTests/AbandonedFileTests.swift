import CheckpointBytes
import Foundation
import TestSupport
import Testing

@Suite("Temporary files that a run left behind")
struct AbandonedFileTests {
  @Test("Those of a process that is gone are removed by the next run, and no others")
  func removal() throws {
    let directory = try TemporaryDirectory()
    // A process that has ended, and whose number nobody has taken meanwhile.
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "exit 0"]
    try process.run()
    process.waitUntilExit()
    let gone = process.processIdentifier
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

  @Test("One that a process holds is left alone, whatever its number says")
  func held() throws {
    let directory = try TemporaryDirectory()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "exit 0"]
    try process.run()
    process.waitUntilExit()
    // As a process of another container has it: its number means nothing here.
    let name = ".model.pt.\(process.processIdentifier)-5.part"
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
