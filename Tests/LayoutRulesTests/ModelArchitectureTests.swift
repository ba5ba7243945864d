import CheckpointBytes
import LayoutRules
import ModelFamilies
import TensorValues
import TestSupport
import Testing

@Suite struct ModelArchitectureTests {
  @Test(
    "Every class has the parameters that Transformers gives it", arguments: ownFamilies)
  func parameters(of family: ModelFamily) throws {
    let name = family == .gpt2 ? "gpt2" : family.name
    let text = String(decoding: try Fixture("layouts/\(name).txt").bytes(), as: UTF8.self)
    let lines = text.split(separator: "\n")
    #expect(lines.count == family.heads.count)
    for line in lines {
      let words = line.split(separator: " ").map { String($0) }
      let head = try #require(family.heads.first { $0.className(in: family) == words[0] })
      let model = try architecture(family, head, layers: 1)
      let found = model.parameters.map { parameter in
        let extents = parameter.shape.dimensions.map { String($0) }.joined(separator: ",")
        return parameter.name.string + "[" + extents + "]"
      }
      #expect(found == Array(words.dropFirst()), "\(words[0])")
    }
  }

  @Test("Embeddings have a map to the model's width only where they have another")
  func projection() throws {
    let narrow = try architecture(.electra, .maskedLM)
    var sizes = narrow.sizes
    sizes.embedding = sizes.hidden
    let wide = try ModelArchitecture(family: .electra, head: .maskedLM, sizes: sizes)
    let map: [ExactName] = [
      "electra.embeddings_project.weight", "electra.embeddings_project.bias",
    ]
    #expect(
      narrow.parameters.map(\.name).filter { !map.contains($0) } == wide.parameters.map(\.name))
    #expect(
      narrow.parameters.filter { map.contains($0.name) }.map(\.shape) == [
        Shape([6, 4]), Shape([6]),
      ])
    let scores = wide.parameters.first { $0.name == "generator_lm_head.weight" }
    #expect(scores?.shape == Shape([11, 6]))
    #expect(scores?.tiedTo == "electra.embeddings.word_embeddings.weight")
  }

  @Test("Sizes that cannot be are refused")
  func sizes() throws {
    for hidden in [0, -1, .max] {
      let sizes = ModelSizes(
        hidden: hidden, layers: 1, intermediate: 4, vocabulary: 4, positions: 4)
      let error = failure { _ = try ModelArchitecture(family: .gpt2, head: .base, sizes: sizes) }
      #expect(error?.kind == .inconsistent)
    }
    #expect(failure { _ = try architecture(.bert, .base, layers: .max) }?.kind == .inconsistent)
    #expect(failure { _ = try architecture(.gpt2, .maskedLM) }?.kind == .inconsistent)
  }
}
