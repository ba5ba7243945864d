internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules

extension CompanionConversion {
  /// From Transformers' files to a KerasHub preset (0.32).
  func toKerasHub(_ plan: inout CompanionPlan) throws(CheckpointError) {
    copyOthers(than: Self.transformersFiles.union(Self.kerasHubFiles), into: &plan)
    let tokenizer = try tokenizerForKerasHub(&plan)
    let preset = try KerasHubPreset(
      architecture, configuration: configuration, attentionHeads: attentionHeads,
      tokenizer: tokenizer)
    plan.put("config.json", preset.backbone, note: "the backbone as KerasHub has it")
    plan.put("metadata.json", preset.metadata, note: "written for KerasHub, without a date")
    if let task = preset.task {
      plan.put("task.json", task, note: "the task as KerasHub has it")
    }
    if let preprocessor = preset.preprocessor {
      plan.put("preprocessor.json", preprocessor, note: "of the same length as the positions")
    }
    plan.remarks.note(preset.assumptions.map { "assumed: " + $0 })
    for loss in preset.losses { plan.remarks.omit(loss.setting, loss.reason) }
    plan.losses += preset.losses
    for name in ["generation_config.json", "chat_template.jinja"] where directory?[name] != nil {
      plan.remarks.omit("file " + quoted(name), "KerasHub has no such file")
    }
  }

  /// Writes the tokenizer; one that KerasHub cannot have is left out with the reason.
  private func tokenizerForKerasHub(
    _ plan: inout CompanionPlan
  ) throws(CheckpointError) -> JSONValue? {
    guard let directory else { return nil }
    do {
      guard let tokenizer = try TokenizerDescription.read(directory, family, limits) else {
        return nil
      }
      let needed = family.definition.tokenizer.needed
      guard tokenizer.holds(needed) else {
        plan.remarks.omit(
          "the tokenizer", "KerasHub's needs the tokens \(needed.joined(separator: " "))")
        return nil
      }
      try putAssets(of: tokenizer, in: directory, &plan)
      guard let keras = family.kerasHub else { return nil }
      let document = tokenizer.kerasHub(family.definition, keras)
      plan.put("tokenizer.json", document, note: "the tokenizer as KerasHub has it")
      if family.definition.tokenizer.kind == .bytePair {
        plan.remarks.note(
          "tokenizer: KerasHub's byte-pair tokenizer splits text by a pattern of its own before it merges; digits and white space may come out in other tokens"
        )
      }
      return document
    } catch {
      // A preset without its tokenizer would be taken for one with the family's, which gives other ids.
      guard error.kind == .unsupported, error.site.field != "tokenizer_class" else { throw error }
      plan.remarks.omit("the tokenizer", "KerasHub cannot have it: \(error)")
      return nil
    }
  }

  private func putAssets(
    of tokenizer: TokenizerDescription, in directory: ModelDirectory, _ plan: inout CompanionPlan
  ) throws(CheckpointError) {
    func put(_ name: String, _ bytes: [UInt8]) {
      plan.put(CompanionFile(path: "assets/tokenizer/" + name, content: .bytes(bytes), note: nil))
    }
    if family.definition.tokenizer.kind == .wordPiece {
      put("vocabulary.txt", try tokenizer.vocabularyLines(file: directory.path))
    } else {
      let merges = try tokenizer.mergeLines(file: directory.path)
      put("vocabulary.json", tokenizer.vocabularyObject())
      put("merges.txt", merges)
    }
  }

