internal import ArgumentParser
internal import Weighbridge

/// `weighbridge doctor`: what the tool finds on this machine.
struct DoctorCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Says what the tool finds on this machine, and what of it is in the way.",
    discussion: """
      The processor and the kernels that are taken, memory and limits, where scratch files go and whether there is room, \
      the Hub's cache, and the libraries that are loaded. Belongs into every report of a fault. Ends with exit code 1 if \
      something is in the way.

      Examples:
        weighbridge doctor
        weighbridge doctor --json
      """)

  @OptionGroup var output: ReportOptions

  @OptionGroup var consoleOptions: ConsoleOptions

  mutating func run(on console: Console) throws -> ToolExit {
    let report = DoctorReport()
    try output.give(report, on: console)
    return report.problems.isEmpty ? .done : .different
  }
}

/// What `doctor` prints.
struct DoctorReport: Report {
  /// Facts by what they are of.
  let facts: [(name: ExactName, value: JSONValue)]
  /// What is in the way, a sentence each.
  let problems: [String]

  init() {
    var problems: [String] = []
    let system = HostSystem()
    let cache = HubCache.standard
    let models = cache.flatMap { try? $0.models() }
    if let cache, models == nil {
      problems.append("the Hub's cache \(cache.directory) cannot be read")
    }
    if let limit = system.openFiles, limit < 256 {
      problems.append(
        "only \(limit) files may be open at a time: ulimit -n 4096 lets a checkpoint have many shards"
      )
    }
    if !system.canWriteScratch {
      problems.append(
        "\(system.scratchDirectory) cannot be written: set TMPDIR to a directory that can")
    } else if let free = system.scratchRoom, free < 1 << 30 {
      problems.append(
        "\(system.scratchDirectory) has \(ByteSize.text(free)) left: compressed archives are unpacked there"
      )
    }
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    func list(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
    func number(_ value: Int?) -> JSONValue { value.map { .integer($0) } ?? .null }
    self.problems = problems
    facts = [
      ("version", .string(WeighbridgeCommand.configuration.version)),
      ("system", .string(system.name)), ("machine", .string(system.machine)),
      ("processor", text(system.processor)), ("processors", .integer(system.processors)),
      ("kernels", list(Machine.kernels)), ("precisions", list(Machine.precisions)),
      ("digest_instructions", .boolean(Machine.hasDigestInstructions)),
      ("reading_threads", .integer(Machine.readingThreads)), ("memory", number(system.memory)),
      ("memory_limit", number(system.memoryLimit)), ("open_files", number(system.openFiles)),
      ("scratch", .string(system.scratchDirectory)), ("scratch_room", number(system.scratchRoom)),
      ("hub_cache", text(cache?.directory)), ("hub_models", number(models?.count)),
      ("libraries", list(system.libraries)),
    ]
  }

  func text(_ style: TextStyle) -> String {
    var table = TextTable(.text(""), .name(""))
    for (name, value) in facts {
      let text = DoctorReport.text(value, of: name)
      if !text.isEmpty {
        table.add([name.string.replacing("_", with: " "), singleLine(text, limit: 2000)])
      }
    }
    var lines = table.lines(style)
    lines += problems.map { style.paint("in the way: " + $0, .bad) }
    if problems.isEmpty { lines.append(style.paint("nothing is in the way", .good)) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func text(_ value: JSONValue, of name: ExactName) -> String {
    switch value {
    case .string(let text): return text
    case .boolean(let isTrue): return isTrue ? "yes" : "no"
    case .number:
      let isSize = ["memory", "memory_limit", "scratch_room"].contains(name)
      return value.integer.map { isSize ? ByteSize.text($0) : String($0) } ?? ""
    case .array(let values): return values.compactMap(\.string).joined(separator: ", ")
    case .object, .null: return ""
    }
  }

  var json: JSONValue {
    .object(
      facts.map { JSONValue.Member($0.name, $0.value) } + [
        JSONValue.Member("problems", .array(problems.map { .string($0) }))
      ])
  }

  var page: ReportPage {
    var page = ReportPage("doctor", title: "This machine")
    page.verdict = ReportPage.Verdict(
      text: problems.first ?? "Nothing is in the way", isGood: problems.isEmpty)
    page.facts = facts.map {
      ($0.name.string.replacing("_", with: " "), DoctorReport.text($0.value, of: $0.name))
    }
    page.addList("In the way", problems)
    return page
  }
}
