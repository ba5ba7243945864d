import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("Help, and what is said to a slip")
struct HelpTests {
  private static let names: [String] = Tool.commandNames

  @Test("Every command has an example that its own parser takes", arguments: names)
  func examples(_ name: String) throws {
    let discussion = try #require(Tool.discussion(of: name))
    let lines = discussion.split(separator: "\n").map { $0.drop { $0 == " " } }
    let examples = lines.filter {
      $0.hasPrefix("weighbridge \(name) ") || $0 == "weighbridge \(name)"
    }
    #expect(!examples.isEmpty, "the help of \(name) has no example")
    for example in examples {
      let call = example.split(separator: "&&")[0]
      let words = try Self.words(call.split(separator: "|")[0]).dropFirst()
      #expect(throws: Never.self, "\(example)") {
        try Tool.parse(Array(words))
      }
    }
  }

  @Test(
    "Examples are printed as they are to be typed, however narrow the text beside them",
    arguments: names)
  func wholeExamples(_ name: String) throws {
    let lines = ToolRun("help", name).output.split(
      separator: "\n", omittingEmptySubsequences: false)
    let discussion = try #require(Tool.discussion(of: name)).split(separator: "\n")
    let start = try #require(lines.firstIndex(of: "Examples:"))
    let printed = lines[(start + 1)...].prefix { !$0.isEmpty }
    let written = try #require(discussion.firstIndex(of: "Examples:"))
    #expect(Array(printed) == Array(discussion[(written + 1)...]))
  }

  @Test("Any number is taken or refused by every option", arguments: names)
  func numbers(_ name: String) throws {
    let discussion = try #require(Tool.discussion(of: name)).split(separator: "\n")
    let example = discussion.map { $0.drop { $0 == " " } }.first {
      $0.hasPrefix("weighbridge \(name) ") && !$0.contains("|") && !$0.contains("&&")
    }
    let words = try Self.words(example ?? "weighbridge \(name)").dropFirst()
    let heads = ToolRun("help", name).output.split(separator: "\n").filter {
      $0.hasPrefix("  -") && $0.contains("<")
    }
    let options = heads.compactMap { line in
      line.prefix { $0 != "<" }.split { ", /".contains($0) }.last { $0.hasPrefix("--") }
    }
    for option in options {
      for number in [
        "\(Int.min)", "-1", "0", "\(Int.max)", "18446744073709551616", "nan", "-inf", "1e308", "",
      ] {
        // What it says does not matter: a trap would end the process.
        _ = try? Tool.parse(words + ["\(option)=\(number)"])
      }
    }
  }

  /// The words of a line as a shell cuts it, single quotes and nothing else.
  private static func words(_ line: Substring) throws -> [String] {
    let parts = line.split(separator: "'", omittingEmptySubsequences: false)
    try #require(parts.count % 2 == 1)
    return parts.enumerated().flatMap { index, part in
      index % 2 == 1 ? [String(part)] : part.split(separator: " ").map(String.init)
    }
  }

  @Test(
    "No two options have one name, and none of a file, a pattern or a number is called after itself",
    arguments: names)
  func options(of name: String) {
    let help = ToolRun("help", name).output
    // `  -o, --output, --out <file>   Help`
    let heads = help.split(separator: "\n").filter { $0.hasPrefix("  -") }
    let options = heads.flatMap { line in
      line.dropFirst(2).prefix { $0 != "<" }.split { ", /".contains($0) }
        .prefix { $0.hasPrefix("-") }
    }
    #expect(options.contains("--help"))
    #expect(Set(options).count == options.count, "\(options)")
    for option in [
      "--include", "--exclude", "--rename", "--allow-missing", "--rtol", "--report", "--golden",
      "--max-shard-size", "--fill-zeros", "--inputs", "--output", "--top-k", "--max-new-tokens",
      "--batch-tokens", "--prompt", "--pair", "--fail-on",
    ] {
      #expect(!help.contains("\(option) <\(option.dropFirst(2))>"), "\(help)")
    }
  }

  @Test(
    "A slip in a command's name is told the right one",
    arguments: [
      ("convrt", "convert"), ("inspct", "inspect"), ("ls", "inspect"), ("tokenise", "tokenize"),
      ("compare", "diff"), ("sha256", "manifest"), ("INSPECT", "inspect"),
    ])
  func commands(_ word: String, _ right: String) {
    let run = ToolRun(word, "x.pt")
    #expect(run.code == 64)
    #expect(
      run.error.hasPrefix("Error: '\(word)' is no command; did you mean '\(right)"), "\(run.error)")
    let help = ToolRun("help", word)
    #expect(help.code == 64 && help.error == run.error, "\(help.error)")
  }

  @Test(
    "An option that takes one value is given once, and others as often as anyone likes",
    arguments: [
      ["convert", "a.pt", "b.pt", "--adapter", "x", "--adapter", "y"],
      ["convert", "a.pt", "b.pt", "--to=pt", "--quiet", "--to", "h5"],
      ["worker", "embed", "model", "--pooling=cls", "--pooling=max"],
    ])
  func repeated(_ arguments: [String]) {
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 64)
    #expect(run.error.contains("is given twice and takes one value"), "\(run.error)")
    let several = ToolRun(
      "inspect", Fixtures.path("tiny-bert"), "--include", "bert.*", "--include", "*", "--quiet",
      "--quiet")
    #expect(several.code == 0, "\(several.error)")
    let renamed = ToolRun("convert", "a.pt", "-o", "b.pt", "--out", "c.pt")
    #expect(renamed.code == 64)
    #expect(renamed.error.contains("-o and --out are one option, which takes one value"))
  }

  @Test("A worker's task has its own help there", arguments: ["embed", "convert"])
  func helpOfTask(_ task: String) {
    let (worker, own) = (ToolRun("worker", task, "--help"), ToolRun(task, "--help"))
    #expect(worker.code == 0 && worker.output == own.output && !own.output.isEmpty)
    let both = ToolRun("similarity", "model", "--input", "-", "--documents", "-")
    #expect(both.code == 64 && both.error.contains("where the queries come from"), "\(both.error)")
  }

  @Test("A file in the place of a command is told how to look into it, quoted for the shell")
  func fileAsCommand() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write([1], as: "a b.pt")
    #expect(ToolRun(path).error.contains("did you mean: weighbridge inspect '\(path)'"))
    #expect(ToolRun("frobnicate").error.hasPrefix("Error: 'frobnicate' is no command\n"))
  }

  @Test(
    "Options of other tools are told what does the same here",
    arguments: [
      ("--quantize", "use --dtype int8"), ("--output-dir", "use --out-dir"),
      ("--trust-remote-code", "nothing in a file is ever run"), ("--no-color", "NO_COLOR"),
      ("--precision", "--dtype where weights are stored"),
    ])
  func options(_ option: String, _ words: String) {
    let run = ToolRun("convert", "a.pt", "b.pt", option)
    #expect(run.code == 64)
    #expect(
      run.error.hasPrefix("Error: Unknown option '\(option)': ") && run.error.contains(words),
      "\(run.error)")
  }

  @Test("A slip in an option's name is told the right one")
  func optionSlip() {
    #expect(ToolRun("convert", "a.pt", "b.pt", "--formt", "st").error.contains("--format"))
  }

  @Test("Spellings that people try are understood")
  func spellings() throws {
    for name in ["fp16", "float16", "half", "F16", "f16"] {
      #expect(try Tool.conversionOptions(["a.pt", "b.pt", "--dtype", name]).dtype == .f16)
    }
    for name in ["fp32", "float32", "bf16", "bfloat16", "high"] {
      for option in ["--precision", "--compute-precision"] {
        try Tool.parse(["run", "m", "--inputs", "i", "--output", "o", option, name])
      }
    }
  }

  @Test("--quiet leaves the exit code to speak, --verbose folds nothing")
  func loudness() {
    let model = Fixtures.path("tiny-bert/model.safetensors")
    #expect(ToolRun("diff", model, model, "-q").output.isEmpty)
    #expect(ToolRun("scan", Fixtures.path("hazards/files/namespace.pt"), "--quiet").output.isEmpty)
    #expect(ToolRun("inspect", model, "-q").output.split(separator: "\n").count == 1)
    let all = ToolRun("inspect", model, "-v").output
    #expect(!all.contains("{0…1}") && all.contains("layer.1.output.dense.bias"))
    #expect(ToolRun("inspect", model, "-q", "-v").code == 64)
    #expect(ToolRun("inspect", model, "--color", "always").output.contains("\u{1B}[1m"))
    #expect(!ToolRun("inspect", model).output.contains("\u{1B}"))
  }
}
