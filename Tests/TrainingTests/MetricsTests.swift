import CheckpointBytes
import TestSupport
import Testing
import Training

/// Metrics against those of scikit-learn, seqeval and SQuAD's scripts (`fixtures/training/metrics.py`).
@Suite struct MetricsTests {
  private let recorded: JSONValue

  init() throws {
    recorded = try JSONValue(
      parsing: Fixture("training/metrics.json").bytes(), context: "metrics")
  }

  private func expect(
    _ found: [(name: String, value: Double)], _ wanted: JSONValue?, _ place: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let members = wanted?.members ?? []
    #expect(found.map(\.name) == members.map(\.key.string), sourceLocation: sourceLocation)
    for (one, member) in zip(found, members) {
      let value = member.value.double ?? .nan
      #expect(abs(one.value - value) < 1e-9, "\(place): \(one)", sourceLocation: sourceLocation)
    }
  }

  @Test("A label that is none counts nowhere")
  func ignoredLabels() {
    func values(_ predictions: [Int], _ labels: [Int], _ classes: Int) -> [Double] {
      Metrics.classification(predictions, labels, classes: classes).map(\.value)
    }
    #expect(values([0, 1, 1], [0, 1, -100], 2) == values([0, 1], [0, 1], 2))
    #expect(values([5], [0], 2).isEmpty && values([0], [-100], 2).isEmpty)
    for classes in [0, -1, .min] { #expect(values([0], [0], classes).isEmpty) }
  }

  private func cases(_ key: ExactName, _ least: Int) throws -> [JSONValue] {
    let cases = try #require(recorded[key]?.elements)
    #expect(cases.count >= least)
    return cases
  }

  private func lists<Value>(
    _ value: JSONValue?, _ element: (JSONValue) -> Value?
  ) -> [[Value]] {
    (value?.elements ?? []).map { ($0.elements ?? []).compactMap(element) }
  }

  @Test("Accuracy, F1 and Matthews' correlation of classes")
  func classification() throws {
    for (number, recorded) in try cases("classification", 8).enumerated() {
      func integers(_ key: ExactName) -> [Int] {
        recorded[key]?.elements?.compactMap(\.integer) ?? []
      }
      expect(
        Metrics.classification(
          integers("predictions"), integers("labels"),
          classes: try #require(recorded["classes"]?.integer)),
        recorded["expected"], "\(number)")
    }
  }

  @Test("Several classes at a time")
  func severalClasses() throws {
    for (number, recorded) in try cases("several_classes", 4).enumerated() {
      func sets(_ key: ExactName) -> [[Bool]] {
        lists(recorded[key]) { $0.integer.map { $0 > 0 } }
      }
      expect(
        Metrics.severalClasses(sets("predictions"), sets("labels")), recorded["expected"],
        "\(number)")
    }
  }

  @Test("Squares and correlations of numbers")
  func regression() throws {
    for (number, recorded) in try cases("regression", 3).enumerated() {
      func numbers(_ key: ExactName) -> [Double] {
        recorded[key]?.elements?.compactMap(\.double) ?? []
      }
      expect(
        Metrics.regression(numbers("predictions"), numbers("labels")), recorded["expected"],
        "\(number)")
    }
  }

  @Test("Entities of the schemes IOB, IOBES and BILOU, and of none")
  func entities() throws {
    for (number, recorded) in try cases("entities", 9).enumerated() {
      expect(
        Metrics.entities(
          lists(recorded["predictions"], \.string), lists(recorded["labels"], \.string)),
        recorded["expected"], "\(number)")
    }
  }

  @Test("Answers, one by one and together, where each question has one and where some have none")
  func answers() throws {
    for (key, least, measure) in [
      ("answers", 20, Metrics.answers), ("answers_or_none", 28, Metrics.answersOrNone),
    ] as [(ExactName, Int, ([String], [[String]]) -> [(name: String, value: Double)])] {
      for recorded in try cases(key, least) {
        let predictions = recorded["predictions"]?.elements?.compactMap(\.string) ?? []
        expect(
          measure(predictions, lists(recorded["answers"], \.string)), recorded["expected"],
          predictions.description)
      }
    }
    #expect(Metrics.answers([], []).isEmpty && Metrics.answersOrNone([], []).isEmpty)
  }

  @Test(
    "Scores make the answers that Transformers' script makes of them, and none where that is likelier"
  )
  func chosen() throws {
    let examples = try #require(recorded["chosen"]?["examples"]?.elements)
    func numbers(_ value: JSONValue?) -> [Float] {
      value?.elements?.compactMap(\.double).map(Float.init) ?? []
    }
    func search(_ examples: [JSONValue]) -> AnswerSearch {
      var search = AnswerSearch()
      for (number, example) in examples.enumerated() {
        for feature in example["features"]?.elements ?? [] {
          let offsets = (feature["offsets"]?.elements ?? []).map { value -> Range<Int>? in
            let ends = value.elements?.compactMap(\.integer) ?? []
            return ends.count == 2 ? ends[0]..<ends[1] : nil
          }
          search.take(
            Passage(
              number: number, context: example["context"]?.string ?? "", offsets: offsets,
              answers: example["answers"]?.elements?.compactMap(\.string) ?? []),
            starts: numbers(feature["start_logits"]), ends: numbers(feature["end_logits"]))
        }
      }
      return search
    }
    let all = search(examples)
    for (mayBeNone, key) in [(false, "answer"), (true, "answer_or_none")] as [(Bool, ExactName)] {
      let found = all.answers(mayBeNone: mayBeNone).map { ExactName($0.found) }
      #expect(found == examples.map { ExactName($0[key]?.string ?? "-") }, "\(key)")
    }
    expect(all.metrics, recorded["chosen"]?["expected_or_none"], "some have no answer")
    let known = search(examples.filter { $0["answers"]?.elements?.isEmpty == false })
    expect(known.metrics, recorded["chosen"]?["expected"], "all have an answer")
  }
}
