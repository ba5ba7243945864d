import CheckpointBytes
import TestSupport
import Testing

/// The cache as `huggingface_hub` 2.4 lays it out.
@Suite("The Hub's cache")
struct HubCacheTests {
  private let directory: TemporaryDirectory
  private let cache: HubCache
  private let first = "0123456789abcdef0123456789abcdef01234567"
  private let second = "89abcdef0123456789abcdef0123456789abcdef"

  init() throws {
    directory = try TemporaryDirectory()
    cache = HubCache(directory.path)
    try write(first, "models--acme--tiny/refs/main")
    try write(second + "\n", "models--acme--tiny/refs/pr/1")
    try write(second, "models--acme--tiny/refs/refs/pr/2")
    try write("{}", "models--acme--tiny/snapshots/\(first)/config.json")
    try write("{}", "models--acme--tiny/snapshots/\(second)/config.json")
    try write("{}", "models--gpt2/snapshots/\(first)/config.json")
    try write("{}", "datasets--acme--texts/snapshots/\(first)/data.json")
  }

  private func write(_ text: String, _ path: String) throws {
    try Directory.makeAll(Directory.join(directory.path, splitPath(path).directory))
    _ = try directory.write(Array(text.utf8), as: path)
  }

  private func snapshot(_ text: String) throws -> String? {
    try cache.snapshot(of: #require(HubCache.Reference(text)))
  }

  @Test("A name leads to the files of main, with a revision to those of a branch or commit")
  func snapshots() throws {
    let tiny = directory.file("models--acme--tiny/snapshots/")
    #expect(try snapshot("acme/tiny") == tiny + first)
    #expect(try snapshot("acme/tiny@pr/1") == tiny + second)
    #expect(try snapshot("acme/tiny@refs/pr/2") == tiny + second)
    #expect(try snapshot("acme/tiny@\(second)") == tiny + second)
    #expect(try snapshot("acme/tiny@v2") == nil)
    #expect(try snapshot("acme/other") == nil)
    // No reference is there, so that nothing says which commit is main.
    #expect(try snapshot("gpt2") == nil)
    #expect(try snapshot("gpt2@\(first)") == directory.file("models--gpt2/snapshots/") + first)
  }

  @Test("The folder of a model is taken for its files", arguments: ["", "/"])
  func folders(_ end: String) throws {
    let tiny = directory.file("models--acme--tiny")
    #expect(try HubCache.located(tiny + end) == tiny + "/snapshots/" + first)
    let gpt2 = directory.file("models--gpt2")
    #expect(
      try HubCache.located(gpt2 + end) == gpt2 + end + (end.isEmpty ? "/" : "") + "snapshots/"
        + first)
    #expect(try HubCache.located(directory.path) == directory.path)
  }

  @Test("The models are listed with their commits and what leads to them")
  func models() throws {
    let models = try cache.models()
    #expect(models.map(\.name) == ["acme/tiny", "gpt2"])
    #expect(models[0].snapshots.map(\.commit) == [first, second])
    #expect(models[0].snapshots.map(\.references) == [["main"], ["pr/1", "refs/pr/2"]])
    #expect(models[1].snapshots.map(\.references) == [[]])
    #expect(try HubCache(directory.file("nowhere")).models().isEmpty)
  }

  @Test("Files where directories are expected are passed over")
  func strayFiles() throws {
    try write("", "models--acme--stray")
    try write("", "models--acme--tiny/snapshots/.DS_Store")
    try models()
    #expect(try snapshot("acme/stray") == nil)
  }

  @Test(
    "What cannot be a name on the Hub is none",
    arguments: [
      "", "/a", "a/", "a/b/c", "../a", "a/..", ".", "a b", "a/b@", "a/b@../x", "a--b", "a/b@x y",
      "a/é", "a\0b",
    ])
  func names(_ text: String) {
    #expect(HubCache.Reference(text) == nil)
  }

  @Test("A reference that leads out of the cache leads nowhere")
  func escapes() throws {
    try write("../../../..", "models--acme--tiny/refs/out")
    #expect(try snapshot("acme/tiny@out") == nil)
  }

  @Test("A snapshot is known by the model's name")
  func names() {
    func name(_ path: String) -> String? { HubCache.name(ofSnapshot: path) }
    #expect(name("/a/hub/models--org--tiny/snapshots/0123") == "org/tiny")
    #expect(name("hub/models--gpt2/snapshots/0123/model.safetensors") == "gpt2")
    for path in ["", "snapshots", "/snapshots/a", "a/snapshots/b", "models--a--b/refs/main"] {
      #expect(name(path) == nil)
    }
  }
}