  /// From a KerasHub preset to Transformers' files, which 4.41 and 5.23 read alike.
  func fromKerasHub(_ plan: inout CompanionPlan) throws(CheckpointError) {
    guard let directory, let configuration else { return }
    copyOthers(than: Self.kerasHubFiles, below: "assets/", into: &plan)
    put(
      ConfigurationDocument.transformers(
        for: architecture, from: configuration, vocabulary: try kerasHubVocabulary()), into: &plan)
    guard let document = try directory.json("tokenizer.json", limits),
      document["class_name"] != nil
    else { return }
    let settings = document["config"]
    var members: [(String, JSONValue)] = []
    switch family.definition.tokenizer.kind {
    case .wordPiece:
      try copyAsset("vocabulary.txt", as: "vocab.txt", &plan)
      members = [
        ("tokenizer_class", .string(family.definition.tokenizer.classNames[0])),
        ("do_lower_case", settings?["lowercase"] ?? .boolean(false)),
        ("strip_accents", settings?["strip_accents"] ?? .boolean(false)),
        ("tokenize_chinese_chars", settings?["split_on_cjk"] ?? .boolean(true)),
      ]
    case .bytePair:
      try copyAsset("vocabulary.json", as: "vocab.json", &plan)
      try putMerges(&plan)
      members = [
        ("tokenizer_class", .string(family.definition.tokenizer.classNames[0])),
        ("add_prefix_space", settings?["add_prefix_space"] ?? .boolean(false)),
      ]
    case .unigram:
      // SentencePiece's own file, which both read, and number in the same way.
      try copyAsset("vocabulary.spm", as: "sentencepiece.bpe.model", &plan)
      members = [("tokenizer_class", .string(family.definition.tokenizer.classNames[0]))]
    }
    let length = architecture.sizes.positions - family.unusedPositions
    members.append(("model_max_length", .integer(length)))
    plan.put(
      "tokenizer_config.json",
      .object(members.map { JSONValue.Member(ExactName($0.0), $0.1) }),
      note: "from KerasHub's tokenizer.json")
    let extra =
      (settings?["special_tokens"]?.elements ?? [])
      + (settings?["unsplittable_tokens"]?.elements ?? []).filter { token in
        !family.definition.tokenizer.needed.contains { $0 == token.string }
      }
    if !extra.isEmpty {
      plan.remarks.omit(
        "\(extra.count) added tokens of the tokenizer", "they stay in the vocabulary only")
    }
  }

  /// The ids of the tokens in the preset's vocabulary; nil if it has none.
  private func kerasHubVocabulary() throws(CheckpointError) -> [ExactName: Int]? {
    let kind = family.definition.tokenizer.kind
    if kind == .unigram { return nil }
    let path = "assets/tokenizer/vocabulary." + (kind == .wordPiece ? "txt" : "json")
    if kind == .wordPiece {
      return try directory?.lines(path, limits).map { TokenizerDescription(tokens: $0).identifiers }
    }
    guard let directory, let document = try directory.json(path, limits) else { return nil }
    let reader = TokenizerReader(file: Directory.join(directory.path, path), document: document)
    return try reader.identifiers()
  }

  private func asset(_ name: String) throws(CheckpointError) -> ModelDirectory.Entry {
    let path = "assets/tokenizer/" + name
    guard let directory, let entry = directory[path] else {
      throw CheckpointError(
        .notFound, file: Directory.join(directory?.path ?? "", path),
        "tokenizer.json needs it, and it is not there")
    }
    return entry
  }

  private func copyAsset(
    _ name: String, as path: String, _ plan: inout CompanionPlan
  ) throws(CheckpointError) {
    let entry = try asset(name)
    plan.put(
      CompanionFile(
        path: path, content: entry.content, note: nil))
  }

  /// KerasHub leaves out the first line, which Transformers' Python tokenizers (4.41) skip whatever it says.
  private func putMerges(_ plan: inout CompanionPlan) throws(CheckpointError) {
    _ = try asset("merges.txt")
    guard let lines = try directory?.lines("assets/tokenizer/merges.txt", limits) else { return }
    let isVersioned = lines.first?.hasPrefix("#version") == true
    let text = (isVersioned ? [] : ["#version: 0.2"]) + lines
    plan.put(
      CompanionFile(
        path: "merges.txt", content: .bytes(Array((text.joined(separator: "\n") + "\n").utf8)),
        note: isVersioned ? nil : "with the line that names the version"))
  }
}
