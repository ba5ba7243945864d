import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import Testing
import WeightGraph

@Suite("What a layout does not hold") struct AbsenceTests {
  private let positions: ExactName = "roberta.embeddings.position_embeddings.weight"
  private let types: ExactName = "roberta.embeddings.token_type_embeddings.weight"

  @Test(
    "KerasHub's RoBERTa loses position rows only where that is allowed, token types only if zeros")
  func losses() throws {
    let model = try architecture(.roberta, .maskedLM)
    let canonical = try canonicalGraph(model)
    let error = failure { _ = try SavePlan(canonical, of: model, in: .kerasHub) }
    #expect(error?.kind == .unsupported)
    #expect(error?.tensor == positions.string)
    let saved = try SavePlan(
      canonical, of: model, in: .kerasHub, mayLose: [NamePattern("*position_embeddings*")])
    #expect(saved.losses.map(\.name) == [positions, types])
    #expect(saved.losses.map(\.rows) == [0..<2, nil])
    #expect(saved.mustBeZero == [types])
    #expect(
      saved.mustEqual.map(\.second) == ["lm_head.decoder.weight", "lm_head.decoder.bias"])
    let all = try SavePlan(canonical, of: model, in: .kerasHub, mayLose: anything)
    #expect(all.mustBeZero.isEmpty)
    let name: ExactName =
      "layers/roberta_backbone/layers/token_and_position_embedding/position_embedding/vars/0"
    let written = try #require(all.graph.weights[name])
    let own = try #require(canonical.weights[positions])
    #expect(written.shape == Shape([5, 6]))
    #expect(try bytes(of: written) == bytes(of: try own.sliced(axis: 0, 2..<7)))
  }

  @Test("A pooler and a head that a layout lacks are lost only where that is allowed")
  func heads() throws {
    let roberta = try architecture(.roberta, .base)
    let body = try canonicalGraph(roberta)
    let rows = [NamePattern("*position*")]
    for layout in [Layout.kerasHub, .fairseq] {
      let error = failure { _ = try SavePlan(body, of: roberta, in: layout, mayLose: rows) }
      #expect(error?.tensor == "pooler.dense.weight")
    }
    let model = try architecture(.bert, .preTraining)
    let canonical = try canonicalGraph(model)
    let error = failure { _ = try SavePlan(canonical, of: model, in: .kerasHub) }
    #expect(error?.kind == .unsupported)
    #expect(error?.tensor == "cls.seq_relationship.weight")
    let saved = try SavePlan(
      canonical, of: model, in: .kerasHub, mayLose: [NamePattern("cls.seq_relationship.*")])
    #expect(saved.losses.count == 2)
    let loaded = try plan(saved.graph)
    #expect(loaded.report.problems.isEmpty)
    #expect(loaded.report.entries.count { $0.outcome == .dropped } == 2)
  }

  @Test(
    "Token types that the layout does not hold are zeros, rows of positions where that is asked for",
    arguments: [Layout.kerasHub, .fairseq])
  func filling(layout: Layout) throws {
    let graph = try checkpoint(.roberta, .maskedLM, in: layout)
    let model = try RecognizedModel(graph, head: .maskedLM)
    let absent = layout == .kerasHub ? [positions, types] : [types]
    let asked = layout == .kerasHub ? [positions] : []
    let strict = try BoundModel(graph, as: model).report
    #expect(strict.problems.flatMap(\.parameters) == asked)
    #expect(strict.problems.allSatisfy { $0.outcome == .missing && $0.isFillable })
    #expect(failure { try strict.check() }?.kind == (asked.isEmpty ? nil : .notFound))
    let other = try BoundModel(graph, as: model, fill: .zeros(for: [NamePattern("lm_head.*")]))
    #expect(other.report.problems.flatMap(\.parameters) == asked)
    let filled = try BoundModel(
      graph, as: model, fill: .zeros(for: [NamePattern("roberta.embeddings.*")]))
    #expect(filled.report.problems.isEmpty)
    let lines = filled.report.entries.filter { $0.outcome == .filled }
    #expect(lines.flatMap(\.parameters) == absent)
    #expect(lines.allSatisfy { $0.detail != nil })
    let zeros = try #require(filled.graph.weights[types])
    #expect(zeros.shape == Shape([1, 6]))
    #expect(try bytes(of: zeros) == [UInt8](repeating: 0, count: 6))
    if layout == .kerasHub {
      let rows = try bytes(of: try #require(filled.graph.weights[positions]))
      #expect(rows.count == 42)
      #expect(rows.prefix(12).allSatisfy { $0 == 0 })
      #expect(rows.dropFirst(12).contains { $0 != 0 })
    }
  }

  @Test("Zeros are for what the layout does not hold, never for what the checkpoint lacks")
  func notInvented() throws {
    let name: ExactName = "bert.embeddings.token_type_embeddings.weight"
    let other: ExactName = "bert.encoder.layer.0.output.dense.bias"
    let graph = try removing(other, from: try checkpoint(.bert, .maskedLM))
    let report = try BoundModel(
      graph, as: try RecognizedModel(graph), fill: .zeros(for: anything)
    ).report
    #expect(report.problems.map(\.parameters) == [[other]])
    #expect(report.problems.map(\.isFillable) == [false])
    let without = try removing(name, from: graph)
    #expect(failure { _ = try RecognizedModel(without) } != nil)
  }
}
