internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules

extension CompanionConversion {
  /// Puts right what Transformers 4.41 with tokenizers 0.19 cannot read of what 5.23 writes. The TensorFlow classes are in
  /// 4.41 and not in 5.
  func toOlderTransformers(_ plan: inout CompanionPlan) throws(CheckpointError) {
    try renameType(&plan)
    try joinMerges(&plan)
    try changeTokenizerSettings(&plan)
    try addVocabularyFiles(&plan)
  }

  /// `dtype` was `torch_dtype` before 5; 4.41 takes no notice of the new name.
  private func renameType(_ plan: inout CompanionPlan) throws(CheckpointError) {
    let path = "config.json"
    guard let bytes = try plan.bytes(path, limits) else { return }
    let document = try JSONValue(parsing: bytes, file: path, limits: limits)
    guard document["dtype"] != nil, document["torch_dtype"] == nil else { return }
    let changed = document.mapMembers { member in
      member.key == "dtype" ? JSONValue.Member("torch_dtype", member.value) : member
    }
    plan.put(path, changed, note: "dtype is called torch_dtype there")
  }

  /// tokenizers 0.20 began to write pairs as lists; 0.19 reads `"a b"` only.
  private func joinMerges(_ plan: inout CompanionPlan) throws(CheckpointError) {
    guard let directory, let document = try directory.json("tokenizer.json", limits),
      let model = document["model"], let merges = model["merges"]?.elements,
      merges.contains(where: { $0.elements != nil })
    else { return }
    let file = Directory.join(directory.path, "tokenizer.json")
    let reader = TokenizerReader(file: file, document: document)
    var joined: [JSONValue] = []
    joined.reserveCapacity(merges.count)
    for merge in merges {
      let (first, second) = try reader.pair(merge)
      guard !first.utf8.contains(0x20), !second.utf8.contains(0x20) else {
        throw CheckpointError(
          .unsupported, file: file, field: "model.merges",
          "a token of \(quoted(first + " " + second)) holds a space, which Transformers 4.41 cannot read",
          remedy: "move tokenizer.json away to convert without it")
      }
      joined.append(.string(first + " " + second))
    }
    let changed = document.mapMembers { member in
      guard member.key == "model" else { return member }
      return JSONValue.Member(
        "model",
        member.value.mapMembers {
          $0.key == "merges" ? JSONValue.Member("merges", .array(joined)) : $0
        })
    }
    plan.put("tokenizer.json", changed, note: "merges as text, which tokenizers 0.19 reads")
  }

  private func changeTokenizerSettings(_ plan: inout CompanionPlan) throws(CheckpointError) {
    guard let directory,
      let document = try directory.json("tokenizer_config.json", limits)
    else { return }
    var changes: [String] = []
    var changed = document.mapMembers { member in
      switch (member.key, member.value) {
      case ("tokenizer_class", .string("TokenizersBackend")):
        changes.append("tokenizer_class TokenizersBackend is PreTrainedTokenizerFast")
        return JSONValue.Member(member.key, .string("PreTrainedTokenizerFast"))
      case ("extra_special_tokens", .array) where document["additional_special_tokens"] == nil:
        changes.append("extra_special_tokens is additional_special_tokens")
        return JSONValue.Member("additional_special_tokens", member.value)
      default: return member
      }
    }
    if document["chat_template"] == nil,
      let bytes = try directory.bytes("chat_template.jinja", limits),
      let text = String(validating: bytes, as: UTF8.self), let members = changed.members
    {
      changed = .object(members + [JSONValue.Member("chat_template", .string(text))])
      changes.append("chat_template.jinja stands inside")
    }
    if changes.isEmpty { return }
    plan.put("tokenizer_config.json", changed, note: changes.joined(separator: "; "))
  }

  /// The tokenizers in Python read vocabulary files, which 5 no longer writes beside `tokenizer.json`. Where they cannot be
  /// had from it, `tokenizer.json` alone serves the others.
  private func addVocabularyFiles(_ plan: inout CompanionPlan) throws(CheckpointError) {
    guard let directory, directory["tokenizer.json"] != nil,
      family.definition.tokenizer.kind != .unigram
    else { return }
    let isList = family.definition.tokenizer.kind == .wordPiece
    let names = isList ? ["vocab.txt"] : ["vocab.json", "merges.txt"]
    guard names.allSatisfy({ directory[$0] == nil }) else { return }
    do {
      guard let tokenizer = try TokenizerDescription.read(directory, family, limits) else { return }
      let note = "from tokenizer.json, for tokenizers in Python"
      func put(_ name: String, _ bytes: [UInt8]) {
        plan.put(CompanionFile(path: name, content: .bytes(bytes), note: note))
      }
      if isList {
        put("vocab.txt", try tokenizer.vocabularyLines(file: directory.path))
      } else {
        let merges = try tokenizer.mergeLines(file: directory.path)
        put("vocab.json", tokenizer.vocabularyObject())
        put("merges.txt", merges)
      }
    } catch {
      guard error.kind == .unsupported else { throw error }
      plan.remarks.note("no \(names.joined(separator: ", ")) from tokenizer.json: \(error.problem)")
    }
  }
}
