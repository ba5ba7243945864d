internal import ArgumentParser
internal import Weighbridge

/// What people type that is not what it is called here, and what to say to them.
enum Spelling {
  /// The error for a first word that is no command; nil if it is one, or an option.
  static func unknownCommand(_ arguments: [String]) -> ValidationError? {
    // `help` is about a command, too.
    guard let word = arguments.first(where: { $0 != "help" }), !word.hasPrefix("-") else {
      return nil
    }
    let names = WeighbridgeCommand.configuration.subcommands.flatMap {
      [$0._commandName] + $0.configuration.aliases
    }
    guard !names.contains(word) else { return nil }
    var line = "\(quoted(word)) is no command"
    if let kind = try? PathKind(path: word), kind == .file || kind == .directory {
      line += "; did you mean: weighbridge inspect \(shellWord(word))"
    } else if let name = commands[word.lowercased()] ?? nearest(word.lowercased(), in: names) {
      line += "; did you mean '\(name)'?"
    }
    return ValidationError(line)
  }

  /// What to say of a word that begins with one `-` and is no option, but a text or a file: its letters are taken for options, an `h`
  /// for the help. Nil if there is none.
  static func textAsOption(_ arguments: [String]) -> String? {
    func isDashed(_ word: String) -> Bool {
      word.hasPrefix("-") && !word.hasPrefix("--") && word.utf8.count > 1
    }
    let words = Array(arguments.prefix { $0 != "--" })
    guard words.contains(where: isDashed),
      !words.contains(where: ["-h", "-help", "--help"].contains), let known = described(arguments)
    else { return nil }
    let letters = known.flatMap(shortNames).filter { $0 != "-h" }
    for (place, word) in words.enumerated() where isDashed(word) {
      let group = word.unicodeScalars.dropFirst().prefix { $0 != "=" }
      let option = known.first {
        $0["kind"]?.string == "option" && place > 0
          && (longNames($0) + shortNames($0)).contains(words[place - 1])
      }
      guard option?["parsingStrategy"]?.string != "unconditional",
        group.isEmpty || !group.allSatisfy({ letters.contains("-\($0)") })
      else { continue }
      if (try? PathKind(path: word)) == .file {
        let path = shellWord("./" + word)
        return "\(quoted(word)) is taken for options; the file of that name is \(path)"
      }
      let long = "--" + String(String.UnicodeScalarView(group))
      if known.flatMap(longNames).contains(long) {
        return "\(quoted(word)) is no option. Did you mean '\(long)'?"
      }
      if let name = option.flatMap({ longNames($0).first }) {
        return "\(quoted(word)) is no option; as a value it is written \(name)=\(shellWord(word))"
      }
      return "\(quoted(word)) is no option; a text that begins with - stands behind --"
    }
    return nil
  }

