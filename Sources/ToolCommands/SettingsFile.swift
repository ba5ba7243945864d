internal import ArgumentParser
internal import Weighbridge

/// Options that stand in a file: a JSON object whose keys are their long names.
///
///     {"task": "classification", "epochs": 2, "freeze": ["bert.embeddings.*"], "checkpointing": true}
enum SettingsFile {
  private static let option = "--settings"

  /// The arguments of `train`, those of its settings file before the ones that were typed, so that these win.
  ///
  /// - Throws: `notFound` for no such file, `malformed` with file and key for what is no option, or no value of it.
  static func expanded(_ arguments: [String]) throws(CheckpointError) -> [String] {
    let typed = arguments.prefix { $0 != "--" }
    guard typed.first == TrainCommand._commandName, let path = path(in: Array(typed)) else {
      return arguments
    }
    let given = Set(typed.filter { $0.hasPrefix("--") }.map { $0.split(separator: "=")[0] })
    var added: [(name: String, words: [String])] = []
    for member in try members(of: path) {
      let words = try words(member, path)
      if !given.contains("--" + member.key.string) { added.append((member.key.string, words)) }
    }
    func all(without place: Int? = nil) -> [String] {
      added.indices.filter { $0 != place }.flatMap { added[$0].words } + arguments.dropFirst()
    }
    // What is wrong is told of the member without which nothing would be, and else of the command.
    if let problem = problem(of: all()),
      let place = added.indices.first(where: { self.problem(of: all(without: $0)) == nil })
    {
      throw CheckpointError(.malformed, file: path, field: added[place].name, problem)
    }
    return [arguments[0]] + all()
  }

  /// What is wrong with arguments of `train`; nil if nothing is.
  private static func problem(of arguments: [String]) -> String? {
    do {
      _ = try TrainCommand.parse(arguments)
      return nil
    } catch {
      return singleLine(TrainCommand.message(for: error), limit: 300)
    }
  }

  private static func path(in arguments: [String]) -> String? {
    for (place, argument) in arguments.enumerated() {
      if argument == option { return arguments.dropFirst(place + 1).first }
      if argument.hasPrefix(option + "=") { return String(argument.dropFirst(option.count + 1)) }
    }
    return nil
  }

  private static func members(of path: String) throws(CheckpointError) -> [JSONValue.Member] {
    let file = try SourceFile(path: path)
    let bytes = try file.bytes(at: 0, count: file.size)
    let document: JSONValue
    do throws(ParseFailure) {
      document = try JSONValue(parsing: bytes, context: "JSON")
    } catch {
      throw CheckpointError(.malformed, file: path, "no JSON: \(error.problem)")
    }
    guard let members = document.members else {
      throw CheckpointError(
        .malformed, file: path, "expected a JSON object whose keys are options")
    }
    return members
  }

  /// What a member says as arguments.
  private static func words(
    _ member: JSONValue.Member, _ path: String
  ) throws(CheckpointError) -> [String] {
    let name = member.key.string
    func failure(_ problem: String) -> CheckpointError {
      CheckpointError(.malformed, file: path, field: name, problem)
    }
    guard let known = options[name] else {
      throw failure(
        "there is no such option; known are \(options.keys.sorted().joined(separator: ", "))")
    }
    if known.isFlag {
      guard case .boolean(let isSet) = member.value else {
        throw failure("expected true or false, found \(shown(member.value))")
      }
      return isSet ? ["--" + name] : []
    }
    let values = known.isRepeatable ? member.value.elements ?? [member.value] : [member.value]
    let words = try values.map { (value) throws(CheckpointError) -> String in
      if let text = value.string { return "--\(name)=\(text)" }
      guard case .number = value else {
        throw failure("expected a text or a number, found \(shown(value))")
      }
      return "--\(name)=\(JSONWriter.text(value))"
    }
    return words
  }

  private static func shown(_ value: JSONValue) -> String {
    singleLine(JSONWriter.text(value), limit: 60)
  }

  private struct Known {
    let isFlag: Bool
    let isRepeatable: Bool
  }

  /// The options of the command by their long names, but for those that make no sense in a file.
  private static let options: [String: Known] = {
    let help = try? JSONValue(parsing: Array(TrainCommand._dumpHelp().utf8), context: "help")
    var found: [String: Known] = [:]
    for argument in help?["command"]?["arguments"]?.elements ?? [] {
      guard let kind = argument["kind"]?.string, kind != "positional" else { continue }
      for name in argument["names"]?.elements ?? [] where name["kind"]?.string == "long" {
        guard let name = name["name"]?.string, !["help", "version", "settings"].contains(name)
        else {
          continue
        }
        found[name] = Known(
          isFlag: kind == "flag", isRepeatable: argument["isRepeating"] == .boolean(true))
      }
    }
    return found
  }()
}
