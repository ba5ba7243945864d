internal import Weighbridge

extension CheckpointError {
  /// The error for programs, and the exit code.
  func json(of source: String? = nil) -> JSONValue {
    var members: [JSONValue.Member] = []
    if let source { members.append(JSONValue.Member("source", .string(source))) }
    members += [
      JSONValue.Member("error", json),
      JSONValue.Member("exit", .integer(Int(ToolExit(kind).rawValue))),
    ]
    return .object(members)
  }

  /// The error itself, for programs.
  var json: JSONValue {
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    return .object([
      JSONValue.Member("kind", .string(kind.rawValue)),
      JSONValue.Member("message", .string(toolLine)),
      JSONValue.Member("file", text(site.file)),
      JSONValue.Member("member", text(site.member)),
      JSONValue.Member("offset", site.offset.map { .integer($0) } ?? .null),
      JSONValue.Member("field", text(site.field)),
      JSONValue.Member("tensor", text(tensor)),
      JSONValue.Member("problem", .string(problem)),
      JSONValue.Member("remedy", text(remedy?.toolText)),
    ])
  }
}

extension Console {
  /// Says what went wrong: to people on standard error, and to programs that asked for JSON on standard output, too.
  ///
  /// - Parameter source: What it went wrong with, where there are several.
  func fail(_ error: CheckpointError, of source: String? = nil, asJSON: Bool) {
    writeError("weighbridge: " + error.toolLine + "\n")
    if asJSON { write(JSONWriter.text(error.json(of: source)) + "\n") }
  }

  /// Says what is wrong with how the tool was called.
  func fail(usage message: String, asJSON: Bool) {
    let lines = message.split(separator: "\n", omittingEmptySubsequences: false)
    writeError(lines.map { escaped($0.unicodeScalars) + "\n" }.joined())
    guard asJSON else { return }
    let report = JSONValue.object([
      JSONValue.Member(
        "error",
        .object([
          JSONValue.Member("kind", .string("usage")), JSONValue.Member("message", .string(message)),
        ])), JSONValue.Member("exit", .integer(Int(ToolExit.usage.rawValue))),
    ])
    write(JSONWriter.text(report) + "\n")
  }
}
