internal import ArgumentParser
internal import Synchronization
internal import Weighbridge

/// Runs a command that is about checkpoints for each line of standard input.
struct CheckpointWorker {
  /// The commands, each with `--json`.
  static let commands = ["convert", "inspect", "diff", "verify", "scan"]

  /// One of these.
  let command: String
  /// The options of all rows.
  let options: [String]

  /// Answers until the input ends.
  func run(on console: Console) throws(CheckpointError) {
    let file = try RowFile("-", key: "source", format: .json, blockByteCount: 1 << 12)
    while let block = try file.next() {
      for (place, row) in block.rows.enumerated() {
        var writer = JSONWriter()
        let answer = row.tryMap { (row) throws(CheckpointError) in try members(of: row) }
        writer.writeAnswer(answer, id: block.id(of: place))
        console.write(String(decoding: writer.bytes, as: UTF8.self))
        try Console.checkOutput()
      }
    }
  }

  private func members(of row: TaskRow) throws(CheckpointError) -> [JSONValue.Member] {
    let source = try row.text("source")
    let destination: String? =
      switch command {
      // With options it writes nothing, or goes elsewhere.
      case "convert": try row.optionalText("destination")
      case "diff": try row.text("destination")
      default: nil
      }
    let own = try row.texts("options") ?? []
    let paths = [source] + (destination.map { [$0] } ?? [])
    var parsed = try parsed([command] + options + own + ["--json", "--"] + paths)
    if (parsed as? ConvertCommand)?.outDir != nil, destination != nil {
      throw CheckpointError(
        .inconsistent, field: "options",
        "--out-dir and the row's destination contradict each other")
    }
    guard var conversion = parsed as? ConvertCommand, let destination, !conversion.dryRun else {
      let (exit, result) = try run(&parsed)
      return [
        JSONValue.Member("exit", .integer(exit.rawValue)), JSONValue.Member("result", result),
      ]
    }
    // What is there is compared with what would be written, and kept where it is that, whatever the options.
    conversion.resume = true
    let isPlain = own.isEmpty && options.isEmpty
    if let known = try known(row, conversion, source: source, destination: destination, isPlain) {
      return Self.unchanged(known)
    }
    parsed = conversion
    let (exit, result) = try run(&parsed)
    let digest = try digest(of: destination)
    if result["files"]?.elements?.isEmpty == true {
      return Self.unchanged(digest)
    }
    return [
      JSONValue.Member("exit", .integer(exit.rawValue)),
      JSONValue.Member("digest", .string(digest)), JSONValue.Member("result", result),
    ]
  }

  /// The answer where nothing had to be done.
  private static func unchanged(_ digest: String) -> [JSONValue.Member] {
    [
      JSONValue.Member("exit", .integer(0)), JSONValue.Member("digest", .string(digest)),
      JSONValue.Member("unchanged", .boolean(true)),
    ]
  }

  /// The digest of a destination that is whole and has the model that it should have; nil if it has to be looked at closely.
  ///
  /// - Parameter isPlain: True if no option asks for more than the source's own weights: a model has one digest in every layout and
  ///   type of file, so that it alone does not tell that the options were obeyed.
  private func known(
    _ row: TaskRow, _ conversion: ConvertCommand, source: String, destination: String,
    _ isPlain: Bool
  ) throws(CheckpointError) -> String? {
    let expected = try row.optionalText("digest")
    guard isPlain || expected != nil, try PathKind(path: destination) != .nothing else {
      return nil
    }
    // A run that was killed may have put the weights in place, and not all that belongs beside them.
    guard try plan(conversion, source, destination).isInPlace() else { return nil }
    // What cannot be read is not what would be written.
    guard let found = try? digest(of: destination) else { return nil }
    let wanted = if let expected { expected } else { try digest(of: source) }
    return wanted == found ? found : nil
  }

  private func plan(
    _ conversion: ConvertCommand, _ source: String, _ destination: String
  ) throws(CheckpointError) -> ConversionPlan {
    do {
      return try conversion.plan(source, to: destination, try conversion.options()).plan
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw Self.misuse(error)
    }
  }

  private func digest(of path: String) throws(CheckpointError) -> String {
    var inspection = try parsed(["inspect", "--json", "--digests", "--", path])
    let (_, result) = try run(&inspection)
    guard let digest = result["model_sha256"]?.string else {
      throw CheckpointError(.inconsistent, file: path, "it has no digest")
    }
    return digest
  }

  /// A command with its arguments.
  private func parsed(_ arguments: [String]) throws(CheckpointError) -> any ToolCommand {
    do {
      guard let command = try WeighbridgeCommand.parseAsRoot(arguments) as? any ToolCommand else {
        throw CleanExit.helpRequest()
      }
      return command
    } catch {
      throw Self.misuse(error)
    }
  }

  /// Runs a command, and reads the document that it prints; of several, one a line, it is a list.
  private func run(_ command: inout any ToolCommand) throws(CheckpointError) -> (
    ToolExit, JSONValue
  ) {
    let printed = Mutex("")
    let console = Console(output: { text in printed.withLock { $0 += text } }, error: { _ in })
    let exit: ToolExit
    do {
      exit = try command.run(on: console)
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw Self.misuse(error)
    }
    let text = printed.withLock { $0 }
    let documents = try locating(file: self.command) { () throws(ParseFailure) in
      try text.utf8.split(separator: UInt8(ascii: "\n")).map { (line) throws(ParseFailure) in
        try JSONValue(parsing: Array(line), context: "JSON")
      }
    }
    return (exit, documents.count == 1 ? documents[0] : .array(documents))
  }

  /// What the parser of commands says to options.
  private static func misuse(_ error: any Error) -> CheckpointError {
    CheckpointError(
      .malformed, field: "options",
      WeighbridgeCommand.exitCode(for: error) == .success
        ? "they ask for help or the version, and not for work"
        : WeighbridgeCommand.message(for: error))
  }
}