  /// Arguments with the values apart that begin with a mark: `=` and a mark are one character, which the parser looks for in vain.
  static func apart(_ arguments: [String]) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    return arguments[..<end].flatMap { word -> [String] in
      guard word.hasPrefix("--"), !word.contains("="),
        let place = word.utf8.firstIndex(of: UInt8(ascii: "="))
      else { return [word] }
      return [
        String(Substring(word.utf8[..<place])), String(Substring(word.utf8[place...].dropFirst())),
      ]
    } + arguments[end...]
  }

  /// A message about arguments, or that an option is unknown: its value would be an argument, and the message one about that.
  static func namingUnknownOption(_ message: String, _ arguments: [String]) -> String {
    if let line = textAsOption(arguments) { return message.replacingFirstLine("Error: " + line) }
    guard !message.contains("Unknown option"), let known = described(arguments) else {
      return message
    }
    let names = ["--help", "--version"] + known.flatMap(longNames)
    guard names.count > 2 else { return message }
    for word in arguments.prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
      let name = String(word.prefix { $0 != "=" })
      guard !names.contains(name) else { continue }
      let hint = nearest(name, in: names).map { " Did you mean '\($0)'?" } ?? ""
      return message.replacingFirstLine("Error: Unknown option '\(name)'.\(hint)")
    }
    return message
  }

  /// The error for an option that takes one value and is given twice, since one of them would count for nothing; nil if there is none.
  static func repeatedOption(_ arguments: [String]) -> ValidationError? {
    let words = arguments.prefix { $0 != "--" }.filter { $0.hasPrefix("-") }
      .map { String($0.prefix { $0 != "=" }) }
    guard words.count > 1, let known = described(arguments) else { return nil }
    for option in known
    where option["kind"]?.string == "option" && option["isRepeating"] == .boolean(false) {
      let given = words.filter((longNames(option) + shortNames(option)).contains)
      guard let name = given.first, given.count > 1 else { continue }
      return ValidationError(
        given.first { $0 != name }.map { "\(name) and \($0) are one option, which takes one value" }
          ?? "\(name) is given twice and takes one value")
    }
    return nil
  }

  /// What the command that is named takes, as the parser describes it; nil if there is no such command.
  private static func described(_ arguments: [String]) -> [JSONValue]? {
    var commands = WeighbridgeCommand.configuration.subcommands
    var described: [JSONValue] = []
    // A worker has the options of its task as well.
    for word in arguments.prefix(arguments.first == WorkerCommand._commandName ? 2 : 1) {
      guard let command = commands.first(where: { $0._commandName == word }),
        let help = try? JSONValue(parsing: Array(command._dumpHelp().utf8), context: "help")
      else { return nil }
      described += help["command"]?["arguments"]?.elements ?? []
      commands.removeAll { $0 == command }
    }
    return described
  }

  private static func longNames(_ argument: JSONValue) -> [String] {
    names(argument, "long").map { "--" + $0 }
  }

  private static func shortNames(_ argument: JSONValue) -> [String] {
    names(argument, "short").map { "-" + $0 }
  }

  private static func names(_ argument: JSONValue, _ kind: String) -> [String] {
    (argument["names"]?.elements ?? []).filter { $0["kind"]?.string == kind }
      .compactMap { $0["name"]?.string }
  }

  /// What a message about an unknown option says better, if that is one which people know from elsewhere.
  static func improved(_ message: String) -> String {
    for (option, words) in options where message.contains("Unknown option '\(option)'") {
      return message.replacingFirstLine("Error: Unknown option '\(option)': \(words).")
    }
    return message
  }

  /// The name that a word is a slip of; nil if none is near.
  private static func nearest(_ word: String, in names: [String]) -> String? {
    let near = names.map { (name: $0, distance: ExactName($0).distance(to: ExactName(word))) }
      .min { $0.distance < $1.distance }
    guard let near, near.distance <= max(1, word.utf8.count / 3) else { return nil }
    return near.name
  }

  /// The commands of other tools.
  private static let commands = [
    "ls": "inspect", "list": "inspect", "show": "inspect", "info": "inspect", "stat": "inspect",
    "tree": "inspect --tree", "stats": "inspect --stats", "dump": "inspect", "cat": "convert",
    "cp": "convert", "export": "convert", "import": "convert", "save": "convert",
    "to": "convert", "compare": "diff", "cmp": "diff", "check": "verify", "validate": "verify",
    "fickling": "scan", "picklescan": "scan", "audit": "scan", "hash": "manifest",
    "sha256": "manifest", "digest": "manifest", "encode": "tokenize", "tokenise": "tokenize",
    "predict": "classify", "complete": "generate", "chat": "generate", "env": "doctor",
    "version": "--version",
  ]

  /// Options of other tools, and what does the same here.
  private static let options: [(option: String, words: String)] = [
    ("--output-dir", "use --out-dir"), ("--outdir", "use --out-dir"),
    ("--fp16", "use --dtype float16"), ("--half", "use --dtype float16"),
    ("--bf16", "use --dtype bfloat16"), ("--fp32", "use --dtype float32"),
    ("--int8", "use --dtype int8"), ("--quantize", "use --dtype int8"),
    ("--precision", "use --compute-precision where a model runs, --dtype where weights are stored"),
    ("--compute-type", "use --compute-precision"), ("--compute_type", "use --compute-precision"),
    ("--shard-size", "use --max-shard-size"), ("--max-size", "use --max-shard-size"),
    ("--only", "use --include"), ("--filter", "use --include"), ("--match", "use --include"),
    ("--skip", "use --exclude"), ("--ignore", "use --exclude"), ("--map", "use --rename"),
    ("--tolerance", "use --atol and --rtol"), ("--head", "use --limit"),
    ("--verify", "every conversion is verified unless --no-verify is given"),
    ("--strict", "everything is strict unless an option allows a loss"),
    (
      "--trust-remote-code",
      "nothing in a file is ever run; --inert opens what names unknown objects"
    ),
    ("--weights_only", "use --weights-only"), ("--silent", "use --quiet"),
    ("--colour", "use --color"), ("--no-color", "use --color never, or set NO_COLOR"),
    ("--threads", "all processors are used; taskset limits them"),
    ("--device", "everything runs on the processor"),
    (
      "--limit",
      "inspect has it for what is shown; use --read-limit NAME=VALUE for what a file may ask for"
    ),
    ("--html", "use --report FILE.html"), ("--schema", "docs/json.md describes the JSON"),
  ]
}

extension String {
  /// A message with another first line.
  fileprivate func replacingFirstLine(_ line: String) -> String {
    let lines = split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    return ([line] + lines.dropFirst().map(String.init)).joined(separator: "\n")
  }
}

/// A word as a shell takes it: in single quotes, where it has to be.
func shellWord(_ text: String) -> String {
  let plain = text.utf8.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ","),
      UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "%"), UInt8(ascii: "="):
      true
    default: false
    }
  }
  if plain, !text.isEmpty { return text }
  return "'" + text.replacingASCII(["'": "'\\''"]) + "'"
}
