internal import CheckpointBytes
internal import PickleFormat

/// Text: sources that something would run, configurations that name what to import and call, and templates.
///
/// | what | who acts on it |
/// |---|---|
/// | `.py`, `.ipynb`, a first line `#!` | whatever imports or runs it |
/// | `class_name`, `module` | Keras (`ContentWalk+Keras.swift`) |
/// | `chat_template` and files of templates | Transformers and others, by Jinja (`JinjaTemplate`) |
/// | `py/object`, `py/reduce`… | jsonpickle |
/// | `__module__` with `__loader__` | skops |
/// | `:serialized:`, a pickle in base64 | Stable-Baselines3 |
/// | keys that name a class, a module or a repository | many loaders (`ContentWalk+Names.swift`) |
/// | `activation` of a model in YAML | Ultralytics (`ContentWalk+Ultralytics.swift`) |
/// | `!!python/…` | PyYAML's `load` with an unsafe loader |
/// | `<!ENTITY … SYSTEM`, layers of a library in XML | readers of PMML, OpenVINO |
extension ContentWalk {
  mutating func examineText(_ bytes: [UInt8], _ content: ScannedContent) {
    let isMember = content.place.member != nil
    if ContentWalk.isSource(content.name) || bytes.starts(with: "#!".utf8)
      || isMember && ContentWalk.isCompiledSource(content.name)
    {
      return report(
        code: "Python source or another program",
        (.unknown, "is run by whatever imports or starts it"), at: content.place)
    }
    examineNamedText(bytes, content.place)
    examineGraphText(bytes, content.place)
    if ContentWalk.isTemplate(content.name) {
      examineTemplate(String(decoding: bytes, as: UTF8.self), "a file", content.place)
    }
    if examineJSON(bytes, content.place) { return }
    examineXML(bytes, content.place)
    examineLines(bytes, content.place)
    search(bytes, content)
  }

  /// True for a file of source code, by its name.
  private static func isSource(_ name: String?) -> Bool {
    guard let name = name?.lowercased() else { return false }
    return [
      ".py", ".pyw", ".pyi", ".ipynb", ".sh", ".bash", ".zsh", ".fish", ".bat", ".cmd", ".ps1",
      ".vbs",
      ".js", ".mjs", ".cjs", ".ts", ".lua", ".rb", ".pl", ".php", ".jl", ".mk", "makefile",
    ]
    .contains { name.hasSuffix($0) }
  }

  /// True for a source that a compiler takes, which is no part of a checkpoint but beside what loads it.
  private static func isCompiledSource(_ name: String?) -> Bool {
    guard let name = name?.lowercased() else { return false }
    return [".c", ".cc", ".cpp", ".cxx", ".cu", ".h", ".hpp"].contains { name.hasSuffix($0) }
  }

  private static func isTemplate(_ name: String?) -> Bool {
    guard let name = name?.lowercased() else { return false }
    return [".jinja", ".jinja2", ".j2", ".template", ".tmpl"].contains { name.hasSuffix($0) }
  }

  mutating func examineTemplate(
    _ text: String, _ name: String, _ place: ScannedContent.Place
  ) {
    guard let template = JinjaTemplate(text) else { return }
    report(
      code: "a Jinja template (\(singleLine(name, limit: 60)))",
      (template.verdict, template.reason), at: place)
  }

  // MARK: XML

