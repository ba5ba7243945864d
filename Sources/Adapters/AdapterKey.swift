internal import CheckpointBytes

/// What a tensor of an adapter is, by its name.
enum AdapterKey {
  /// A part of what a module is adapted by.
  enum Part: String, Hashable {
    case down = "lora_A"
    case up = "lora_B"
    case bias = "lora_B.bias"
    case tableDown = "lora_embedding_A"
    case tableUp = "lora_embedding_B"
    case magnitude = "lora_magnitude_vector"
    case tokenRows = "trainable_tokens_delta"
  }

  case part(Part, of: ExactName)
  /// A weight that takes the place of the model's.
  case whole(ExactName)

  /// What stands before every name.
  static let prefix = "base_model.model."

  /// Takes a name apart. The adapter's own name, which PEFT leaves out of files, may stand in it: `lora_A.default.weight`.
  ///
  /// - Throws: `unsupported` for a part of an adapter that is not known.
  init(_ name: ExactName) throws(CheckpointError) {
    var components = name.string.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    if name.hasPrefix(Self.prefix) { components.removeFirst(2) }
    guard
      let place = components.firstIndex(where: {
        $0.hasPrefix("lora_") || $0 == Part.tokenRows.rawValue
      })
    else {
      components.removeAll { $0 == "base_layer" || $0 == "original_module" }
      if let saved = components.firstIndex(of: "modules_to_save") {
        // Its adapter's name stands behind it, and behind that the weight's.
        guard saved + 2 < components.count else { throw Self.unknown(name) }
        components.removeSubrange(saved...saved + 1)
      }
      guard !components.isEmpty, components.allSatisfy({ !$0.isEmpty }) else {
        throw Self.unknown(name)
      }
      self = .whole(ExactName(components.joined(separator: ".")))
      return
    }
    let isNamed = components.count > place + 1 && components.last == "weight"
    let ending = components.last == "bias" && components[place] == Part.up.rawValue
    guard let part = ending ? .bias : Part(rawValue: components[place]),
      components.count <= place + (isNamed || ending ? 3 : 2), place > 0
    else { throw Self.unknown(name) }
    var module = components[..<place]
    if part == .tokenRows, module.last == "token_adapter" { module.removeLast() }
    self = .part(part, of: ExactName(module.joined(separator: ".")))
  }

  private static func unknown(_ name: ExactName) -> CheckpointError {
    CheckpointError(
      .unsupported, tensor: name.string, "no part of a low-rank adapter that is known")
  }
}
