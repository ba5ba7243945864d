import CheckpointBytes
import TensorEngine
import TestSupport
import Testing
import Weighbridge

/// The numbers of heads that a checkpoint lacks, as `_init_weights` of Transformers 5.23 draws them: normally distributed with the mean 0 and
/// the deviation `initializer_range`, biases 0, norms 1.
@Suite struct DrawnParametersTests {
  private static let range = 0.3
  private static let seeds: [UInt64] = Array(1...24)

  private func source(_ task: String, _ tokenizer: String) throws -> (ModelFixture, ModelSource) {
    let range = try JSONValue(parsing: Array("\(Self.range)".utf8), context: "range")
    let model = try ModelFixture(
      task: task, tokenizer: tokenizer, changes: [("initializer_range", range)])
    return (model, try ModelSource(model.path))
  }

  private func data(_ kind: TrainingTask.Kind) throws -> TrainingData {
    TrainingData(
      (0..<24).map { number in
        let members: [(ExactName, JSONValue)] =
          switch kind {
          case .tokenClassification:
            [("tokens", .array([.string("a")])), ("ner_tags", .array([.string("l\(number)")]))]
          default: [("text", .string("a day")), ("label", .string("l\(number)"))]
          }
        return DataRow(.object(members.map { JSONValue.Member($0.0, $0.1) }), file: "rows")
      })
  }

  /// The new parameters by their names.
  private func drawn(
    _ source: ModelSource, _ kind: TrainingTask.Kind, seed: UInt64
  ) throws -> [(name: String, extents: [Int], values: [Float])] {
    let task = try TrainingTask(kind, of: data(kind))
    let trainable = try source.trainable(for: task, seed: seed)
    return try trainable.newParameters.map { name in
      let parameter = try #require(trainable.model.parameters[name])
      return (name, parameter.extents, try parameter.values.tensor(in: ExecutionContext()).values)
    }
  }

  @Test(
    "Weights have the mean and the spread that the settings say, biases are 0, norms 1",
    arguments: [
      (
        "bert-masked", "bert-uncased", TrainingTask.Kind.classification,
        ["classifier.weight", "classifier.bias"]
      ),
      (
        "bert-classifier", "bert-uncased", .tokenClassification,
        ["classifier.weight", "classifier.bias"]
      ),
      (
        "bert-classifier", "bert-uncased", .questionAnswering,
        ["qa_outputs.weight", "qa_outputs.bias"]
      ),
      (
        "bert-classifier", "bert-uncased", .maskedLM,
        [
          "cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",
          "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",
        ]
      ),
      (
        "roberta-masked", "roberta", .classification,
        [
          "classifier.dense.weight", "classifier.dense.bias", "classifier.out_proj.weight",
          "classifier.out_proj.bias",
        ]
      ), ("gpt2", "gpt2", .classification, ["score.weight"]),
    ])
  func spread(
    _ task: String, _ tokenizer: String, _ kind: TrainingTask.Kind, _ expected: [String]
  ) throws {
    let (model, source) = try source(task, tokenizer)
    var numbers: [Double] = []
    for seed in Self.seeds {
      let found = try drawn(source, kind, seed: seed)
      #expect(Set(found.map(\.name)).isSuperset(of: expected), "\(found.map(\.name))")
      for (name, extents, values) in found {
        guard extents.count < 2 else {
          numbers += values.map(Double.init)
          continue
        }
        let value: Float = name.hasSuffix("weight") ? 1 : 0
        #expect(values.allSatisfy { $0 == value }, "\(name)")
      }
    }
    let count = Double(numbers.count)
    #expect(count >= 300, "\(model.path)")
    let mean = numbers.reduce(0, +) / count
    let square = numbers.reduce(0) { $0 + $1 * $1 } / count
    // Five standard errors each: of the mean, the mean square, and of the shares within one and two deviations.
    #expect(abs(mean) < 5 * Self.range / count.squareRoot(), "mean \(mean) of \(count)")
    #expect(
      abs(square / (Self.range * Self.range) - 1) < 5 * (2 / count).squareRoot(),
      "mean square \(square) of \(count)")
    for (deviations, share) in [(1.0, 0.682_689_492), (2.0, 0.954_499_736)] {
      let within = Double(numbers.count { abs($0) < deviations * Self.range }) / count
      #expect(
        abs(within - share) < 5 * (share * (1 - share) / count).squareRoot(),
        "\(within) within \(deviations)")
    }
  }

  @Test("One seed draws the same numbers again, another one others, and each parameter its own")
  func seeds() throws {
    let (_, source) = try source("roberta-masked", "roberta")
    let first = try drawn(source, .classification, seed: 7)
    let again = try drawn(source, .classification, seed: 7)
    let other = try drawn(source, .classification, seed: 8)
    #expect(first.map(\.values) == again.map(\.values))
    let weights = first.filter { $0.extents.count > 1 }
    #expect(weights.count == 2 && weights[0].values.first != weights[1].values.first)
    #expect(zip(first, other).allSatisfy { $0.extents.count < 2 || $0.values != $1.values })
  }
}