  private mutating func examineXML(_ bytes: [UInt8], _ place: ScannedContent.Place) {
    guard bytes.first(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }) == 0x3C
    else {
      return
    }
    func holds(_ word: String) -> Bool { bytes.index(of: Array(word.utf8)) != nil }
    if holds("<!ENTITY"), holds("SYSTEM") || holds("PUBLIC") {
      report(
        code: "an external entity of XML",
        (.dangerous, "makes readers of XML open a file or an address"), at: place)
    }
    guard holds("<net") || holds("<layer") else { return }
    for quote in ["\"", "'"]
    where holds(" library=" + quote) || holds(" type=\(quote)Python\(quote)") {
      report(
        code: "a layer of a library of its own", (.unknown, "is code that has to be loaded"),
        at: place)
    }
  }

  // MARK: YAML

  /// The tags of PyYAML that make no more than values.
  private static let plainTags: Set<String> = [
    "none", "bool", "bytes", "str", "unicode", "int", "long", "float", "complex", "list", "tuple",
    "dict",
  ]

  /// The most tags and names of one text that are listed.
  private static let mostNames = 10_000

  private mutating func examineLines(_ bytes: [UInt8], _ place: ScannedContent.Place) {
    examineLines(of: bytes, place)
    guard let plain = YAMLText.plain(bytes) else { return }
    let known = Set(findings)
    let count = findings.count
    examineLines(of: plain, place)
    let added = findings[count...].filter { !known.contains($0) }
    findings.removeLast(findings.count - count)
    findings += added
  }

  private mutating func examineLines(of bytes: [UInt8], _ place: ScannedContent.Place) {
    examineActivations(bytes, place)
    let keys = ContentWalk.keys(in: bytes, place)
    let tags = ["!!python/", "tag:yaml.org,2002:python/"]
    // Few lines of a text hold any of these; the others are never made text.
    let words = (tags + ["%TAG", "chat_template"] + keys).map { Array($0.utf8) }
    let lines = YAMLText.lines(of: bytes, holding: words)
    guard !keys.isEmpty || !lines.isEmpty else { return }
    let most = findings.count + ContentWalk.mostNames
    for range in lines {
      let line = Array(bytes[range])
      for start in tags {
        YAMLText.forEachTag(behind: start, in: line) { tag in
          let kind = String(tag.prefix { $0 != ":" && $0 != "/" })
          guard !ContentWalk.plainTags.contains(kind) else { return true }
          report(
            code: "the YAML tag " + quoted("!!python/" + tag),
            (.dangerous, "imports and calls what it names under an unsafe loader"), at: place)
          return findings.count < most
        }
      }
      if ["%TAG", "tag:"].allSatisfy({ line.index(of: Array($0.utf8)) != nil }) {
        report(
          code: "the YAML directive " + quoted(String(decoding: line, as: UTF8.self)),
          (.unknown, "lets tags that import and call be spelled in other ways"), at: place)
      }
      examineKeys(keys, in: line, place, most: most)
      guard findings.count < most else {
        add(
          place.problem(
            .limitExceeded, field: "content",
            "names more than \(ContentWalk.mostNames) things to import; the rest is not listed"))
        break
      }
    }
    if !place.isDescription,
      ["chat_template", "{{"].contains(where: { bytes.index(of: Array($0.utf8)) != nil })
    {
      examineTemplate(String(decoding: bytes, as: UTF8.self), "in a text", place)
    }
  }

  /// Keys of YAML whose values name what is imported. What they name may stand in another line, or under an anchor.
  private mutating func examineKeys(
    _ keys: [String], in line: [UInt8], _ place: ScannedContent.Place, most: Int
  ) {
    for key in keys {
      YAMLText.forEachValue(of: key, in: line) { value in
        if let value, key != "_target_" || value.contains(".") {
          examineName(value, ofKey: key, place)
        } else if !place.isDescription {
          report(
            code: "a \(key) that is named elsewhere in the text",
            (.unknown, "is imported and called by whoever builds the model"), at: place)
        }
        return findings.count < most
      }
    }
  }

  // MARK: JSON

  /// What has to be in a text for it to be taken apart.
  private static let needles =
    [
      "class_name", "chat_template", "auto_map", "custom_pipelines", "\"py/", "__loader__",
      "parent_library", "expr_str", "guards_code",
      "\"idx\"", "\\u00", "\\/", "attn_implementation", "megatron_core",
      "\"activation_f", "default_activation_function", "tokenizer_class",
      ":serialized:", "sparkVersion",
    ].map { Array($0.utf8) } + importingKeys.map { Array($0.utf8) }

  /// Looks through a JSON text for code; false if it is no JSON text.
  mutating func examineJSON(_ bytes: [UInt8], _ place: ScannedContent.Place) -> Bool {
    // Python's `json.loads` takes bytes with a mark of UTF-8 in front.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      return examineJSON(Array(bytes.dropFirst(3)), place)
    }
    let first = bytes.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else { return false }
    guard bytes.count <= limits.jsonBytes else {
      add(
        place.problem(
          .limitExceeded, field: "JSON",
          "has \(bytes.count) bytes, at most \(limits.jsonBytes) are taken apart"))
      return false
    }
    guard
      ContentWalk.needles.contains(where: { bytes.index(of: $0) != nil })
        || ContentWalk.mayName(bytes, place)
    else {
      var reader = JSONReader(bytes, context: "JSON", limits: limits)
      return (try? reader.skipValue()) != nil && (try? reader.readEnd()) != nil
    }
    let document: JSONValue
    do {
      document = try JSONValue(parsing: bytes, context: "JSON", limits: limits)
    } catch {
      // `{{`, `{%` and `{#` begin templates.
      if bytes.count > 1, "{%#".utf8.contains(bytes[1]) { return false }
      add(error.located(file: place.file, member: place.member, base: place.base))
      return true
    }
    examineModelIndex(document, place)
    var values = [document]
    while let value = values.popLast() {
      switch value {
      case .object(let members):
        examineKerasObject(value, place)
        for member in members { examineMember(member, of: value, place) }
        values += members.reversed().map(\.value)
      case .array(let elements): values += elements.reversed()
      default: break
      }
    }
    return true
  }

  private mutating func examineMember(
    _ member: JSONValue.Member, of object: JSONValue, _ place: ScannedContent.Place
  ) {
    examineKerasMember(member, of: object, place)
    let key = member.key.string
    switch key {
    case _ where key.hasSuffix("chat_template"):
      for (name, text) in ContentWalk.templates(member.value) {
        examineTemplate(text, name, place)
      }
    case "target" where member.value.string?.hasPrefix("torch.ops.") ?? false:
      let parts = (member.value.string ?? "").split(separator: ".")
      let name = parts.count > 3 ? "\(parts[2])::\(parts[3])" : ""
      guard TorchScriptSource.qualifiedFileOperators.contains(name) else { break }
      report(
        code: "the operator \(name) of torch.export",
        (.dangerous, "reads or writes files when the model runs"), at: place)
    case _ where ContentWalk.namingKeys.contains(key):
      examineNames(member, of: object, place)
    case "py/object", "py/function", "py/type", "py/class", "py/reduce", "py/newobj", "py/repr",
      "py/initargs",
      "py/newargs", "py/mod", "py/bytes", "py/property":
      let path = ContentWalk.strings(in: member.value).first ?? ""
      let parts = path.split(separator: "/").first.map { String($0) } ?? path
      guard let dot = parts.lastIndex(of: ".") else {
        if ["py/reduce", "py/repr", "py/mod"].contains(member.key.string) {
          report(
            code: "\(member.key.string) \(quoted(path))",
            (.unknown, "is imported or called by jsonpickle"), at: place)
        }
        break
      }
      report(
        importOf: GlobalName(String(parts[..<dot]), String(parts[parts.index(after: dot)...])),
        ", as \(member.key.string) of jsonpickle", at: place)
    case ":serialized:":
      guard let text = member.value.string else { break }
      pending.append(
        ScannedContent(
          MemoryBytes(PickleScan.Embedded.looseBase64(text.utf8), origin: place.file),
          at: place.inside("base64 of \(key)"), name: "value.pkl", depth: depth + 1))
    case "expr_str":
      guard let text = member.value.string, let verdict = SymbolicExpression(text).verdict else {
        break
      }
      report(code: "the expression \(quoted(text)) of torch.export", verdict, at: place)
    case "guards_code":
      guard let text = ContentWalk.strings(in: member.value).first else { break }
      report(
        code: "the guard \(quoted(text)) of torch.export",
        (.unknown, "is Python that is run when the model is called"), at: place)
    case "__loader__":
      guard let module = object["__module__"]?.string, let name = object["__class__"]?.string else {
        break
      }
      let calls = ["FunctionNode", "OperatorFuncNode", "MethodNode"].contains(member.value.string)
      guard calls || !["builtins", "numpy"].contains(module) else { break }
      report(importOf: GlobalName(module, name), ", as skops has it", at: place)
    default: break
    }
  }

  /// A template, or several with names.
  private static func templates(_ value: JSONValue) -> [(name: String, text: String)] {
    switch value {
    case .string(let text): [("chat_template", text)]
    case .array(let elements):
      elements.compactMap { element in
        element["template"]?.string.map { (element["name"]?.string ?? "chat_template", $0) }
      }
    case .object(let members):
      members.compactMap { member in member.value.string.map { (member.key.string, $0) } }
    default: []
    }
  }

  /// All texts in a value, at most a thousand.
  static func strings(in value: JSONValue) -> [String] {
    var found: [String] = []
    var values = [value]
    while let value = values.popLast(), found.count < 1_000 {
      switch value {
      case .string(let text): found.append(text)
      case .array(let elements): values += elements.reversed()
      case .object(let members): values += members.reversed().map(\.value)
      default: break
      }
    }
    return found
  }
}
