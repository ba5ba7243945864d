package import CheckpointBytes

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
  /// The model's own weight, in whose place another one is: PEFT has it in files if all biases are trained.
  case replaced
  /// What gradients alone are computed with: VeLoRA's projection of inputs (PEFT 0.21, `tuners/lora/velora.py`). Outputs, and what is
  /// merged, do not depend on it.
  case ofGradients

  private static let projection = "lora_velora_embed"

  /// Takes a name apart. The adapter's own name, which PEFT leaves out of files, may stand in it: `lora_A.default.weight`.
  ///
  /// - Throws: `unsupported` for a part of an adapter that is not known.
  init(_ name: ExactName) throws(CheckpointError) {
    var components = name.string.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    if name.hasPrefix(LowRankAdapter.namePrefix) { components.removeFirst(2) }
    guard
      let place = components.firstIndex(where: {
        $0.hasPrefix("lora_") || $0 == Part.tokenRows.rawValue
      })
    else {
      if components.contains("original_module") {
        self = .replaced
        return
      }
      components.removeAll { $0 == "base_layer" }
      if let saved = components.firstIndex(of: "modules_to_save") {
        // The adapter's name stands behind it, which PEFT takes out of files, and behind that the weight's.
        let isNamed = saved + 2 < components.count && components[saved + 1] == "default"
        guard saved > 0, saved + 1 < components.count else { throw Self.unknown(name) }
        components.removeSubrange(saved...(isNamed ? saved + 1 : saved))
      }
      guard !components.isEmpty, components.allSatisfy({ !$0.isEmpty }) else {
        throw Self.unknown(name)
      }
      self = .whole(ExactName(components.joined(separator: ".")))
      return
    }
    if components[place] == Self.projection, place > 0, components.count <= place + 2 {
      self = .ofGradients
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

extension LowRankAdapter {
  /// The name in files of a weight that is stored whole: in a module that has factors it is that of the layer below them.
  package static func storedName(
    of weight: ExactName, adapted modules: Set<String>
  ) -> ExactName {
    let bytes = weight.string.utf8
    guard let dot = bytes.lastIndex(of: 0x2E) else { return ExactName(namePrefix + weight.string) }
    let module = String(Substring(bytes[..<dot]))
    guard modules.contains(module) else { return ExactName(namePrefix + weight.string) }
    return ExactName(namePrefix + module + ".base_layer" + String(Substring(bytes[dot...])))
  }
}
