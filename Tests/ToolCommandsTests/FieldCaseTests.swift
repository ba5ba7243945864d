import CheckpointBytes
import Foundation
import TestSupport
import Testing
import Weighbridge

@Suite("Files of the kinds that were found in the field")
struct FieldCaseTests {
  // MARK: Formats

  @Test("Exit code, words and tensors are those expected", arguments: FieldCase.all("formats"))
  func formats(_ folder: FieldCase) throws {
    let checks = try #require(folder.expected["checks"]?.elements)
    #expect(!checks.isEmpty)
    for check in checks {
      let scratch = try TemporaryDirectory()
      let words = try #require(check["args"]?.elements).compactMap(\.string)
      let run = folder.run(words, in: scratch)
      let said = "\(words): exit \(run.code): " + run.output + run.error
      let codes = check["exit"]?.elements?.compactMap(\.integer) ?? [check["exit"]?.integer ?? 0]
      #expect(codes.contains(Int(run.code)), "\(said)")
      // The folder's own name is no word of the tool's.
      let text = (run.output + run.error).replacing(folder.path, with: "").lowercased()
      for wanted in check["has"]?.elements?.compactMap(\.string) ?? [] {
        #expect(text.contains(wanted.lowercased()), "\(said)")
      }
      for unwanted in check["lacks"]?.elements?.compactMap(\.string) ?? [] {
        #expect(!text.contains(unwanted.lowercased()), "\(said)")
      }
      if run.code == 0, check["tensors"]?.members != nil {
        try compare(scratch.path + "/out.safetensors", with: try #require(check["tensors"]), said)
      }
    }
  }

  private func compare(_ file: String, with expected: JSONValue, _ said: String) throws {
    let listing = ToolRun("inspect", file, "--json", "--digests")
    let document = try JSONValue(parsing: Array(listing.output.utf8), context: "inspect")
    var found: [ExactName: JSONValue] = [:]
    for tensor in document["tensors"]?.elements ?? [] {
      found[ExactName(tensor["name"]?.string ?? "")] = tensor
    }
    #expect(Set(found.keys) == Set(expected.dictionary.keys), "\(said)")
    for (name, tensor) in expected.dictionary {
      for field in ["dtype", "shape", "sha256"] as [ExactName] {
        #expect(found[name]?[field] == tensor[field], "\(name) \(field): \(said)")
      }
    }
  }

  // MARK: Models

  @Test("Ids, numbers and texts are the reference's", arguments: FieldCase.all("models"))
  func models(_ folder: FieldCase) throws {
    let scratch = try TemporaryDirectory()
    let line = try String(contentsOfFile: folder.path + "/command.txt", encoding: .utf8)
    let run = folder.run(Array(try Self.words(of: line).dropFirst()), in: scratch)
    let expected = folder.expected
    if run.code == 65, let name = expected["or_error_naming"]?.string {
      #expect(run.error.contains(name), "\(run.error)")
      return
    }
    #expect(run.code == 0, "\(run.error)")
    let rows = try Self.rows(of: scratch.path + "/out.jsonl")
    let tolerance = expected["tolerance"]?.decimal ?? 0
    var comparisons = 0
    func compare(_ key: ExactName, _ body: (JSONValue) throws -> Bool) throws {
      guard let value = expected[key], run.code == 0 else { return }
      comparisons += 1
      #expect(try body(value), "\(key): \(run.output) \(rows)")
    }
    try compare("answers") { .array(rows) == $0 }
    try compare("ids") { .array(rows.compactMap { $0["ids"] }) == $0 }
    try compare("offsets") { .array(rows.compactMap { $0["offsets"] }) == $0 }
    try compare("text") { $0.string?.trimmed == run.output.trimmed }
    try compare("sequences") { try Self.document(run)["sequences"] == $0 }
    try compare("embeddings") { value in
      Self.isClose(
        rows.map { $0["embedding"]?.elements?.compactMap(\.decimal) ?? [] },
        value.rowsOfNumbers ?? [], tolerance)
    }
    try compare("sparse") { value in
      let wanted = value.elements ?? []
      let (numbers, others) = (rows.map { $0["values"] }, wanted.map { $0["values"] })
      return rows.map { $0["indices"] } == wanted.map { $0["indices"] }
        && rows.map { $0["tokens"] } == wanted.map { $0["tokens"] }
        && Self.isClose(
          numbers.map { $0?.elements?.compactMap(\.decimal) ?? [] },
          others.map { $0?.elements?.compactMap(\.decimal) ?? [] }, tolerance)
    }
    try compare("labels") { value in
      let found = try Self.document(run)["results"]?.elements ?? []
      let wanted = value.elements ?? []
      return found.count == wanted.count
        && zip(found, wanted).allSatisfy { Self.agree($0, $1, tolerance) }
    }
    for key in ["logits_last_row", "last_row"] as [ExactName] {
      try compare(key) { value in
        let row = value.elements?.compactMap(\.decimal) ?? []
        let names = key == "last_row" ? ["last_hidden_state"] : ["prediction_logits", "logits"]
        let outputs = try Checkpoint.open(scratch.path + "/out.safetensors").graph.weights
        let output = try #require(names.lazy.compactMap { outputs[ExactName($0)] }.first)
        let tail = try output.floats().suffix(row.count).map { Double($0) }
        return Self.isClose([tail], [row], tolerance)
      }
    }
    try compare("outputs") { value in
      let file = folder.path + "/" + (value.string ?? "")
      let wanted = try Checkpoint.open(file).graph.weights
      let found = try Checkpoint.open(scratch.path + "/out.safetensors").graph.weights
      return try wanted.allSatisfy { name, weight in
        let numbers = try #require(found[name]).floats().map { Double($0) }
        return Self.isClose([numbers], [try weight.floats().map { Double($0) }], tolerance)
      }
    }
    #expect(comparisons > 0 || run.code != 0, "nothing is compared")
  }

  private static func document(_ run: ToolRun) throws -> JSONValue {
    try JSONValue(parsing: Array(run.output.utf8), context: "output")
  }

  private static func rows(of path: String) throws -> [JSONValue] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    return try text.utf8.split(separator: UInt8(ascii: "\n")).map {
      try JSONValue(parsing: Array($0), context: "a line")
    }
  }

