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
      for row in block.rows {
        var writer = JSONWriter()
        let answer = row.tryMap { (row) throws(CheckpointError) in try members(of: row) }
        writer.writeAnswer(to: row, answer)
        console.write(String(decoding: writer.bytes, as: UTF8.self))
        try Console.checkOutput()
      }
    }
  }

  private func members(of row: TaskRow) throws(CheckpointError) -> [JSONValue.Member] {
    let source = try row.text("source")
    let destination = try row.optionalText("destination")
    let own = try row.texts("options") ?? []
    var paths = [source]
    if let destination { paths.append(destination) }
    // Only what is written has a digest to be told.
    let written = command == "convert" && !own.contains("--dry-run") ? destination : nil
    let isPlain = own.isEmpty && options.isEmpty
    if let written, let known = try known(row, source: source, destination: written, isPlain) {
      return [
        JSONValue.Member("exit", .integer(0)), JSONValue.Member("digest", .string(known)),
        JSONValue.Member("unchanged", .boolean(true)),
      ]
    }
    let (exit, result) = try run([command] + options + own + ["--json", "--"] + paths)
    var members = [JSONValue.Member("exit", .integer(exit.rawValue))]
    if let written { members.append(JSONValue.Member("digest", .string(try digest(of: written)))) }
    return members + [JSONValue.Member("result", result)]
  }

  /// The digest of a destination that need not be written again; nil if it must be.
  ///
  /// - Parameter isPlain: True if no option asks for more than the source's own weights: a model has one digest in every layout and
  ///   type of file, so that it alone does not tell that the options were obeyed.
  private func known(
    _ row: TaskRow, source: String, destination: String, _ isPlain: Bool
  ) throws(CheckpointError) -> String? {
    guard try PathKind(path: destination) != .nothing else { return nil }
    // What cannot be read is not what would be written.
    guard let found = try? digest(of: destination) else { return nil }
    if let expected = try row.optionalText("digest") { return found == expected ? found : nil }
    guard isPlain else { return nil }
    return try digest(of: source) == found ? found : nil
  }

  private func digest(of path: String) throws(CheckpointError) -> String {
    let (_, result) = try run(["inspect", "--json", "--digests", "--", path])
    guard let digest = result["model_sha256"]?.string else {
      throw CheckpointError(.inconsistent, file: path, "it has no digest")
    }
    return digest
  }

  /// Runs a command, and reads the document that it prints.
  private func run(_ arguments: [String]) throws(CheckpointError) -> (ToolExit, JSONValue) {
    let printed = Mutex("")
    let console = Console(output: { text in printed.withLock { $0 += text } }, error: { _ in })
    let exit: ToolExit
    do {
      guard var command = try WeighbridgeCommand.parseAsRoot(arguments) as? any ToolCommand else {
        throw ValidationError("is no command")
      }
      exit = try command.run(on: console)
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw CheckpointError(
        .malformed, field: "options", WeighbridgeCommand.message(for: error))
    }
    let text = printed.withLock { $0 }
    let document = try locating(file: command) { () throws(ParseFailure) in
      try JSONValue(parsing: Array(text.utf8), context: "JSON")
    }
    return (exit, document)
  }
}
