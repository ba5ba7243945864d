import Foundation
import TestSupport
import Testing

/// Runs the commands of `docs/cookbook.md` with the built tool, a section in a shell of its own, and holds what they print
/// against the page.
@Suite("The cookbook")
struct CookbookTests {
  /// A command of the page, and what it says is printed.
  struct Step {
    let command: String
    var output: [String] = []
  }

  /// A section: what it is called, and its commands.
  struct Recipe: CustomTestStringConvertible {
    let title: String
    var steps: [Step] = []
    var testDescription: String { title }
  }

  static let recipes: [Recipe] = {
    let bytes = FileManager.default.contents(atPath: Fixtures.path("../docs/cookbook.md")) ?? Data()
    var recipes: [Recipe] = []
    var isInside = false
    for line in String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init) {
      if line.hasPrefix("## ") {
        recipes.append(Recipe(title: String(line.dropFirst(3))))
      } else if line.hasPrefix("```") {
        isInside = line == "```console"
      } else if isInside, let last = recipes.indices.last {
        if line.hasPrefix("$ ") {
          recipes[last].steps.append(Step(command: String(line.dropFirst(2))))
        } else if let step = recipes[last].steps.indices.last {
          recipes[last].steps[step].output.append(line)
        }
      }
    }
    return recipes
  }()

  @Test("There are ten recipes, and each has commands")
  func ten() {
    #expect(Self.recipes.count == 10)
    #expect(Self.recipes.allSatisfy { !$0.steps.isEmpty })
  }

  @Test("A recipe does what the page says", arguments: recipes)
  func recipe(_ recipe: Recipe) throws {
    let kitchen = try Kitchen()
    for step in recipe.steps {
      let printed = try kitchen.run(step.command)
      #expect(
        Self.agrees(printed, with: step.output),
        "$ \(step.command)\n\(printed.joined(separator: "\n"))\n--- the page has\n\(step.output.joined(separator: "\n"))"
      )
    }
  }

  @Test("What is printed and is not on the page is found, and the other way round")
  func comparison() {
    #expect(Self.agrees(["a", "b", "c"], with: ["a", "…", "c"]))
    #expect(Self.agrees(["a 0.12 s"], with: ["a … s"]))
    #expect(Self.agrees([], with: []))
    #expect(!Self.agrees(["a", "b"], with: ["a"]))
    #expect(!Self.agrees(["a"], with: ["a", "b"]))
    #expect(!Self.agrees(["a", "b", "d"], with: ["a", "…", "c"]))
    #expect(!Self.agrees(["a 0.12 m"], with: ["a … s"]))
  }

  /// True if lines are those of the page, where a line `…` stands for any lines and `…` within one for any text.
  private static func agrees(_ printed: [String], with page: [String]) -> Bool {
    let blocks = page.split(separator: "…", omittingEmptySubsequences: false)
    return matches(printed[...], blocks.map { Array($0) }) { line, expected in
      let parts = expected.split(separator: "…", omittingEmptySubsequences: false)
      return matches(Array(line)[...], parts.map { Array($0) }) { $0 == $1 }
    }
  }

  /// True if elements are these blocks one after the other, with anything between them. Each is taken where it comes first: no
  /// later place leaves more room for what follows.
  private static func matches<Element>(
    _ found: ArraySlice<Element>, _ blocks: [[Element]], _ isSame: (Element, Element) -> Bool
  ) -> Bool {
    func begins(_ rest: ArraySlice<Element>, with block: [Element]) -> Bool {
      rest.count >= block.count && zip(rest, block).allSatisfy(isSame)
    }
    guard let first = blocks.first, let last = blocks.last, begins(found, with: first) else {
      return false
    }
    var rest = found.dropFirst(first.count)
    guard blocks.count > 1 else { return rest.isEmpty }
    for block in blocks.dropFirst().dropLast() {
      while !begins(rest, with: block) {
        guard !rest.isEmpty else { return false }
        rest = rest.dropFirst()
      }
      rest = rest.dropFirst(block.count)
    }
    return rest.count >= last.count && begins(rest.suffix(last.count), with: last)
  }
}

/// A directory with what the page begins with.
private struct Kitchen {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    for (name, task, tokenizer) in [
      ("model", "bert-masked", "bert-uncased"), ("classifier", "bert-classifier", "bert-uncased"),
    ] {
      try copy("tasks/\(task).safetensors", to: name + "/model.safetensors")
      try copy("tasks/\(task).json", to: name + "/config.json")
      for file in ["tokenizer.json", "tokenizer_config.json"] {
        try copy("tokenizers/\(tokenizer)/\(file)", to: name + "/" + file)
      }
    }
    try copy("hazards/files/nested.pt", to: "download.pt")
    try copy("training/lightning.ckpt", to: "runs/epoch-3.ckpt")
    try copy("training/trained.pt", to: "runs/last.pt")
    try copy("tiny-bert/model.safetensors", to: "tiny-bert/model.safetensors")
    try copy("tiny-bert/config.json", to: "tiny-bert/config.json")
    try copy("golden/tiny-bert.safetensors", to: "golden.safetensors")
    try write("the scale is even\nthe load is heavy\n", to: "texts.txt")
    try write("a tonne of bricks\nthe bridge in Genoa\nthe scale\n", to: "passages.txt")
  }

  private func copy(_ fixture: String, to name: String) throws {
    try place(name)
    try FileManager.default.copyItem(
      atPath: Fixtures.path(fixture), toPath: directory.path + "/" + name)
  }

  private func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: directory.path + "/" + name))
  }

  private func place(_ name: String) throws {
    let folder = URL(fileURLWithPath: directory.path + "/" + name).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  /// Runs a line in a shell, and gives the lines of both of its streams.
  func run(_ line: String) throws -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", line]
    process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
    var environment = ProcessInfo.processInfo.environment
    let tools = BinaryTests.tool.deletingLastPathComponent().path
    environment["PATH"] = tools + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let text = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    var lines = String(decoding: text, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }
}
