import CheckpointBytes
import Conversion
import LayoutRules
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

@Suite struct CommonNamesTests {
  @Test(
    "Weights under a variant's own names are compared with the same ones under names that do not tell it",
    arguments: ["CamembertForMaskedLM", "XLMRobertaModel", "XLMRobertaForSequenceClassification"])
  func variants(_ className: String) throws {
    let files = try ListedFile.all(in: "layouts/keras_forms.txt").filter {
      $0.className == className && $0.form.hasPrefix("resized")
    }
    #expect(files.map(\.form) == ["resized", "resized-objects"])
    let graphs = try files.map { file throws -> WeightGraph in
      var graph = WeightGraph()
      for (name, shape) in file.shapes {
        let zeros = MemoryBytes(Array(repeating: 0, count: shape.elementCount), origin: file.form)
        let tensor = try StoredTensor(
          source: zeros, dtype: .u8, layout: StridedLayout(packed: shape))
        try graph.insert(Weight(tensor), as: ExactName(name))
      }
      return graph
    }
    let names = try CommonNames(graphs[0], graphs[1])
    let models = try #require(names.models)
    #expect(models.first.architecture.family != models.second.architecture.family)
    #expect(Array(names.first.weights.keys) == Array(names.second.weights.keys))
    #expect(
      names.first.weights["roberta.embeddings.word_embeddings.weight"]?.shape.dimensions == [
        67, 24,
      ])
  }
}
