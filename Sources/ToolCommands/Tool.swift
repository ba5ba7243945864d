internal import ArgumentParser
internal import Weighbridge

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The command-line tool.
public enum Tool {
  /// Runs the tool and leaves the process: 0 done, 1 compared and different, 64 bad usage, 65 bad input, 74 I/O.
  ///
  /// - Parameter arguments: the program's name, then its arguments.
  public static func runAndExit(_ arguments: [String]) -> Never {
    // Text stands for names of files: of other bytes it would be another name.
    if let place = (1..<max(1, Int(CommandLine.argc))).first(where: { place in
      unsafe CommandLine.unsafeArgv[place].map { unsafe String(validatingCString: $0) == nil }
        ?? false
    }) {
      Console.process.fail(
        usage: "Error: argument \(place), \(quoted(CommandLine.arguments[place])), is no UTF-8",
        asJSON: arguments.contains("--json"))
      exit(ToolExit.usage.rawValue)
    }
    keepHeap()
    let signals = Signals()
    var code = run(Array(arguments.dropFirst()), console: .process)
    do throws(CheckpointError) {
      try Console.checkOutput()
    } catch {
      code = ToolExit(error.kind).rawValue
      Console.process.writeError("weighbridge: \(error.toolLine)\n")
    }
    withExtendedLifetime(signals) {}
    exit(code)
  }

  /// Runs the tool with what it prints given to `console`, and returns the exit code.
  public static func run(_ arguments: [String], console: Console) -> Int32 {
    var wantsJSON = arguments.prefix { $0 != "--" }.contains("--json")
    var running: (any ToolCommand.Type)?
    do {
      if let error = Spelling.repeatedOption(arguments) { throw error }
      let arguments = try SettingsFile.expanded(Spelling.apart(arguments))
      wantsJSON = arguments.prefix { $0 != "--" }.contains("--json")
      if let error = Spelling.unknownCommand(arguments) { throw error }
      let command = try WeighbridgeCommand.parseAsRoot(arguments)
      if var command = command as? any ToolCommand {
        running = type(of: command)
        let options = (command as? any TalkingCommand)?.consoleOptions
        return try ReplacedFiles.shared.whileReplacing(command.replacedFiles) {
          try command.run(on: options?.applied(to: console) ?? console).rawValue
        }
      }
      // `help` and the bare root command print through their own errors.
      var other = command
      try other.run()
      return ToolExit.done.rawValue
    } catch let error as CheckpointError {
      console.fail(error, asJSON: wantsJSON)
      return ToolExit(error.kind).rawValue
    } catch let error as ValidationError {
      console.fail(
        usage: Spelling.namingUnknownOption(Self.message(error, of: running), arguments),
        asJSON: wantsJSON)
      return ToolExit.usage.rawValue
    } catch {
      let text = WeighbridgeCommand.fullMessage(for: error)
      guard WeighbridgeCommand.exitCode(for: error) == .success else {
        let text = Spelling.namingUnknownOption(text, arguments)
        console.fail(usage: Spelling.improved(text), asJSON: wantsJSON)
        return ToolExit.usage.rawValue
      }
      if let line = Spelling.textAsOption(arguments) {
        console.fail(usage: Self.message(ValidationError(line), of: nil), asJSON: wantsJSON)
        return ToolExit.usage.rawValue
      }
      console.write(Self.withWholeExamples(text) + "\n")
      return ToolExit.done.rawValue
    }
  }

  /// What a command says once its arguments were taken apart, in the form of what the parser says before.
  private static func message(_ error: ValidationError, of command: (any ToolCommand.Type)?)
    -> String
  {
    guard let command else { return WeighbridgeCommand.fullMessage(for: error) }
    let usage = WeighbridgeCommand.usageString(for: command).split(separator: "\n")
      .joined(separator: "\n       ")
    return """
      Error: \(error.message)
      Usage: \(usage)
        See 'weighbridge \(command._commandName) --help' for more information.
      """
  }

  /// A help text whose examples are lines, whatever the width: what is copied out of it is a command.
  private static func withWholeExamples(_ help: String) -> String {
    var lines: [Substring] = []
    var isExample = false
    for line in help.split(separator: "\n", omittingEmptySubsequences: false) {
      if line == "Examples:" || line.isEmpty { isExample = !line.isEmpty }
      if isExample, line != "Examples:", !line.hasPrefix(" "), let begun = lines.popLast() {
        lines.append(begun + " " + line)
      } else {
        lines.append(line)
      }
    }
    return lines.joined(separator: "\n")
  }
}

/// How the tool ends.
enum ToolExit: Int32 {
  case done = 0
  case different = 1
  case usage = 64
  case badInput = 65
  case inputOutput = 74
  /// Ended when it was asked to, with work left that can be gone on with: what shells call a program that Ctrl-C ended.
  case interrupted = 130

  init(_ kind: FailureKind) {
    self = kind == .inputOutput ? .inputOutput : .badInput
  }
}

/// A subcommand: prints on a console, and says how it ended.
protocol ToolCommand: ParsableCommand {
  mutating func run(on console: Console) throws -> ToolExit
  /// The paths of files that the results replace, whatever they hold. None of them can be read.
  var replacedFiles: [String] { get }
}

extension ToolCommand {
  /// None.
  var replacedFiles: [String] { [] }

  /// Runs on the process's own console; ``Tool`` calls ``run(on:)`` instead.
  mutating func run() throws {
    let code = try run(on: .process)
    if code != .done { throw ExitCode(code.rawValue) }
  }
}

/// The root command.
struct WeighbridgeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weighbridge",
    abstract:
      "Carries model checkpoints between formats, and proves that what arrives is what left.",
    discussion: """
      SOURCE is a file, an index of shards, a directory as Transformers saves it, or the name of a model in the Hub's cache \
      (org/name). What a file is, its content \
      decides: safetensors, PyTorch (zip, legacy, tar, TorchScript) or HDF5 (Keras 2 and 3, plain). No code in a \
      file is ever run.

      Exit codes: 0 done, 1 compared and different, 64 bad usage, 65 bad input, 74 input/output.
      """,
    version: "0.1.0",
    subcommands: [
      InspectCommand.self, ConvertCommand.self, ExtractCommand.self, DiffCommand.self,
      RunCommand.self,
      VerifyCommand.self, TokenizeCommand.self, FillMaskCommand.self, ClassifyCommand.self,
      NerCommand.self, AnswerCommand.self, ZeroShotCommand.self, RerankCommand.self,
      EmbedCommand.self, SimilarityCommand.self, FeaturesCommand.self, PerplexityCommand.self,
      GenerateCommand.self, TrainCommand.self, ExplainCommand.self, WorkerCommand.self,
      ScanCommand.self, CacheCommand.self, ManifestCommand.self, DoctorCommand.self,
    ])
}
