import CheckpointBytes
import Checkpoints
import Conversion
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// Files that have bitten somebody, written by the real libraries; `fixtures/hazards/make.py` makes them and writes down
/// what those libraries read.
@Suite("The hazard corpus")
struct HazardCorpusTests {
  /// One file, and what must come of it.
  struct Case: Sendable, CustomTestStringConvertible {
    let file: String
    let refusal: FailureKind?
    let tensors: Set<Expectation>
    let ties: Set<Set<String>>
    /// What is refused by itself while the rest opens: the kind by name.
    let refused: [String: FailureKind]
    let testDescription: String
  }

  struct Expectation: Hashable, Sendable {
    let name: ExactName
    let dtype: String
    let shape: [Int]
    let sha256: String
  }

  static let cases: [Case] = {
    do {
      let file = try SourceFile(path: Fixtures.path("hazards/expected.json"))
      let document = try JSONValue(
        parsing: file.bytes(at: 0, count: file.size), context: "expected.json")
      return (document.elements ?? []).map(Case.init)
    } catch {
      return []
    }
  }()

  @Test("The list of expectations is there")
  func corpus() {
    #expect(HazardCorpusTests.cases.count >= 70)
  }

  @Test("Each file opens with exactly its tensors, or is refused for its reason", arguments: cases)
  func file(_ hazard: Case) throws {
    let checkpoint: Checkpoint
    do throws(CheckpointError) {
      checkpoint = try Checkpoint.open(Fixtures.path("hazards/files/" + hazard.file))
    } catch {
      #expect(error.kind == hazard.refusal, "\(error)")
      #expect(!error.description.contains("\n"))
      return
    }
    #expect(hazard.refusal == nil, "opened")
    let graph = checkpoint.graph
    let names = Array(graph.weights.keys)
    let digests = try WeightDigest.sha256(
      names.compactMap { name in graph.weights[name].map { (name: name, weight: $0) } })
    let found = zip(names, digests).map { name, digest in
      Expectation(
        name: name, dtype: graph.weights[name]?.dtype.rawValue ?? "",
        shape: graph.weights[name]?.shape.dimensions ?? [], sha256: digest)
    }
    for tensor in hazard.tensors.subtracting(found) { Issue.record("missing: \(tensor)") }
    for tensor in Set(found).subtracting(hazard.tensors) { Issue.record("not expected: \(tensor)") }
    let ties = Set(graph.ties.filter { $0.names.count > 1 }.map { Set($0.names.map(\.string)) })
    #expect(ties == hazard.ties)
    let refused = graph.facts.others.compactMap { other in
      other.refusal.map { (other.name.string, $0.kind) }
    }
    #expect(Dictionary(refused, uniquingKeysWith: { $1 }) == hazard.refused)
  }
}

extension HazardCorpusTests.Case {
  init(_ json: JSONValue) {
    file = json["file"]?.string ?? ""
    testDescription = file
    refused = Dictionary(
      uniqueKeysWithValues: (json["refused"]?.members ?? []).compactMap { member in
        (member.value.string).flatMap(FailureKind.init(rawValue:)).map { (member.key.string, $0) }
      })
    refusal = (json["kind"]?.string).flatMap(FailureKind.init(rawValue:))
    tensors = Set(
      (json["tensors"]?.elements ?? []).map { tensor in
        HazardCorpusTests.Expectation(
          name: ExactName(tensor["name"]?.string ?? ""), dtype: tensor["dtype"]?.string ?? "",
          shape: (tensor["shape"]?.elements ?? []).compactMap(\.integer),
          sha256: tensor["sha256"]?.string ?? "")
      })
    ties = Set(
      (json["ties"]?.elements ?? []).map { Set(($0.elements ?? []).compactMap(\.string)) })
  }
}
