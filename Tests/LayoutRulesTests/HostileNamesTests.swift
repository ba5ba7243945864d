import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// Names and shapes that nobody wrote on purpose: whatever comes, nothing traps and nothing is lost from the report.
@Suite struct HostileNamesTests {
  /// The weights of a model with some names and shapes changed.
  private func mutated(
    _ graph: WeightGraph, using generator: inout SeededGenerator
  ) throws -> WeightGraph {
    let words = [
      "", ".", "/", "0", "00", "1", "7", "9999", "99999", "999999999999", "-1", "layer", "_1", ":0",
      "module.", "bert.", "roberta.", "transformer.", "model.", "encoder.", "\0", "\n", "\u{301}",
      "weight", "kernel", "gamma", "layers/", "tf_bert_model_1/", "classification_heads.a.b.", "*",
    ]
    var entries = graph.weights.map { (name: $0.key.string, weight: $0.value) }
    for _ in 0..<generator.number(1...6) where !entries.isEmpty {
      let place = generator.number(0...(entries.count - 1))
      let word = words[generator.number(0...(words.count - 1))]
      var name = Array(entries[place].name.unicodeScalars)
      let start = generator.number(0...name.count)
      switch generator.number(0...6) {
      case 0: entries.remove(at: place)
      case 1: name.insert(contentsOf: word.unicodeScalars, at: start)
      case 2: name.removeSubrange(start..<min(name.count, start + generator.number(0...9)))
      case 3:
        entries.append((word + entries[place].name, entries[place].weight))
      case 4:
        let other = generator.number(0...(entries.count - 1))
        (entries[place].weight, entries[other].weight) = (
          entries[other].weight, entries[place].weight
        )
      case 5:
        let shape = try #require(Shape(generator.extents(rank: 4)))
        entries[place].weight = try weight(shape, seed: place)
      default:
        let digits = name.indices.filter { ("0"..."9").contains(name[$0]) }
        if let digit = digits.randomElement(using: &generator) {
          name.replaceSubrange(digit...digit, with: word.unicodeScalars)
        }
      }
      if place < entries.count {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: name)
        entries[place].name = String(text)
      }
    }
    var result = WeightGraph()
    for entry in entries where result.weights[ExactName(entry.name)] == nil {
      try result.insert(entry.weight, as: ExactName(entry.name))
    }
    return result
  }

  @Test(
    "Damaged names are refused, or reported once each, on both sides",
    arguments: Layout.allCases, SeededGenerator.seeds)
  func damaged(layout: Layout, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var recognized = 0
    for family in ownFamilies {
      for head in family.heads {
        guard let graph = try? checkpoint(family, head, in: layout) else { continue }
        for round in 0..<4 {
          let damaged = try mutated(graph, using: &generator)
          guard let model = try? RecognizedModel(damaged) else { continue }
          recognized += 1
          let text = "\(family) \(head) in \(layout), seed \(seed), round \(round)"
          let plan = try BoundModel(damaged, as: model, fill: .zeros(for: anything))
          let stored = plan.report.entries.flatMap(\.stored)
          #expect(stored.sorted() == damaged.weights.keys.sorted(), "\(text)")
          let parameters = plan.report.entries.flatMap(\.parameters)
          #expect(
            parameters.sorted() == model.architecture.parameters.map(\.name).sorted(), "\(text)")
          #expect(plan.report.lines.allSatisfy { !$0.contains("\n") }, "\(text)")
          for target in Layout.allCases {
            guard
              let saved = try? SavePlan(
                plan.graph, of: model.architecture, in: target, mayLose: anything, mayMiss: anything
              )
            else { continue }
            let written = saved.entries.flatMap(\.stored)
            #expect(written.sorted() == saved.graph.weights.keys.sorted(), "\(text) to \(target)")
            #expect(
              saved.entries.flatMap(\.parameters).sorted() == parameters.sorted(),
              "\(text) to \(target)")
          }
        }
      }
    }
    #expect(recognized > 0)
  }
}
