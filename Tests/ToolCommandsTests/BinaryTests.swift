import CheckpointBytes
import Foundation
import TestSupport
import Testing

/// The built tool, launched as a user launches it.
@Suite("The weighbridge binary")
struct BinaryTests {
  private struct Outcome {
    let code: Int32
    let output: String
    let error: String
  }

  /// The tool lies beside the test bundle.
  static var tool: URL {
    let bundle =
      CommandLine.arguments.lazy.map { URL(fileURLWithPath: $0) }
      .first { $0.path.contains(".xctest") } ?? Bundle.main.bundleURL
    return bundle.deletingLastPathComponent().appendingPathComponent("weighbridge")
  }

  private func run(
    _ arguments: String..., environment: [String: String] = [:], in directory: String? = nil
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = Self.tool
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    let (output, error) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = error
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let problem = error.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(
      code: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
      error: String(decoding: problem, as: UTF8.self))
  }

  @Test("A file whose name would be taken for options is told how it is written, and is no help")
  func dashes() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write([1], as: "-dash.pt")
    let slip = try run("inspect", "-dash.pt", in: directory.path)
    #expect(slip.code == 64 && slip.output.isEmpty)
    #expect(slip.error.contains("the file of that name is ./-dash.pt"), "\(slip.error)")
    #expect(try run("inspect", "./-dash.pt", in: directory.path).code == 65)
    #expect(try run("inspect", "--", "-dash.pt", in: directory.path).code == 65)
    // The letters of these are none.
    _ = try directory.write([1], as: "--json")
    let model = Fixtures.path("tiny-bert/model.safetensors")
    #expect(try run("inspect", model, "--json", in: directory.path).code == 0)
  }

  @Test("A file that may not grow is an error, and an argument that is no UTF-8 is told as one")
  func limits() throws {
    let directory = try TemporaryDirectory()
    func shell(_ script: String) throws -> (code: Int32, error: String) {
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = [
        "-c", script, "sh", Self.tool.path, Fixtures.path("tiny-bert/model.safetensors"),
      ]
      process.currentDirectoryURL = URL(filePath: directory.path)
      let printed = Pipe()
      process.standardOutput = FileHandle.nullDevice
      process.standardError = printed
      try process.run()
      let text = String(decoding: printed.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return (process.terminationStatus, text)
    }
    let full = try shell(#"ulimit -f 16; "$1" convert "$2" large.pt"#)
    #expect(full.code == 74 && full.error.contains("large.pt: cannot be written"), "\(full)")
    let named = try shell(#""$1" convert "$2" "$(printf 'q\377.pt')""#)
    #expect(named.code == 64 && named.error.contains("argument 3, 'q"), "\(named)")
    // A directory that was made for what could not be written goes again.
    let adapter = try shell(
      #""$1" convert "$2" tuned.pt --dtype bfloat16; ulimit -f 1; "$1" extract "$2" tuned.pt adapter"#
    )
    #expect(adapter.code == 74 && adapter.error.contains("adapter/"), "\(adapter)")
    try Directory.removeFile(directory.file("tuned.pt"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
  }

  @Test("Results go to standard output, errors to standard error, and the exit code says which")
  func streams() throws {
    let model = Fixtures.path("tiny-bert/model.safetensors")
    let good = try run("inspect", model)
    #expect(good.code == 0)
    #expect(good.output.hasPrefix("\(model): safetensors (safetensors)\n42 tensors, "))
    #expect(good.error.isEmpty)

    let bad = try run("inspect", Fixtures.path("hazards/files/hole.safetensors"))
    #expect(bad.code == 65)
    #expect(bad.output.isEmpty)
    #expect(bad.error.hasPrefix("weighbridge: ") && bad.error.hasSuffix("\n"))
    #expect(bad.error.split(separator: "\n").count == 1)

    #expect(try run("inspect", "/nonexistent").code == 74)
    #expect(try run("convert").code == 64)
    #expect(try run("frobnicate").code == 64)
    #expect(
      try run("diff", model, Fixtures.path("hazards/files/squares.safetensors")).code == 1)
  }

  @Test(
    "A model of the Hub's cache is named as on the Hub, and a name that is not there says where it was looked for"
  )
  func hubCache() throws {
    let directory = try TemporaryDirectory()
    let commit = "c0ffee" + String(repeating: "0", count: 34)
    let snapshot = directory.path + "/hub/models--acme--tiny/snapshots/" + commit
    let references = directory.path + "/hub/models--acme--tiny/refs"
    let blobs = directory.path + "/hub/models--acme--tiny/blobs"
    for folder in [snapshot, references, blobs] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    try commit.write(toFile: references + "/main", atomically: true, encoding: .utf8)
    for name in ["model.safetensors", "config.json"] {
      try FileManager.default.copyItem(
        atPath: Fixtures.path("tiny-bert/" + name), toPath: blobs + "/" + name)
      try FileManager.default.createSymbolicLink(
        atPath: snapshot + "/" + name, withDestinationPath: "../../blobs/" + name)
    }
    let environment = ["HF_HOME": directory.path, "HF_HUB_CACHE": ""]
    let found = try run("inspect", "acme/tiny@main", environment: environment)
    #expect(found.code == 0)
    #expect(found.output.hasPrefix("acme/tiny@main: safetensors (safetensors)\n42 tensors, "))
    let converted = try run(
      "convert", "acme/tiny", directory.path + "/out/", environment: environment)
    #expect(converted.code == 0)
    #expect(FileManager.default.fileExists(atPath: directory.path + "/out/config.json"))
    let old = [
      "HF_HOME": "/absent", "HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": directory.path + "/hub",
    ]
    for environment in [environment, old] {
      let listed = try run("cache", environment: environment)
      #expect(listed.output.contains("acme/tiny") && listed.output.contains("main"))
      #expect(listed.output.contains("  " + commit + "\n"), "\(listed.output)")
    }
    #expect(try run("inspect", "acme/tiny@" + commit, environment: environment).code == 0)
    let absent = try run("inspect", "acme/other", environment: environment)
    #expect(absent.code == 65)
    #expect(absent.error.contains("\(directory.path)/hub"))
    #expect(absent.error.contains("hf download acme/other does"))
    let other = try run("inspect", "acme/tiny@v2", environment: environment)
    #expect(other.code == 65)
    #expect(
      other.error.contains("does not have revision 'v2' of the model; there is acme/tiny@main"))
    #expect(other.error.contains("hf download acme/tiny --revision v2 does"))
  }

  @Test(
    "Homes and variables in the cache's place are what huggingface_hub 2.4 makes of them",
    arguments: [
      ("HF_HUB_CACHE", "~", "/h"), ("HF_HUB_CACHE", "~/a", "/h/a"),
      ("HF_HUB_CACHE", "$WB_A/b", "q r/b"), ("HF_HUB_CACHE", "${WB_A}b", "q rb"),
      ("HF_HUB_CACHE", "$WB_NONE/c", "$WB_NONE/c"), ("HF_HUB_CACHE", "x$WB_A$WB_A", "xq rq r"),
      ("HF_HUB_CACHE", "${WB_A", "${WB_A"), ("HF_HUB_CACHE", "/$", "/$"),
      ("HF_HUB_CACHE", "$WB_A_b", "$WB_A_b"), ("HF_HUB_CACHE", "~/$WB_A", "/h/q r"),
      ("HF_HUB_CACHE", "a$(WB_A)", "a$(WB_A)"), ("HF_HUB_CACHE", "/$WB_B/c", "/$WB_A/c"),
      ("HF_HUB_CACHE", "${}x", "${}x"), ("HF_HUB_CACHE", "~ä/$WB_Aä", "~ä/q rä"),
      ("XDG_CACHE_HOME", "$WB_A/x", "q r/x/huggingface/hub"),
      ("HF_HOME", "~/$WB_A", "/h/q r/hub"), ("HUGGINGFACE_HUB_CACHE", "~/${WB_A}", "/h/q r"),
    ])
  func hubCachePlace(_ variable: String, _ value: String, _ place: String) throws {
    let names = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"]
    var environment = ["HOME": "/h", "WB_A": "q r", "WB_B": "$WB_A"]
    for name in names { environment[name] = name == variable ? value : "" }
    let listed = try run("cache", environment: environment, in: "/")
    #expect(listed.output == "\(place): 0 models\n", "\(listed)")
  }

  @Test(
    "Told to stop, the tool leaves no temporary file, and what it was started without it ignores")
  func signals() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let directory = try TemporaryDirectory()
    // Waits for texts, with a temporary file beside its answers, until it is sent a signal; then it is given one, and the end.
    func shell(_ signal: String, ignoring ignored: String = "") throws -> String {
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = [
        "-c",
        """
        rm -f texts out.jsonl; mkfifo texts
        \(ignored.isEmpty ? "" : "trap '' \(ignored);") "$1" classify "$2" --input - --output out.jsonl <texts &
        exec 3>texts; trap '' PIPE
        while ! ls -A | grep -q part && kill -0 $!; do sleep 0.01; done
        kill -\(signal) $!; sleep \(ignored.isEmpty ? "1" : "0.2"); echo the scale >&3 2>/dev/null; exec 3>&-
        wait $!; echo $?; rm -f texts; ls -A
        """, "sh", Self.tool.path, model.path,
      ]
      process.currentDirectoryURL = URL(filePath: directory.path)
      let printed = Pipe()
      process.standardOutput = printed
      process.standardError = FileHandle.nullDevice
      try process.run()
      let text = String(decoding: printed.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return text
    }
    for (signal, number) in [
      ("TERM", SIGTERM), ("HUP", SIGHUP), ("QUIT", SIGQUIT), ("XCPU", SIGXCPU),
      ("ALRM", SIGALRM), ("USR1", SIGUSR1), ("USR2", SIGUSR2),
    ] {
      // Such a shell lets what runs in the background ignore SIGINT and SIGQUIT.
      let expected = signal == "QUIT" ? "0\nout.jsonl\n" : "\(128 + number)\n"
      #expect(try shell(signal) == expected, "\(signal)")
      #expect(try shell(signal, ignoring: signal) == "0\nout.jsonl\n", "\(signal)")
    }
    #expect(try shell("PIPE") == "0\nout.jsonl\n")
  }

  @Test("A pipe that nobody reads any more ends the tool as it ends all tools")
  func brokenPipe() throws {
    let directory = try TemporaryDirectory()
    for (trap, code) in [("", "141"), ("trap '' PIPE;", "74")] {
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = [
        "-c",
        #"{ sleep 0.3; \#(trap) "$1" inspect "$2" 2>/dev/null; echo $? >code; } | true; sleep 1"#,
        "sh", Self.tool.path, Fixtures.path("tiny-bert/model.safetensors"),
      ]
      process.currentDirectoryURL = URL(filePath: directory.path)
      try process.run()
      process.waitUntilExit()
      let found = try String(contentsOfFile: directory.file("code"), encoding: .utf8)
      #expect(found == code + "\n")
    }
  }

  @Test("Training that is interrupted, or killed, goes on to the bits of a run that was not")
  func stoppedTraining() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let rows = (0..<24).map { "{\"text\": \"the scale is even \($0)\", \"label\": \($0 % 3)}\n" }
    try model.write(rows.joined(), as: "train.jsonl")
    func arguments(_ output: String) -> [String] {
      [
        "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
        "--output", model.file(output), "--steps", "90", "--batch-size", "2", "--save-every", "5",
        "--log-every", "1", "--keep", "2", "--threads", "1", "--json",
      ]
    }
    func run(_ output: String, _ more: String..., until stop: ((Process) -> Void)? = nil) throws
      -> (
        process: Process, output: String
      )
    {
      let process = Process()
      process.executableURL = Self.tool
      process.arguments = arguments(output) + more
      let printed = Pipe()
      process.standardOutput = printed
      process.standardError = FileHandle.nullDevice
      try process.run()
      if let stop {
        let first = model.file(output + "/checkpoint-5/trainer_state.json")
        while process.isRunning, !FileManager.default.fileExists(atPath: first) { usleep(2000) }
        stop(process)
      }
      let text = printed.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return (process, String(decoding: text, as: UTF8.self))
    }
    func state(_ output: String) throws -> JSONValue? {
      try JSONValue(parsing: model.bytes(output + "/trainer_state.json"), context: "state")[
        "log_history"]
    }
    #expect(try run("whole").process.terminationStatus == 0)

    let interrupted = try run("interrupted") { $0.interrupt() }
    #expect(interrupted.process.terminationStatus == 130)
    let told = try JSONValue(printed: interrupted.output)
    #expect(told["ending"] == .string("interrupted"))
    let killed = try run("killed") { kill($0.processIdentifier, SIGKILL) }
    #expect(killed.process.terminationReason == .uncaughtSignal)
    for output in ["interrupted", "killed"] {
      #expect(try run(output, "--resume").process.terminationStatus == 0)
      #expect(
        try model.bytes(output + "/model.safetensors") == model.bytes("whole/model.safetensors"))
      #expect(try state(output) == state("whole"))
      let left = try FileManager.default.contentsOfDirectory(atPath: model.file(output))
        .filter { $0.hasPrefix("checkpoint-") }
      #expect(left.sorted() == ["checkpoint-85", "checkpoint-90"])
    }
  }

  /// What the tool answers to its standard input.
  private func answers(_ input: String, _ arguments: String...) throws -> [String] {
    try answers(input, arguments)
  }

  private func answers(_ input: String, _ arguments: [String]) throws -> [String] {
    let process = Process()
    process.executableURL = Self.tool
    process.arguments = arguments
    let (given, output) = (Pipe(), Pipe())
    process.standardInput = given
    process.standardOutput = output
    try process.run()
    given.fileHandleForWriting.write(Data(input.utf8))
    try given.fileHandleForWriting.close()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("A file of Arrow through a pipe is the only one there")
  func filesThroughPipe() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let file = try Fixture("arrow/rows.arrow").bytes()
    for (more, isWhole) in [([], true), (file, false), (Array(file.dropFirst(8)), false)] {
      let process = Process()
      process.executableURL = Self.tool
      process.arguments = ["worker", "tokenize", model.path]
      let (given, output, error) = (Pipe(), Pipe(), Pipe())
      process.standardInput = given
      process.standardOutput = output
      process.standardError = error
      try process.run()
      given.fileHandleForWriting.write(Data(file + more))
      try given.fileHandleForWriting.close()
      let lines = output.fileHandleForReading.readDataToEndOfFile().split(separator: 0x0A)
      let text = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(lines.count == 11)
      #expect(process.terminationStatus == (isWhole ? 0 : 65), "\(text)")
      #expect(isWhole || text.contains("each has to be a stream"), "\(text)")
    }
  }

  @Test("A worker answers every row by one line, in order, whatever is wrong with it")
  func worker() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let rows = (0..<200).map { number in
      switch number % 4 {
      case 0: "no json \(number)"
      case 1: "{\"id\":\(number)}"
      case 2: "{\"id\":\(number),\"text\":\"\(String(repeating: "the ", count: 80))\"}"
      default: "{\"id\":\(number),\"text\":\"the scale\"}"
      }
    }
    let found = try answers(
      rows.joined(separator: "\n"), "worker", "classify", model.path, "--top-k", "1")
    #expect(found.count == rows.count)
    let schema = try SourceFile(path: Fixtures.path("../docs/schemas/worker.schema.json"))
    let form = JSONSchema(
      try JSONValue(parsing: try schema.bytes(at: 0, count: schema.size), context: "schema"))
    for (number, line) in found.enumerated() {
      let answer = try JSONValue(parsing: Array(line.utf8), context: "answer")
      #expect(form.faults(of: answer).isEmpty, "\(line)")
      let (kind, field): (String?, String?) =
        switch number % 4 {
        case 0: ("malformed", "line \(number + 1)")
        case 1: ("notFound", "text")
        case 2: ("limitExceeded", "text")
        default: (nil, nil)
        }
      #expect(answer["id"] == (number % 4 == 0 ? .null : .integer(number)), "\(line)")
      let error = answer["error"]
      #expect(error?["kind"]?.string == kind && error?["field"]?.string == field, "\(line)")
      let label = answer["labels"]?.elements?.first?["label"]?.string
      #expect((label == "balanced") == (kind == nil), "\(line)")
    }
    #expect(try answers("", "worker", "classify", model.path).isEmpty)
    #expect(try run("worker", "inspects").code == 64)
    // What a worker does not do is said, and not passed over.
    for (arguments, words) in [
      (["inspects"], "inspects is no task of a worker; there are"),
      (["inspects", model.path, "--json"], "inspects is no task of a worker; there are"),
      (["train", model.path], "train is no task"),
      (["classify", model.path, "--output", "x.jsonl"], "--output is not for a worker"),
      (["classify", model.path, "--input=x.jsonl"], "--input is not for a worker"),
      (
        ["classify", model.path, "a text"],
        "Texts come from standard input, by --input - as to a worker: 'a text'"
      ),
      (["embed", model.path, "--output", "x.npy"], "--output is not for a worker"),
    ] {
      let refused = ToolRun(arguments: ["worker"] + arguments)
      #expect(refused.code == 64 && refused.error.contains(words), "\(refused.error)")
    }
    let gpt2 = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let generated = try answers(
      "{\"prompt\":\"a\"}\n", "worker", "generate", gpt2.path, "--scores", "--max-new-tokens", "2")
    #expect(generated[0].contains("\"log_probabilities\":["), "\(generated)")
    #expect(try run("worker", "classify").code == 64)
  }

  @Test("A worker converts, and does not again what is there already")
  func checkpointWorker() throws {
    let directory = try TemporaryDirectory()
    let source = Fixtures.path("tiny-bert/model.safetensors")
    let row =
      "{\"id\":\"a\",\"source\":\"\(source)\",\"destination\":\"\(directory.file("out.bin"))\"}\n"
    let bad =
      "{\"id\":\"b\",\"source\":\"/nonexistent\",\"destination\":\"\(directory.file("b.bin"))\"}\n"
    let found = try answers(row + bad + row, "worker", "convert")
    #expect(found.count == 3)
    #expect(found[0].hasPrefix("{\"id\":\"a\",\"exit\":0,\"digest\":\""))
    #expect(found[0].contains("\"verified\":{\"equal\":true"))
    #expect(found[1].hasPrefix("{\"id\":\"b\",\"error\":{\"kind\":\"inputOutput\""))
    #expect(found[2].hasSuffix("\"unchanged\":true}"))
    // The file that is there has the source's weights, and not the type that is asked for now.
    let cast = row.replacing("}", with: ",\"options\":[\"--dtype\",\"BF16\",\"--force\"]}")
    let again = try answers(cast, "worker", "convert")
    #expect(!again[0].contains("unchanged") && again[0].contains("\"to\":\"BF16\""), "\(again)")
    // Nothing is done twice, whatever the options, and what is something else stays.
    #expect(try answers(cast, "worker", "convert")[0].hasSuffix("\"unchanged\":true}"))
    let plainCast = row.replacing("}", with: ",\"options\":[\"--dtype\",\"BF16\"]}")
    #expect(try answers(plainCast, "worker", "convert")[0].hasSuffix("\"unchanged\":true}"))
    let other = row.replacing("}", with: ",\"options\":[\"--dtype\",\"F16\"]}")
    let refused = try answers(other, "worker", "convert")
    #expect(refused[0].contains("is not what would be written"), "\(refused)")
    let tried = try answers(
      row.replacing("out.bin", with: "dry.bin"), "worker", "convert", "--dry-run")
    #expect(tried[0].contains("\"dry_run\":true") && !tried[0].contains("digest"), "\(tried)")
    let alone = try answers("{\"source\":\"\(source)\"}\n", "worker", "diff")
    #expect(alone[0].contains("\"kind\":\"notFound\""), "\(alone)")
    #expect(alone[0].contains("\"field\":\"destination\""), "\(alone)")
    #expect(try PathKind(path: directory.file("dry.bin")) == .nothing)
    for option in ["--help", "--version"] {
      let help = try answers(
        row.replacing("}", with: ",\"options\":[\"\(option)\"]}"), "worker", "convert")
      #expect(
        help[0].contains("\"field\":\"options\"")
          && help[0].contains("they ask for help or the version, and not for work"), "\(help)")
    }
    // Rows of a conversion are looked at by other commands as well.
    for command in ["scan", "inspect"] {
      #expect(try answers(row, "worker", command)[0].contains("\"exit\":0"), "\(command)")
    }
    let scans = try answers("{\"source\":\"\(source)\"}\n", "worker", "scan")
    #expect(scans[0].contains("\"verdict\":\"safe\""))
  }

  @Test(
    "A directory that a killed worker left is finished, whatever of it is there",
    arguments: [
      [], ["--dtype", "BF16"], ["--max-shard-size", "2KB"], ["--format", "hdf5"],
      ["--verify-forward"],
    ])
  func unfinishedDirectory(options: [String]) throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let directory = try TemporaryDirectory()
    func contents() throws -> [String: Data] {
      var found: [String: Data] = [:]
      for name in try FileManager.default.contentsOfDirectory(atPath: directory.file("out")) {
        found[name] = try Data(contentsOf: URL(fileURLWithPath: directory.file("out/\(name)")))
      }
      return found
    }
    func answer(_ members: String = "") throws -> JSONValue {
      let row =
        "{\"source\":\"\(model.path)\",\"destination\":\"\(directory.file("out"))/\"\(members)}\n"
      let found = try answers(row, ["worker", "convert"] + options)
      return try JSONValue(parsing: Array(found[0].utf8), context: "answer")
    }
    let first = try answer()
    let paths = try #require(first["result"]?["files"]?.elements).map {
      try #require($0["path"]?.string)
    }
    let digest = try #require(first["digest"]?.string)
    let whole = try contents()
    #expect(paths.count == whole.count && whole["tokenizer.json"] != nil, "\(paths)")
    #expect(try answer()["unchanged"] == .boolean(true))
    // In the order in which they are put in place; and each one that somebody has removed.
    let states =
      paths.indices.map { Array(paths.prefix($0)) }
      + paths.indices.map { index in paths.indices.filter { $0 != index }.map { paths[$0] } }
    for state in states {
      for expected in ["", ",\"digest\":\"\(digest)\""] {
        for path in paths where !state.contains(path) { try Directory.removeFile(path) }
        let finished = try answer(expected)
        let written = finished["result"]?["files"]?.elements?.compactMap { $0["path"]?.string }
        #expect(written == paths.filter { !state.contains($0) }, "\(state): \(finished)")
        #expect(finished["digest"]?.string == digest)
        #expect(try contents() == whole, "\(state)")
        #expect(try answer(expected)["unchanged"] == .boolean(true))
      }
    }
    // What is there and something else stays, and is told.
    for path in paths {
      let other = Data("{}".utf8)
      try other.write(to: URL(fileURLWithPath: path))
      let refused = try answer()["error"]
      #expect(refused?["file"]?.string == path && refused?["kind"]?.string == "inconsistent")
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == other)
      try #require(whole[splitPath(path).name]).write(to: URL(fileURLWithPath: path))
    }
  }

  #if os(Linux)
    @Test("A result that cannot be written is no success")
    func fullDisk() throws {
      let source = Fixtures.path("tiny-bert/model.safetensors")
      for arguments in [["inspect", source], ["worker", "inspect"]] {
        let process = Process()
        process.executableURL = Self.tool
        process.arguments = arguments
        process.standardOutput = FileHandle(forWritingAtPath: "/dev/full")
        let (input, error) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardError = error
        try process.run()
        input.fileHandleForWriting.write(Data("{\"source\":\"\(source)\"}\n".utf8))
        try input.fileHandleForWriting.close()
        let problem = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 74)
        let lines = String(decoding: problem, as: UTF8.self).split(separator: "\n")
        #expect(
          lines.count == 1
            && lines[0].hasPrefix("weighbridge: standard output: cannot be written: "), "\(lines)")
      }
    }
  #endif

  @Test("Help names the commands and the exit codes")
  func help() throws {
    let help = try run("--help")
    #expect(help.code == 0)
    for word in ["inspect", "convert", "diff", "scan", "tokenize", "Exit codes: 0 done"] {
      #expect(help.output.contains(word), "\(word)")
    }
    #expect(try run("help", "convert").output.contains("--max-shard-size"))
    #expect(try run("--version").output == "0.1.0\n")
  }
}
