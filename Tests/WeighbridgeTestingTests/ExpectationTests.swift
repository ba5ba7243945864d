import OrderedCollections
import TestSupport
import Testing
import Weighbridge
import WeighbridgeTesting

@Suite("Expectations under Swift Testing")
struct ExpectationTests {
  private let golden = Fixtures.path("golden/tiny-bert.safetensors")

  @Test("A model that matches its record reports nothing")
  func matches() throws {
    let model = try loadLanguageModel(from: Fixtures.path("tiny-bert"))
    #expect(expectMatches(model, golden: golden))
  }

  @Test("A model that does not is an issue at the caller's line, naming the layer")
  func differs() throws {
    let directory = try TemporaryDirectory()
    let model = try mutated("\"gelu\"", "\"relu\"", in: directory)
    let line = #line + 2
    withKnownIssue {
      expectMatches(model, golden: golden)
    } matching: { issue in
      issue.sourceLocation?.line == line
        && issue.sourceLocation?.fileName == "ExpectationTests.swift"
        && issue.comments.first?.rawValue.contains(
          "first to differ: layer 0, encoder.layer.0 (hidden_states.1)") == true
    }
  }

  @Test("Outputs of a model that is not known here are held against its record")
  func outputs() throws {
    let golden = try GoldenRecord(opening: Fixtures.path("port/golden.safetensors"))
    var outputs = try VerificationReport.Output.all(
      in: Fixtures.path("port/golden.safetensors"), beside: golden)
    #expect(outputs.count == 19)
    #expect(expectMatches(outputs: outputs, golden: golden))
    let last = try #require(outputs.firstIndex { $0.name == "scores" })
    outputs[last].values[4] += 1
    let line = #line + 2
    withKnownIssue {
      expectMatches(outputs: outputs, golden: golden)
    } matching: { issue in
      issue.sourceLocation?.line == line
        && issue.comments.first?.rawValue.hasPrefix(
          "the outputs differ: first to differ: head (scores)") == true
    }
  }

  @Test("A record that cannot be read is an issue, too")
  func unreadable() throws {
    let model = try loadLanguageModel(from: Fixtures.path("tiny-bert"))
    withKnownIssue {
      expectMatches(model, golden: Fixtures.path("golden/absent.safetensors"))
    } matching: {
      $0.comments.first?.rawValue.contains("absent.safetensors") == true
    }
  }

  @Test("Tensors are close or are not, and the place is named")
  func close() {
    #expect(expectClose([1, 2, 3], [1, 2, 3.00001]))
    #expect(expectClose([.nan], [.nan], tolerance: Tolerance()))
    withKnownIssue {
      expectClose([1, 2, 3, 4], [1, 2, 3, 5], shape: [2, 2])
    } matching: {
      $0.comments.first?.rawValue.hasPrefix("at [1, 1]: 4.0 instead of 5.0") == true
    }
    withKnownIssue {
      expectClose([1], [2], name: "logits")
    } matching: {
      $0.comments.first?.rawValue.hasPrefix("logits: at [0]: 1.0 instead of 2.0") == true
    }
    withKnownIssue {
      expectClose([1], [1, 2])
    } matching: {
      $0.comments.first?.rawValue == "1 values, expected 2"
    }
    withKnownIssue {
      expectClose([1, 2], [1, 2], shape: [3])
    } matching: {
      $0.comments.first?.rawValue == "2 values have no shape [3]"
    }
  }

  @Test("Weights of other types are compared by value, those of other shapes are not close")
  func weights() throws {
    let graph = try Checkpoint.open(Fixtures.path("tiny-bert")).graph
    let weight = try #require(graph.weights.values.first)
    #expect(expectClose(weight, weight, tolerance: Tolerance()))
    #expect(expectClose(try weight.cast(to: .f64), weight, tolerance: Tolerance()))
    #expect(expectClose(try weight.cast(to: .f16), weight, tolerance: Tolerance(relative: 1e-3)))
    withKnownIssue { expectClose(try weight.cast(to: .f16), weight, tolerance: Tolerance()) }
    let other = try #require(graph.weights.values.first { $0.shape != weight.shape })
    withKnownIssue {
      expectClose(other, weight)
    } matching: {
      $0.comments.first?.rawValue.hasPrefix("shape ") == true
    }
  }

  /// The model of a fixture with another configuration.
  private func mutated(
    _ text: String, _ other: String, in directory: TemporaryDirectory
  ) throws -> any LanguageModel {
    let configuration = String(
      decoding: try Fixture("tiny-bert/config.json").bytes(), as: UTF8.self)
    let parts = configuration.split(separator: text, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2)
    _ = try directory.write(Array((parts[0] + other + parts[1]).utf8), as: "config.json")
    let path = try directory.write(
      try Fixture("tiny-bert/model.safetensors").bytes(), as: "model.safetensors")
    return try loadLanguageModel(from: path)
  }
}
