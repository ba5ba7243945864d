import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// Random models: what goes out into a layout comes back bit for bit, and what is damaged is noticed.
@Suite struct PropertyTests {
  /// A model of random sizes, small and odd; its own bytes for what others tie, where `isUntied`.
  private struct Sample {
    let model: ModelArchitecture
    let canonical: WeightGraph
    let isUntied: Bool
    let text: String

    init?(
      _ family: ModelFamily, _ head: ModelHead, _ layout: Layout, seed: UInt64
    ) throws {
      var generator = SeededGenerator(seed: seed)
      let heads = [1, 2, 3, 5].randomElement(using: &generator) ?? 3
      let types = lacksPooler(layout, family) ? 1...1 : 1...3
      let sizes = ModelSizes(
        hidden: heads * Int.random(in: 1...3, using: &generator),
        embedding: embedding(of: family, Int.random(in: 1...15, using: &generator)),
        layers: Int.random(in: 1...3, using: &generator),
        intermediate: Int.random(in: 1...13, using: &generator),
        vocabulary: Int.random(in: 3...13, using: &generator),
        positions: Int.random(in: 3...9, using: &generator),
        tokenTypes: tokenTypes(of: family) == 0 ? 0 : Int.random(in: types, using: &generator),
        labels: Int.random(in: 1...5, using: &generator), heads: heads)
      isUntied = Bool.random(using: &generator)
      model = try ModelArchitecture(
        family: family, head: head, sizes: sizes,
        hasPooler: lacksPooler(layout, family) ? false : nil)
      var graph = try canonicalGraph(model, zerosWhereUnused: true)
      if isUntied {
        graph = try graph.mapWeights { (name, own) throws(CheckpointError) in
          guard name.string.contains("decoder.") || name == "lm_head.weight" else { return own }
          return (try? weight(own.shape, seed: 99)) ?? own
        }
      }
      canonical = graph
      text = "\(family) \(head) in \(layout), seed \(seed)"
    }
  }

  /// The model in a layout; nil if the layout has no such model.
  private func saved(
    _ canonical: WeightGraph, of model: ModelArchitecture, in layout: Layout
  ) throws -> SavePlan? {
    do {
      return try SavePlan(canonical, of: model, in: layout, mayLose: anything)
    } catch {
      guard error.kind == .unsupported else { throw error }
      return nil
    }
  }

  @Test(
    "Out and back is the identity", arguments: Layout.allCases, SeededGenerator.seeds)
  func identity(layout: Layout, seed: UInt64) throws {
    for family in ownFamilies {
      for head in family.heads {
        guard let sample = try Sample(family, head, layout, seed: seed),
          let saved = try saved(sample.canonical, of: sample.model, in: layout),
          // Of pre-training KerasHub holds a part only.
          !(layout == .kerasHub && head == .preTraining)
        else { continue }
        let unequal = try saved.mustEqual.contains { pair in
          let first = try #require(sample.canonical.weights[pair.first])
          let second = try #require(sample.canonical.weights[pair.second])
          return try bytes(of: first) != bytes(of: second)
        }
        // What the layout holds as one has to be shown to be two, or it comes back.
        if unequal {
          #expect(sample.isUntied, "\(sample.text)")
          continue
        }
        let recognized = try RecognizedModel(saved.graph, family: family, head: head)
        #expect(recognized.architecture.parameters == sample.model.parameters, "\(sample.text)")
        let loaded = try BoundModel(saved.graph, as: recognized, fill: .zeros(for: anything))
        #expect(loaded.report.problems.isEmpty, "\(sample.text)")
        for (name, weight) in sample.canonical.weights {
          let back = try #require(loaded.graph.weights[name], "\(sample.text)")
          #expect(back.shape == weight.shape, "\(sample.text): \(name)")
          #expect(try bytes(of: back) == bytes(of: weight), "\(sample.text): \(name)")
        }
      }
    }
  }

