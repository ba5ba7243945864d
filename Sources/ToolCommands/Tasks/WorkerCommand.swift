internal import ArgumentParser
internal import Weighbridge

/// `weighbridge worker`: a long-lived process that answers rows for another program.
struct WorkerCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract:
      "Answers JSON lines or an Arrow stream of standard input, for programs that keep it running.",
    discussion: """
      TASK is a command that takes texts, with the arguments that it has: worker ner MODEL --aggregation simple. Each line of \
      standard input is a JSON object as the command's --input takes it, and has one line of standard output, in order: \
      {"id", result …}, or {"id", "error": {"kind", "message", "file", "offset", "field", "tensor" …}}. A bad row never ends \
      the process. Answers are written when there is nothing more to read for the moment, and the process ends where the input \
      does. An Arrow stream is known by its first bytes: its columns are the members of the rows, and its answers are lines, too. \
      With --json, what keeps the worker from beginning is such a line without an id.

      TASK may also be convert, inspect, diff, verify or scan, with options for all rows behind it. Lines are {"source", \
      "destination"?, "options"?: […]}, answers {"id", "exit", "result"}, where the result is what the command prints with \
      --json. A destination that holds already what would be written, by the digest of its model or by "digest" in the \
      row, is not written again: {"id", "exit": 0, "digest", "unchanged": true}.

      Examples:
        weighbridge worker classify model/ --top-k 1
        weighbridge worker convert --weights-only
      """)

  @Argument(help: "The task.")
  var task: String

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The task's model and options.", valueName: "argument"))
  var arguments: [String] = []

  mutating func run(on console: Console) throws -> ToolExit {
    if (Self.tasks + CheckpointWorker.commands).contains(task),
      let help = arguments.prefix(while: { $0 != "--" }).first(where: ["--help", "-h"].contains)
    {
      // It prints through its own error.
      var command = try WeighbridgeCommand.parseAsRoot([task, help])
      try command.run()
    }
    if CheckpointWorker.commands.contains(task) {
      try CheckpointWorker(command: task, options: arguments).run(on: console)
      return .done
    }
    guard Self.tasks.contains(task) else {
      let names = (Self.tasks + CheckpointWorker.commands).joined(separator: ", ")
      throw ValidationError("\(task) is no task of a worker; there are \(names).")
    }
    // What is asked of rows goes for --json: they are answered by it.
    let command = try WeighbridgeCommand.parseAsRoot([task, "--json", "--input", "-"] + arguments)
    guard let command = command as? any TaskCommand else {
      throw ValidationError("\(task) is no task of a worker.")
    }
    for (option, isGiven) in [
      ("--output", command.rows.output != nil), ("--input", givesInput),
    ] where isGiven {
      throw ValidationError(
        "\(option) is not for a worker, which answers standard input on standard output.")
    }
    try command.serve(on: console)
    return .done
  }

  /// The commands that answer texts.
  private static let tasks = WeighbridgeCommand.configuration.subcommands
    .filter { $0 is any TaskCommand.Type }.map { $0._commandName }

  /// True if rows are to come from elsewhere, too.
  private var givesInput: Bool {
    arguments.prefix { $0 != "--" }.contains { $0 == "--input" || $0.hasPrefix("--input=") }
  }
}

extension TaskCommand {
  /// Answers the lines of standard input, each by a line.
  func serve(on console: Console) throws {
    let task = try task(console)
    try forEachBlock(format: .json) { (block) throws(CheckpointError) in
      var writer = JSONWriter()
      for (place, output) in task.answers(toRows: block.rows).enumerated() {
        writer.writeAnswer(output.map { task.members(of: $0) }, id: block.id(of: place))
      }
      return writer.bytes
    } write: { (bytes) throws(CheckpointError) in
      console.write(String(decoding: bytes, as: UTF8.self))
      try Console.checkOutput()
    }
  }
}

extension JSONWriter {
  /// Writes the line that answers a row.
  mutating func writeAnswer(
    _ answer: Result<[JSONValue.Member], CheckpointError>, id: JSONValue
  ) {
    let id = JSONValue.Member("id", id)
    switch answer {
    case .success(let members): write(.object([id] + members))
    case .failure(let error): write(.object([id, JSONValue.Member("error", error.json)]))
    }
    writeRaw("\n")
  }
}
