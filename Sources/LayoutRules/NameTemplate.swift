internal import CheckpointBytes

/// A pattern for whole names: literal text, placeholders in braces, and choices such as `(weight|gamma)`, of which the
/// first is written and all are read.
///
/// Templates are only ever filled in, never searched for: which names a layout has follows from the architecture, and a
/// name that no template gives is not the layout's.
package struct NameTemplate: Hashable, Sendable {
  /// The template as it was written.
  package let text: String
  private let parts: [Part]

  private enum Part: Hashable, Sendable {
    case literal(String)
    case placeholder(String)
    case choice([String])
  }

  /// Reads a template; a bracket that is not closed stands for itself.
  init(_ text: String) {
    self.text = text
    var parts: [Part] = []
    var rest = text[...]
    while let open = rest.firstIndex(where: { $0 == "{" || $0 == "(" }),
      let close = rest[open...].firstIndex(of: rest[open] == "{" ? "}" : ")")
    {
      if open > rest.startIndex { parts.append(.literal(String(rest[..<open]))) }
      let inside = rest[rest.index(after: open)..<close]
      if rest[open] == "{" {
        parts.append(.placeholder(String(inside)))
      } else {
        let words = inside.split(separator: "|", omittingEmptySubsequences: false)
        parts.append(.choice(words.map { String($0) }))
      }
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { parts.append(.literal(String(rest))) }
    self.parts = parts
  }

  /// True if there is one name for each layer.
  var isPerLayer: Bool {
    parts.contains(.placeholder("layer")) || parts.contains(.placeholder("_layer"))
  }

  /// The names that the template gives, the one to write first.
  func names(_ values: TemplateValues) -> [ExactName] {
    var texts = [""]
    for part in parts {
      switch part {
      case .literal(let text): texts = texts.map { $0 + text }
      case .placeholder(let name): texts = texts.map { $0 + values.value(of: name) }
      case .choice(let words): texts = words.flatMap { word in texts.map { $0 + word } }
      }
    }
    return texts.map { ExactName(values.wrapper + $0) }
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

  fileprivate func value(of placeholder: String) -> String {
    switch placeholder {
    case "body": body
    case "scope": scope
    case "layer": String(layer)
    case "task": task
    case "_layer": layer == 0 ? "" : "_\(layer)"
    default: "{" + placeholder + "}"
    }
  }
}
