import CheckpointBytes
import TestSupport
import Testing

@Suite struct SourceFileTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func failure(_ path: String) -> CheckpointError? {
    #expect(throws: CheckpointError.self) { try SourceFile(path: path) }
  }

  @Test("A file that is not there is not found")
  func missing() {
    #expect(failure(directory.file("nothing"))?.kind == .inputOutput)
    #expect(failure(directory.file("nothing/below"))?.kind == .inputOutput)
    #expect(failure("")?.kind == .inputOutput)
  }

  @Test("A path through a file is not found")
  func throughFile() throws {
    let path = try directory.write([1], as: "file")
    #expect(failure(path + "/below")?.kind == .inputOutput)
  }

  @Test("A path with NUL in it names no file, although it begins like one")
  func nul() throws {
    let path = try directory.write([1], as: "file")
    #expect(failure(path + "\u{0}.safetensors")?.kind == .inputOutput)
  }

  @Test("A directory is no file")
  func isDirectory() {
    let error = failure(directory.path)
    #expect(error?.kind == .inputOutput)
    #expect(error?.description == "\(directory.path): is a directory, expected a file")
  }

  @Test("A FIFO is refused at once, without waiting for a writer")
  func fifo() throws {
    #expect(failure(try directory.makeFIFO(as: "fifo"))?.kind == .inputOutput)
  }

  @Test("A device is refused, through a link too", arguments: ["/dev/zero", "/dev/null"])
  func device(_ device: String) throws {
    #expect(failure(device)?.kind == .inputOutput)
    #expect(failure(try directory.link(to: device, as: "link"))?.kind == .inputOutput)
  }

  @Test("A loop of links is refused")
  func loop() throws {
    _ = try directory.link(to: directory.file("b"), as: "a")
    _ = try directory.link(to: directory.file("a"), as: "b")
    #expect(failure(directory.file("a"))?.kind == .inputOutput)
  }

  @Test("A link that leads nowhere is called one")
  func danglingLink() throws {
    let error = failure(try directory.link(to: "cleared", as: "model.safetensors"))
    #expect(error?.kind == .inputOutput)
    #expect(error?.description.contains("is a link, and what it leads to is not there") == true)
    #expect(failure(directory.file("absent"))?.description.contains("is a link") == false)
  }

  @Test("A link to a file is followed, as the Hugging Face cache needs it")
  func link() throws {
    let path = try directory.write([1, 2, 3], as: "blob")
    let link = try SourceFile(path: try directory.link(to: "blob", as: "model.safetensors"))
    #expect(try link.bytes(at: 0, count: 3) == [1, 2, 3])
    #expect(link.identity == (try SourceFile(path: path)).identity)
    #expect(Directory.identity(of: path) == link.identity)
    let dangling = try directory.link(to: "no such blob", as: "dangling")
    #expect(failure(dangling)?.kind == .inputOutput)
  }

  @Test(
    "Bytes outside the file are truncated, before anything is allocated",
    arguments: [(0, 4), (3, 1), (4, 0), (-1, 1), (0, Int.max), (Int.max, 1), (0, -1)])
  func outside(_ offset: Int, _ count: Int) throws {
    let path = try directory.write([1, 2, 3], as: "file")
    let file = try SourceFile(path: path)
    #expect(throws: CheckpointError(.truncated, file: path, offset: offset, "")) {
      try file.bytes(at: offset, count: count)
    }
  }

  @Test("A file that is cut while it is open gives an error at the new end, not a crash")
  func cutWhileOpen() throws {
    let path = try directory.write([UInt8](repeating: 7, count: 10_000), as: "file")
    let file = try SourceFile(path: path)
    try directory.setSize(6000, of: "file")
    #expect(try file.bytes(at: 0, count: 6000).count == 6000)
    #expect(throws: CheckpointError(.truncated, file: path, offset: 6000, "")) {
      try file.bytes(at: 5000, count: 2000)
    }
  }

  @Test("A file that grows keeps the size that it had")
  func growsWhileOpen() throws {
    let path = try directory.write([1, 2, 3], as: "file")
    let file = try SourceFile(path: path)
    try directory.setSize(100, of: "file")
    #expect(file.size == 3)
    #expect(throws: CheckpointError(.truncated, file: path, offset: 0, "")) {
      try file.bytes(at: 0, count: 4)
    }
  }

  @Test("An empty file can be read: there is nothing in it")
  func empty() throws {
    let file = try SourceFile(path: try directory.write([], as: "file"))
    #expect(file.size == 0)
    #expect(try file.bytes(at: 0, count: 0) == [])
  }

  @Test(
    "A file that is written to while it is open has changed; one that is replaced goes on as it was"
  )
  func changes() throws {
    let path = try directory.write([1, 2, 3], as: "file")
    let file = try SourceFile(path: path)
    let part = try SourceFile(part: 1..<3, of: file, shownAs: "part")
    let source = try FileBytes(file, at: 0, count: 2)
    try file.checkUnchanged()
    try source.verifyIntegrity()
    let output = try OutputFile(path: path)
    try output.write([4, 5, 6], at: 0)
    try output.commit()
    try file.checkUnchanged()
    #expect(try file.bytes(at: 0, count: 3) == [1, 2, 3])
    let other = try SourceFile(path: path)
    try directory.setSize(2, of: "file")
    for check in [
      other.checkUnchanged,
      { () throws in
        try SourceFile(part: 0..<1, of: other, shownAs: "part").checkUnchanged()
      },
    ] {
      let error = #expect(throws: CheckpointError.self) { try check() }
      #expect(error?.kind == .inconsistent)
    }
    try part.checkUnchanged()
  }
}
