import CheckpointBytes
import TestSupport
import Testing

/// A model directory made of fixtures, as a user has it.
struct ModelFixture {
  private let directory: TemporaryDirectory
  var path: String { directory.path }

  /// A model of `fixtures/tasks` with its tokenizer.
  ///
  /// - Parameter changes: Members of its `config.json` that are set.
  init(task name: String, tokenizer: String?, changes: [(String, JSONValue)] = []) throws {
    directory = try TemporaryDirectory()
    let configuration = try JSONValue(
      parsing: Fixture("tasks/\(name).json").bytes(), context: "configuration")
    try write(configuration, changes)
    try copy("tasks/\(name).safetensors", as: "model.safetensors")
    guard let tokenizer else { return }
    for file in ["tokenizer.json", "tokenizer_config.json"] {
      try copy("tokenizers/\(tokenizer)/\(file)", as: file)
    }
  }

  /// The `config.json` and `model.safetensors` of a directory of fixtures, with a tokenizer.
  init(directory name: String, tokenizer: String, changes: [(String, JSONValue)] = []) throws {
    directory = try TemporaryDirectory()
    let configuration = try JSONValue(
      parsing: Fixture("\(name)/config.json").bytes(), context: "configuration")
    try write(configuration, changes)
    try copy("\(name)/model.safetensors", as: "model.safetensors")
    for file in ["tokenizer.json", "tokenizer_config.json"] {
      try copy("tokenizers/\(tokenizer)/\(file)", as: file)
    }
  }

  /// The GPT-2 of `fixtures/models` whose texts are recorded there.
  init(generating configuration: JSONValue) throws {
    directory = try TemporaryDirectory()
    try write(configuration, [])
    try copy("models/gpt2-generation.safetensors", as: "model.safetensors")
  }

  func copy(_ fixture: String, as name: String) throws {
    try write(try Fixture(fixture).bytes(), as: name)
  }

  func write(_ bytes: [UInt8], as name: String) throws {
    try Directory.makeAll(splitPath(file(name)).directory)
    _ = try directory.write(bytes, as: name)
  }

  func write(_ text: String, as name: String) throws { try write(Array(text.utf8), as: name) }

  private func write(
    _ settings: JSONValue, _ changes: [(String, JSONValue)], as name: String = "config.json"
  ) throws {
    let keys = changes.map { ExactName($0.0) }
    let kept = (settings.members ?? []).filter { !keys.contains($0.key) }
    let document = JSONValue.object(
      kept + changes.map { JSONValue.Member(ExactName($0.0), $0.1) })
    try write(JSONWriter.text(document), as: name)
  }

  /// Sets members of a file of settings that is there.
  func set(_ changes: [(String, JSONValue)], in name: String) throws {
    try write(JSONValue(parsing: bytes(name), context: name), changes, as: name)
  }

  func file(_ name: String) -> String { directory.file(name) }

  func bytes(_ name: String) throws -> [UInt8] {
    let file = try SourceFile(path: file(name))
    return try file.bytes(at: 0, count: file.size)
  }
}

/// What Transformers' pipelines gave, by task.
func recordedAnswers(_ task: String) throws -> JSONValue {
  let document = try JSONValue(
    parsing: Fixture("tasks/expected.json").bytes(), context: "expected")
  return try #require(document[ExactName(task)])
}

extension JSONValue {
  var double: Double? {
    guard case .number(let number) = self else { return nil }
    return number.double
  }

  /// What a command printed with `--json`.
  init(printed text: String) throws {
    self = try JSONValue(parsing: Array(text.utf8), context: "output")
  }
}

/// A safetensors file of int64 tensors: an object from names to nested lists of whole numbers.
func integerTensors(_ object: JSONValue) -> [UInt8] {
  var entries: [String] = []
  var data: [UInt8] = []
  for member in object.members ?? [] {
    var extents: [Int] = []
    var values = [member.value]
    while let first = values.first?.elements {
      extents.append(first.count)
      values = values.flatMap { $0.elements ?? [] }
    }
    let start = data.count
    for value in values {
      let bits = UInt64(bitPattern: Int64(value.integer ?? 0))
      data += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }
    entries.append(
      "\"\(member.key.string)\":{\"dtype\":\"I64\",\"shape\":\(extents),\"data_offsets\":[\(start),\(data.count)]}"
    )
  }
  let header = Array("{\(entries.joined(separator: ","))}".utf8)
  let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
  return length + header + data
}
