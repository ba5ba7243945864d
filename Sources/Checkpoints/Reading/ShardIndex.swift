package import CheckpointBytes
internal import OrderedCollections

/// An index of shards as Transformers writes it (`model.safetensors.index.json`, `pytorch_model.bin.index.json`,
/// `tf_model.h5.index.json`), or as Keras does (`x.weights.json`, where a group maps to one file or several).
package struct ShardIndex {
  /// The shards' file names by tensor (or, for Keras, by group), in the order of the index.
  private(set) var files: OrderedDictionary<ExactName, [String]>
  /// The shards, each once, in the order in which they are first named.
  let shards: OrderedSet<ExactName>
  /// True if the index maps groups, not tensors.
  let isKeras: Bool
  /// What the index says of the whole beside its sizes, which nothing else keeps; nil if it says no more.
  let note: String?

  init(reading file: SourceFile, limits: ReadLimits) throws(CheckpointError) {
    let document = try file.document(context: "index", limits: limits)
    guard let map = document["weight_map"] else {
      let isNamedSo = splitPath(file.path).name.hasSuffix(".json")
      throw CheckpointError(
        .unsupported, file: file.path, offset: 0, field: "content",
        "expected a safetensors, PyTorch or HDF5 checkpoint, found JSON text that is no index of shards",
        remedy: isNamedSo ? nil : "it may be what a server answered instead of the file")
    }
    guard let entries = map.members else {
      throw CheckpointError(
        .malformed, file: file.path, field: "weight_map",
        "expected an object from tensor names to file names")
    }
    guard entries.count <= limits.tensorCount else {
      throw CheckpointError(
        .limitExceeded, file: file.path, field: "weight_map",
        "more than \(limits.tensorCount) tensors")
    }
    var files: OrderedDictionary<ExactName, [String]> = [:]
    var shards: OrderedSet<ExactName> = []
    var isKeras = false
    for entry in entries {
      let names: [String]
      if let name = entry.value.string {
        names = [name]
      } else if let list = entry.value.elements, list.allSatisfy({ $0.string != nil }),
        !list.isEmpty
      {
        names = list.compactMap(\.string)
        isKeras = true
      } else {
        throw CheckpointError(
          .malformed, file: file.path, field: "weight_map", tensor: entry.key.string,
          "expected a file name")
      }
      for name in names {
        try ShardIndex.check(name, file: file.path, tensor: entry.key.string)
        shards.append(ExactName(name))
      }
      files[entry.key] = names
    }
    self.files = files
    self.shards = shards
    self.isKeras = isKeras
    note = ShardIndex.note(of: document["metadata"]?.members ?? [])
  }

  private static func note(of metadata: [JSONValue.Member]) -> String? {
    let others = metadata.filter { !["total_size", "total_parameters"].contains($0.key) }
    if others.isEmpty { return nil }
    let texts = others.prefix(4).map {
      singleLine("\($0.key.string) = \(JSONWriter.text($0.value))", limit: 80)
    }
    return "metadata of the index, which no conversion keeps: " + texts.joined(separator: ", ")
      + (others.count > texts.count ? " and \(others.count - texts.count) more" : "")
  }

  /// A shard is a plain file beside the index: its name is never a path.
  private static func check(
    _ name: String, file: String, tensor: String
  ) throws(CheckpointError) {
    let isPlain =
      !name.isEmpty && name != "." && name != ".."
      && !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x2F || $0 == 0x5C || $0 == 0x7F })
    guard isPlain else {
      throw CheckpointError(
        .forbidden, file: file, field: "weight_map", tensor: tensor,
        "the shard \(quoted(name)) is no plain file name")
    }
  }
}

extension ShardIndex {
  /// The index under the names that its shards have. Transformers' TensorFlow classes (4.41, `modeling_tf_utils.py`) list
  /// variables by their whole names, `tf_bert_model/bert/…`, and leave the first component out in the shards.
  ///
  /// - Parameter holds: True if a shard holds a name.
  /// - Throws: `inconsistent` if two names become one.
  func inNamesOfShards(
    file: String, _ holds: (_ shard: ExactName, _ name: ExactName) -> Bool
  ) throws(CheckpointError) -> ShardIndex {
    func short(_ name: ExactName) -> ExactName? {
      guard let slash = name.string.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
      return ExactName(String(name.string[name.string.utf8.index(after: slash)...]))
    }
    let isShort = files.allSatisfy { name, files in
      let shard = ExactName(files[0])
      return !holds(shard, name) && short(name).map { holds(shard, $0) } ?? false
    }
    guard isShort, !isKeras else { return self }
    var index = self
    index.files = [:]
    for (name, shard) in files {
      guard let short = short(name), index.files.updateValue(shard, forKey: short) == nil else {
        throw CheckpointError(
          .inconsistent, file: file, field: "weight_map", tensor: name.string,
          "the index lists it twice but for its first component")
      }
    }
    return index
  }

  /// The text of an index, as huggingface_hub 2.4 writes it: two spaces a level, keys sorted, a final newline.
  package static func text(
    shardOfTensor: [(name: ExactName, file: String)], totalSize: Int, totalParameters: Int
  ) -> [UInt8] {
    let sorted = shardOfTensor.sorted { $0.name < $1.name }
    let document = JSONValue.object([
      JSONValue.Member(
        "metadata",
        .object([
          JSONValue.Member("total_parameters", .integer(totalParameters)),
          JSONValue.Member("total_size", .integer(totalSize)),
        ])),
      JSONValue.Member(
        "weight_map", .object(sorted.map { JSONValue.Member($0.name, .string($0.file)) })),
    ])
    return Array((JSONWriter.text(document, style: .indented) + "\n").utf8)
  }

  /// True for the names that indices have: `model.safetensors.index.json`, that of a variant
  /// (`model.safetensors.index.fp16.json`, `_add_variant` of Transformers and of diffusers), `x.weights.json` of Keras.
  package static func isIndex(_ name: String) -> Bool {
    if name.hasSuffix(".weights.json") { return true }
    guard name.hasSuffix(".json") else { return false }
    return [".safetensors.index", ".bin.index", ".h5.index"].contains { ending in
      let parts = name.dropLast(".json".count)
      if parts.hasSuffix(ending) { return true }
      guard let dot = parts.lastIndex(of: ".") else { return false }
      return parts[..<dot].hasSuffix(ending)
    }
  }

  /// True for the names that Transformers gives to shards of several: `model-00001-of-00002.safetensors`.
  static func isShard(_ name: String) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: "-"))
    guard parts.count >= 4 else { return false }
    func number(_ text: Substring.UTF8View) -> Int? {
      Int(String(decoding: text.prefix { (0x30...0x39).contains($0) }, as: UTF8.self))
    }
    let end = Array(parts.suffix(3))
    return number(end[0]) != nil && end[1].elementsEqual("of".utf8) && number(end[2]) ?? 0 > 1
  }
}
