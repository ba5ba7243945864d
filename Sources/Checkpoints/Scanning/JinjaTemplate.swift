/// A template of Jinja (3.1), judged by what its expressions reach. Transformers renders chat templates in a sandbox; other
/// programs have rendered them without one (CVE-2024-34359), and there an attribute such as `__class__` leads to everything.
///
/// A template counts as safe if none of its names, attributes and texts is one of Python's inner ones or a part of one, and no
/// attribute or element is taken by a name that the template puts together or that comes from elsewhere in the repository
/// (`JinjaReach`).
struct JinjaTemplate {
  let verdict: CheckpointScan.Verdict
  let reason: String

  private static let harmless = "reaches nothing but its own variables"
  private static let innerName = "reaches Python's inner attributes, and by them anything"
  private static let calls: Set<String> = [
    "popen", "system", "eval", "exec", "getattr", "setattr", "globals", "builtins", "import_module",
    "subprocess", "os",
    "check_output", "check_call", "spawn", "Popen", "compile", "open", "mro", "subclasses",
    "modules",
  ]
  /// Attributes of generators, frames, functions and code that have no underscores in front; Jinja's own sandbox forbids them
  /// (`jinja2/sandbox.py`). `(messages|map('trim')).gi_frame.f_builtins` is all of Python's functions.
  private static let frames = ["gi_", "cr_", "ag_", "f_", "tb_", "co_", "func_", "im_"]
  private static let globals: Set<String> = [
    "lipsum", "cycler", "joiner", "self", "config", "request", "url_for", "get_flashed_messages",
    "application",
  ]
  private static let loading: Set<String> = ["import", "include", "from", "extends"]
  private static let leading = [
    "__class__", "__globals__", "__builtins__", "__import__", "__subclasses__", "__mro__",
    "__base__",
    "__bases__", "__init__", "__getattribute__", "__reduce", "__dict__", "__self__", "__func__",
    "__code__",
  ]

  /// Judges a text; nil if it has no expressions and no statements.
  init?(_ text: String) {
    var tokens = JinjaTokens(text)
    var codes: [JinjaTokens.Code] = []
    while let code = tokens.nextCode() { codes.append(code) }
    guard !codes.isEmpty else { return nil }
    var worst: (CheckpointScan.Verdict, String) = (.safe, JinjaTemplate.harmless)
    for code in codes {
      guard let (verdict, reason) = JinjaTemplate.judge(code) else { continue }
      if verdict == .dangerous || worst.0 == .safe { worst = (verdict, reason) }
      if verdict == .dangerous { break }
    }
    if worst.0 != .dangerous, tokens.isBroken {
      worst = (.unknown, "does not end where it should")
    }
    if worst.0 != .dangerous, let found = JinjaTemplate.judge(names: codes) {
      if found.0 == .dangerous || worst.0 == .safe { worst = found }
    }
    (verdict, reason) = worst
  }

  private typealias Token = JinjaTokens.Token

  /// What there is to say of the names by which attributes and elements are taken.
  private static func judge(
    names codes: [JinjaTokens.Code]
  ) -> (CheckpointScan.Verdict, String)? {
    let program = JinjaProgram(codes)
    let reach = JinjaReach(program)
    switch reach.worst {
    case .inner: return (.dangerous, innerName)
    case .made: return (.unknown, "takes a part by a name that is made while it runs")
    case .given:
      return (.unknown, "takes a part by a name that the files beside the template may choose")
    case .harmless: break
    }
    if reach.formatsAttributes {
      return (.unknown, "formats a text that names attributes")
    }
    guard program.isUnderstood, reach.isSettled else {
      return (.unknown, "is not understood to its end")
    }
    return nil
  }

  private static func judge(_ code: JinjaTokens.Code) -> (CheckpointScan.Verdict, String)? {
    var doubtful: (CheckpointScan.Verdict, String)?
    let tokens = code.tokens
    if code.isStatement, case .name(let word)? = tokens.first, loading.contains(word),
      tokens.count > 1
    {
      doubtful = (.unknown, "loads another template")
    }
    for (index, token) in tokens.enumerated() {
      let previous = index > 0 ? tokens[index - 1] : nil
      let next = index + 1 < tokens.count ? tokens[index + 1] : nil
      switch token {
      case .name(let name):
        if isInner(name) { return (.dangerous, innerName) }
        let isAttribute = previous == .mark(".") || previous == .mark("|")
        if previous == .mark("."),
          name.hasPrefix("_") || calls.contains(name) || frames.contains(where: name.hasPrefix)
        {
          return (.dangerous, innerName)
        }
        if code.isStatement, index == 0, name == "filter", next == .name("attr") {
          return (.dangerous, innerName)
        }
        if globals.contains(name), next == .mark("|") || next == .mark("]") || next == .mark(",") {
          doubtful = doubtful ?? (.unknown, "makes a value of a function of Jinja's own")
        }
        if previous == .mark("|"), name == "attr" { return (.dangerous, innerName) }
        if !isAttribute, next == .mark("("), calls.contains(name) {
          return (.dangerous, "calls \(name)")
        }
        if !isAttribute, next == .mark(".") || next == .mark("["),
          globals.contains(name) || calls.contains(name)
        {
          return (.dangerous, innerName)
        }
      case .text(let text):
        // Whether such a name is used is decided elsewhere; nobody writes one of these for another reason.
        if hasDoubleUnderscore(text), leading.contains(where: text.contains) {
          return (.dangerous, innerName)
        }
      default: break
      }
    }
    return doubtful
  }

  /// True for text with `__` in it; most has none, and is passed over quickly.
  private static func hasDoubleUnderscore(_ text: String) -> Bool {
    var last: UInt8 = 0
    for byte in text.utf8 {
      if byte == 0x5F, last == 0x5F { return true }
      last = byte
    }
    return false
  }

  /// True for `a.b` one of whose names is an inner one.
  static func isInnerPath(_ text: String) -> Bool {
    text.split(separator: ".").contains { part in
      isInner(String(part)) || innerNames.contains(String(part))
    }
  }

  /// The inner names without underscores in front that lead on; `frames` has the beginnings.
  private static let innerNames: Set<String> = [
    "gi_frame", "gi_code", "gi_yieldfrom", "cr_frame", "cr_code", "cr_await", "cr_origin",
    "ag_frame",
    "ag_code", "ag_await", "f_back", "f_builtins", "f_code", "f_globals", "f_locals", "f_trace",
    "tb_frame",
    "tb_next", "co_code", "co_consts", "co_names", "func_globals", "func_code", "func_closure",
    "im_func",
    "im_class", "im_self",
  ]

  /// `__class__`, `__globals__`…
  private static func isInner(_ name: String) -> Bool {
    name.hasPrefix("__") && name.utf8.count > 4
      && name.utf8.allSatisfy {
        $0 == 0x5F || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
          || (0x61...0x7A).contains($0)
      }
  }
}