  @Test("Untied embeddings are never lost unseen", arguments: Layout.allCases)
  func untied(layout: Layout) throws {
    for family in ownFamilies {
      let head = family.heads.contains(.causalLM) ? ModelHead.causalLM : .maskedLM
      let model = try architecture(family, head)
      guard let saved = try saved(try canonicalGraph(model), of: model, in: layout) else {
        continue
      }
      let tied = model.parameters.filter { $0.tiedTo != nil }.map(\.name)
      let recognized = try RecognizedModel(saved.graph, family: family, head: head)
      let stated = try BoundModel(saved.graph, as: recognized, fill: .zeros(for: anything))
        .statedTies.map(\.second)
      // Either the layout has a place of its own for it, or whoever writes compares.
      #expect(Set(saved.mustEqual.map(\.second) + stated) == Set(tied), "\(family) \(layout)")
    }
  }

  @Test("Damage is noticed", arguments: Layout.allCases, SeededGenerator.seeds)
  func mutations(layout: Layout, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for family in ownFamilies {
      // One head for each seed; the seeds meet them all.
      for head in family.heads.shuffled(using: &generator).prefix(1) {
        guard let sample = try Sample(family, head, layout, seed: seed),
          let saved = try saved(sample.canonical, of: sample.model, in: layout)
        else { continue }
        let names = Array(saved.graph.weights.keys)
        let name = try #require(names.randomElement(using: &generator))
        let extra = ExactName("extra." + name.string)
        for (fault, graph) in [
          ("dropped \(name)", try removing(name, from: saved.graph)),
          ("extra name", try adding(extra, to: saved.graph)),
          ("another shape of \(name)", try cut(name, in: saved.graph)),
        ] {
          #expect(
            try isNoticed(graph, sample, saved, isTied: fault.hasPrefix("dropped")),
            "\(sample.text): \(fault)")
        }
      }
    }
  }

  /// True if the checkpoint is refused, or its report has a problem, or it is another model; or the weight was there
  /// twice.
  private func isNoticed(
    _ graph: WeightGraph, _ sample: Sample, _ saved: SavePlan, isTied: Bool
  ) throws -> Bool {
    guard
      let model = try? RecognizedModel(
        graph, family: sample.model.family, head: sample.model.head),
      model.architecture == sample.model || model.architecture.sizes.heads == nil,
      model.architecture.parameters == sample.model.parameters
    else { return true }
    let loaded = try BoundModel(graph, as: model, fill: .zeros(for: anything))
    if !loaded.report.problems.isEmpty { return true }
    // A tied weight, or one that the layout repeats, may be left out: the other bytes are there.
    return isTied && loaded.graph.weights.count == sample.canonical.weights.count
  }

  private func adding(_ name: ExactName, to graph: WeightGraph) throws -> WeightGraph {
    var graph = graph
    try graph.insert(try weight(try #require(Shape([3])), seed: 1), as: name)
    return graph
  }

  private func cut(_ name: ExactName, in graph: WeightGraph) throws -> WeightGraph {
    try graph.mapWeights { (own, weight) throws(CheckpointError) in
      guard own == name else { return weight }
      let flat = Shape([weight.shape.elementCount, 1, 1, 1])
      return flat.flatMap { try? weight.reshaped($0) } ?? weight
    }
  }

  @Test("A lost layer is missing, but for the last one: only a configuration knows of it")
  func layers() throws {
    let model = try architecture(.bert, .maskedLM, layers: 3)
    let graph = try canonicalGraph(model)
    for layer in 0..<3 {
      let rest = try graph.renamed {
        $0.string.contains(".layer.\(layer).") ? nil : $0
      }
      let recognized = try RecognizedModel(rest)
      let problems = try BoundModel(rest, as: recognized).report.problems
      #expect(recognized.architecture.sizes.layers == (layer == 2 ? 2 : 3))
      #expect(problems.count == (layer == 2 ? 0 : 16))
    }
  }

  @Test(
    "A transposed matrix is noticed by its shape; a square one is not, and outputs have to show it")
  func transposition() throws {
    let graph = try checkpoint(.bert, .maskedLM)
    func turned(_ name: ExactName) throws -> [LoadReport.Entry] {
      let graph = try graph.mapWeights { (own, weight) throws(CheckpointError) in
        own == name ? (try? weight.transposed([1, 0])) ?? weight : weight
      }
      return try plan(graph).report.problems
    }
    #expect(try turned("bert.encoder.layer.1.intermediate.dense.weight").count == 1)
    #expect(try turned("bert.encoder.layer.1.attention.output.dense.weight").isEmpty)
  }
}
