import CheckpointBytes
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import Verification
import WeightGraph

@Suite("Outputs of whatever model beside a record")
struct VerificationCriteriaTests {
  private let golden: GoldenRecord
  private let right: [VerificationReport.Output]

  init() throws {
    let values = try Records.weight([2, 2], [Float(1), 2, 3, 4])
    golden = try GoldenRecord(
      Records.graph(
        [
          "net:output": values, "block:output": values, "block:input": values, "x": values,
          "scores": values,
        ],
        origin: #"""
          {"inputs": ["x"], "dtype": "float64",
           "order": ["block:input", "block:output", "net:output", "scores"]}
          """#))
    right = try ["scores", "net:output", "block:output", "block:input"].map {
      try VerificationReport.Output(ExactName($0), [2, 2], [1, 2, 3, 4])
    }
  }

  private func report(
    _ changes: [ExactName: [Float]] = [:], without left: Set<ExactName> = [],
    _ criteria: VerificationCriteria = VerificationCriteria()
  ) throws -> VerificationReport {
    var outputs = right.filter { !left.contains($0.name) }
    for index in outputs.indices {
      outputs[index].values = changes[outputs[index].name] ?? outputs[index].values
    }
    return try VerificationReport(computed: outputs, golden: golden, criteria: criteria)
  }

  @Test("Outputs come in the order that the record states")
  func order() throws {
    let report = try report()
    #expect(report.isEqual && report.faultyModule == nil)
    #expect(
      report.entries.map(\.name) == ["block:input", "block:output", "net:output", "scores"])
    #expect(report.entries.map { report.module(of: $0) } == ["block", "block", "net", nil])
  }

  @Test("A module that was given what was recorded and gave something else holds the fault")
  func faulty() throws {
    let wrong: [Float] = [1, 2, 3, 5]
    let within = try report(["block:output": wrong, "net:output": wrong, "scores": wrong])
    #expect(within.firstDivergence?.name == "block:output" && within.faultyModule == "block")
    let lines = VerificationSummary(within).lines
    #expect(lines.first == "first to differ: block (block:output)")
    #expect(lines.contains("what goes into it is equal: the fault lies within block"))
    #expect(lines.last == "differ too: net:output, scores")
    #expect(lines.contains { $0 == "  mean 2.750 ± 1.479, recorded 2.500 ± 1.118" })
    let before = try report(["block:input": wrong, "block:output": wrong])
    #expect(before.firstDivergence?.name == "block:input" && before.faultyModule == nil)
    // Nothing is known of what went into it.
    #expect(
      try report(
        ["block:output": wrong], without: ["block:input"],
        VerificationCriteria(comparesOnlyComputed: true)
      ).faultyModule == nil)
  }

  @Test("An output may have a tolerance of its own, the first that matches")
  func exceptions() throws {
    let near: [Float] = [1, 2, 3, 4.01]
    func isEqual(_ exceptions: (NamePattern, Double)...) throws -> Bool {
      try report(
        ["scores": near],
        VerificationCriteria(
          exceptions: exceptions.map {
            VerificationCriteria.Exception(outputs: $0.0, tolerance: Tolerance(absolute: $0.1))
          })
      ).isEqual
    }
    #expect(try !isEqual())
    #expect(try isEqual(("sc*", 0.1)))
    #expect(try !isEqual(("block*", 0.1)))
    #expect(try !isEqual(("*", 0.001), ("scores", 0.1)))
  }

  @Test("A share of values may lie beyond the tolerance")
  func share() throws {
    let one: [Float] = [1, 2, 3, 40]
    #expect(try !report(["scores": one], VerificationCriteria(mismatchShare: 0.2)).isEqual)
    let allowed = try report(["scores": one], VerificationCriteria(mismatchShare: 0.25))
    #expect(allowed.isEqual && allowed.entries.last?.allowedMismatches == 1)
    #expect(allowed.entries.last?.values?.beyondTolerance == 1)
    #expect(
      try !report(["scores": [0, 2, 3, 40]], VerificationCriteria(mismatchShare: 0.25)).isEqual)
  }

  @Test("What was not computed is a difference, unless only what was computed counts")
  func missing() throws {
    #expect(try report(without: ["net:output"]).missing == ["net:output"])
    #expect(
      try report(without: ["net:output"], VerificationCriteria(comparesOnlyComputed: true)).isEqual)
  }

  @Test("Extents and values of an output must go together")
  func extents() {
    #expect(throws: CheckpointError(.inconsistent, tensor: "a", "")) {
      try VerificationReport.Output("a", [2, 2], [1, 2, 3])
    }
    #expect(throws: CheckpointError(.inconsistent, tensor: "a", "")) {
      try VerificationReport.Output("a", [-1, 2], [1, 2, 3])
    }
  }
}
