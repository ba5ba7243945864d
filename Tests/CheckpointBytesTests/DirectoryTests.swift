import CheckpointBytes
import TestSupport
import Testing

@Suite struct DirectoryTests {
  @Test("Names come in the order of their bytes")
  func names() throws {
    let directory = try TemporaryDirectory()
    for name in ["b", "a", "é", "e\u{301}", "B", ".hidden"] {
      _ = try directory.write([], as: name)
    }
    let names = try Directory.names(in: directory.path).map { ExactName($0) }
    #expect(names == [".hidden", "B", "a", "b", "e\u{301}", "é"])
  }

  @Test("A path is a file, a directory, something else, or nothing")
  func kinds() throws {
    let directory = try TemporaryDirectory()
    #expect(try PathKind(path: try directory.write([], as: "file")) == .file)
    #expect(try PathKind(path: directory.path) == .directory)
    #expect(try PathKind(path: try directory.makeFIFO(as: "fifo")) == .other)
    #expect(try PathKind(path: directory.file("nothing")) == .nothing)
    #expect(try PathKind(path: directory.file("file/below")) == .nothing)
    let dangling = try directory.link(to: "nothing", as: "link")
    #expect(try PathKind(path: dangling) == .nothing)
  }

  @Test("A directory that is not there cannot be listed")
  func missing() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("nothing")
    #expect(throws: CheckpointError(.inputOutput, file: path, "")) { try Directory.names(in: path) }
  }

  @Test("A path is joined and split at its last slash")
  func paths() {
    #expect(Directory.join("a", "b") == "a/b")
    #expect(Directory.join("a/", "b") == "a/b")
    #expect(Directory.join("", "b") == "b")
    #expect(Directory.join("/", "b") == "/b")
    for (path, directory, name) in [
      ("a/b/c", "a/b/", "c"), ("c", "", "c"), ("/c", "/", "c"), ("a/", "a/", ""),
      ("dé/ñ", "dé/", "ñ"),
    ] {
      #expect(splitPath(path).directory == directory)
      #expect(splitPath(path).name == name)
    }
  }

  @Test("Two files with the same bytes are two files")
  func identity() throws {
    let directory = try TemporaryDirectory()
    let first = try directory.write([1], as: "first")
    let second = try directory.write([1], as: "second")
    #expect(Directory.identity(of: first) != Directory.identity(of: second))
    #expect(Directory.identity(of: directory.file("nothing")) == nil)
  }
}
