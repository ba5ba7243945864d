internal import CheckpointBytes

/// A pattern for whole names: literal text, placeholders in braces, and choices such as `(weight|gamma)`, of which the
/// first is written and all are read.
///
/// Templates are only ever filled in, never searched for: which names a layout has follows from the architecture, and a
/// name that no template gives is not the layout's.
package struct NameTemplate: Hashable, Sendable {
  /// The template as it was written.
  package let text: String

  private enum Part: Equatable {
    case literal(Substring)
    case placeholder(Substring)
    case choice([Substring])
  }

  /// A template; a bracket that is not closed stands for itself.
  init(_ text: String) { self.text = text }

  /// What it consists of, read when it is filled in: there are thousands of templates, and a command fills in a few.
  private var parts: [Part] {
    var parts: [Part] = []
    var rest = Substring(text).utf8
    let (brace, bracket) = (UInt8(ascii: "{"), UInt8(ascii: "("))
    while let open = rest.firstIndex(where: { $0 == brace || $0 == bracket }),
      let close = rest[open...].firstIndex(of: UInt8(ascii: rest[open] == brace ? "}" : ")"))
    {
      if open > rest.startIndex { parts.append(.literal(Substring(rest[..<open]))) }
      let inside = rest[rest.index(after: open)..<close]
      if rest[open] == brace {
        parts.append(.placeholder(Substring(inside)))
      } else {
        let words = inside.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
        parts.append(.choice(words.map { Substring($0) }))
      }
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { parts.append(.literal(Substring(rest))) }
    return parts
  }

  /// True if there is one name for each layer.
  var isPerLayer: Bool {
    var rest = Substring(text).utf8
    while let open = rest.firstIndex(of: UInt8(ascii: "{")) {
      rest = rest[rest.index(after: open)...]
      if rest.starts(with: "layer}".utf8) || rest.starts(with: "_layer}".utf8) { return true }
    }
    return false
  }

  /// The names that the template gives, the one to write first.
  func names(_ values: TemplateValues) -> [ExactName] {
    Self.texts(parts[...], values).map { ExactName(values.wrapper + $0) }
  }

  /// The template with each of its choices made, placeholders left as they are.
  var alternatives: [String] {
    let text = parts.map { part in
      if case .placeholder(let name) = part { return Part.literal("{\(name)}") }
      return part
    }
    return Self.texts(text[...], TemplateValues())
  }

  /// The names without what stands before the scope and the scope itself.
  func names(behindScope values: TemplateValues) -> [String] {
    let parts = parts
    return Self.texts(parts[Self.startBehindScope(parts)...], values)
  }

  private static func startBehindScope(_ parts: [Part]) -> Int {
    parts.lastIndex(of: .placeholder("scope")).map { $0 + 1 } ?? 0
  }

  /// What stands before and behind a placeholder, from the beginning or from the scope on; nil if it does not occur.
  func around(
    _ placeholder: String, _ values: TemplateValues, behindScope: Bool = false
  ) -> Surroundings? {
    let parts = parts
    let kinds = [Part.placeholder(Substring(placeholder)), .placeholder("_\(placeholder)")]
    guard let place = parts.firstIndex(where: kinds.contains) else { return nil }
    let start = behindScope ? Self.startBehindScope(parts) : 0
    guard start <= place else { return nil }
    return Surroundings(
      before: Self.texts(parts[start..<place], values).map { values.wrapper + $0 },
      after: Self.texts(parts[(place + 1)...], values), isKeras: parts[place] == kinds[1])
  }

  private static func texts(_ parts: ArraySlice<Part>, _ values: TemplateValues) -> [String] {
    var texts = [""]
    func append(_ text: Substring) {
      for index in texts.indices { texts[index].append(contentsOf: text) }
    }
    for part in parts {
      switch part {
      case .literal(let text): append(text)
      case .placeholder(let name): append(Substring(values.value(of: name)))
      case .choice(let words): texts = words.flatMap { word in texts.map { $0 + String(word) } }
      }
    }
    return texts
  }
}

/// What stands before and behind a placeholder.
struct Surroundings {
  let before: [String]
  let after: [String]
  /// True if it is a number as Keras counts, with nothing for the first.
  let isKeras: Bool

  /// What a name has in front of these surroundings, if it ends with them around a number.
  func front(of name: ExactName) -> String? {
    for after in after {
      guard name.hasSuffix(after) else { continue }
      var rest = Substring(name.string.utf8.dropLast(after.utf8.count))
      while let last = rest.utf8.last, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last) {
        rest = Substring(rest.utf8.dropLast())
      }
      for before in before where ExactName(String(rest)).hasSuffix(before) {
        return String(Substring(rest.utf8.dropLast(before.utf8.count)))
      }
    }
    return nil
  }
}

/// What the placeholders of templates stand for.
struct TemplateValues: Sendable {
  /// What stands before every name: `module.`.
  var wrapper = ""
  /// `{body}`: what stands before the names of the body: `bert.`, or nothing.
  var body = ""
  /// `{scope}`: the scope of a whole TensorFlow model, such as `tf_bert_model_1/`, or nothing.
  var scope = ""
  /// `{layer}`: its number; `{_layer}`: the same as Keras counts, nothing for the first, then `_1`, `_2`…
  var layer = 0
  /// `{task}`: the name of fairseq's classification head; this is the one that it gives by itself
  /// (`--classification-head-name`).
  var task = "sentence_classification_head"

  fileprivate func value(of placeholder: Substring) -> String {
    switch placeholder {
    case "body": body
    case "scope": scope
    case "layer": String(layer)
    case "task": task
    case "_layer": layer == 0 ? "" : "_\(layer)"
    default: "{\(placeholder)}"
    }
  }
}