  private static func isClose(_ found: [[Double]], _ wanted: [[Double]], _ tolerance: Double)
    -> Bool
  {
    found.map(\.count) == wanted.map(\.count)
      && zip(found.joined(), wanted.joined()).allSatisfy { abs($0 - $1) <= tolerance }
  }

  /// Labels and scores of one text, in any order; a label can be a number.
  private static func agree(_ found: JSONValue, _ wanted: JSONValue, _ tolerance: Double) -> Bool {
    func scores(_ labels: JSONValue?) -> [String: Double] {
      Dictionary(
        (labels?.elements ?? []).map {
          ($0["label"]?.string ?? "\($0["label"]?.integer ?? -1)", $0["score"]?.decimal ?? .nan)
        }, uniquingKeysWith: { $1 })
    }
    let (found, wanted) = (scores(found["labels"]), scores(wanted))
    return found.keys == wanted.keys
      && wanted.allSatisfy { abs((found[$0] ?? .nan) - $1) <= tolerance }
  }

  /// The words of a line as a shell cuts it, double quotes and nothing else.
  private static func words(of line: String) throws -> [String] {
    let parts = line.trimmed.split(separator: "\"", omittingEmptySubsequences: false)
    try #require(parts.count % 2 == 1)
    return parts.enumerated().flatMap { index, part in
      index % 2 == 1 ? [String(part)] : part.split(separator: " ").map(String.init)
    }
  }
}

extension String {
  fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
