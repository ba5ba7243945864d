import CheckpointBytes
import TestSupport
import Testing

@Suite struct OutputFileTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func content(_ name: String) throws -> [UInt8] {
    let file = try SourceFile(path: directory.file(name))
    return try file.bytes(at: 0, count: file.size)
  }

  @Test("The destination has its old content until the new file is committed")
  func replaces() throws {
    let path = try directory.write([1, 2, 3], as: "file")
    let output = try OutputFile(path: path)
    try output.write([9, 9], at: 2)
    try output.write([8, 8], at: 0)
    #expect(try content("file") == [1, 2, 3])
    #expect(try Directory.names(in: directory.path).count == 2)
    try output.commit()
    #expect(try content("file") == [8, 8, 9, 9])
    #expect(try Directory.names(in: directory.path) == ["file"])
  }

  @Test("A file that is not committed leaves nothing behind, and the old one as it was")
  func abandoned() throws {
    let path = try directory.write([1, 2, 3], as: "file")
    func abandon() throws {
      let output = try OutputFile(path: path, reserving: 1000)
      try output.write([9], at: 500)
    }
    try abandon()
    #expect(try content("file") == [1, 2, 3])
    #expect(try Directory.names(in: directory.path) == ["file"])
  }

  @Test("The file has the size that was written or set, not the one reserved")
  func sizes() throws {
    let output = try OutputFile(path: directory.file("file"), reserving: 4096)
    try output.write([1, 2, 3], at: 0)
    try output.setSize(3)
    #expect(try output.reopen().bytes(at: 0, count: 3) == [1, 2, 3])
    try output.commit()
    #expect(try content("file") == [1, 2, 3])
  }

  @Test(
    "The permissions of a file that is replaced are kept",
    arguments: [0o600, 0o640, 0o755] as [UInt32])
  func keptPermissions(_ permissions: UInt32) throws {
    let path = try directory.write([1], as: "file")
    try directory.setPermissions(permissions, of: "file")
    let output = try OutputFile(path: path)
    try output.write([2], at: 0)
    try output.commit()
    #expect(try directory.permissions(of: "file") == permissions)
  }

  @Test("A new file can be read by whom the process's mask lets read it")
  func newPermissions() throws {
    try Directory.make(directory.file("made by mkdir"))
    let mask = 0o777 & ~(try directory.permissions(of: "made by mkdir"))
    _ = try directory.write([1], as: "file")
    #expect(try directory.permissions(of: "file") == 0o666 & ~mask)
  }

  @Test("A directory is not replaced, and neither is a FIFO or a device")
  func refused() throws {
    try Directory.make(directory.file("directory"))
    for path in [
      directory.file("directory"), directory.file("directory/"), try directory.makeFIFO(as: "fifo"),
      "/dev/null",
    ] {
      #expect(throws: CheckpointError(.inputOutput, file: path, "")) { try OutputFile(path: path) }
    }
    #expect(try Directory.names(in: directory.path) == ["directory", "fifo"])
  }

  @Test("A directory that is not there is an error that names the destination")
  func missingDirectory() {
    let path = directory.file("nowhere/file")
    #expect(throws: CheckpointError(.inputOutput, file: path, "")) { try OutputFile(path: path) }
  }

  @Test("A destination with NUL in it is refused, not cut short")
  func nul() throws {
    let path = directory.file("file\u{0}.safetensors")
    let error = #expect(throws: CheckpointError.self) { try OutputFile(path: path) }
    #expect(error?.kind == .inputOutput)
    #expect(throws: CheckpointError.self) { try PathKind(path: path) }
    #expect(throws: CheckpointError.self) { try Directory.make(path) }
    #expect(throws: CheckpointError.self) { try Directory.names(in: path) }
    #expect(try Directory.names(in: directory.path) == [])
  }

  @Test("A link is replaced by a file; what it leads to is left alone")
  func links() throws {
    _ = try directory.write([1], as: "target")
    let link = try directory.link(to: "target", as: "link")
    let output = try OutputFile(path: link)
    try output.write([2], at: 0)
    try output.commit()
    #expect(try content("link") == [2])
    #expect(try content("target") == [1])
  }

  @Test("The longest name that a file system takes can be written", arguments: ["x", "é", "語"])
  func longNames(_ letter: String) throws {
    let name = String(repeating: letter, count: 255 / letter.utf8.count)
    _ = try directory.write([1], as: name)
    #expect(try Directory.names(in: directory.path) == [name])
  }

  @Test("A disk that has no room is found when the space is reserved")
  func fullDisk() throws {
    let path = directory.file("file")
    // More than any file system has; nothing is written.
    #expect(throws: CheckpointError(.inputOutput, file: path, "")) {
      try OutputFile(path: path, reserving: 1 << 60)
    }
    #expect(try Directory.names(in: directory.path) == [])
  }

  @Test("The temporary file lies beside its destination, so that a rename can put it there")
  func temporaryPath() throws {
    let output = try OutputFile(path: directory.file("file"))
    #expect(try PathKind(path: output.temporaryPath) == .file)
    #expect(splitPath(output.temporaryPath).directory == directory.path + "/")
  }

  @Test("Many files committed at a time all get the permissions of a new file")
  func concurrentCommits() async throws {
    _ = try directory.write([1], as: "first")
    let expected = try directory.permissions(of: "first")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<32 {
        group.addTask { _ = try directory.write([1], as: "\(index)") }
      }
      try await group.waitForAll()
    }
    for index in 0..<32 { #expect(try directory.permissions(of: "\(index)") == expected) }
  }
}
