import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import TensorValues
import TestSupport
import Testing
import WeightGraph

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How far an output is from the float64 reference.
struct Distance {
  /// The largest difference.
  let difference: Double
  /// The largest value of the reference.
  let largest: Double

  init(_ output: ModelOutputs.Output, _ expected: [Double]) {
    let values = output.values
    difference =
      values.count == expected.count
      ? zip(values, expected).map { abs(Double($0) - $1) }.max() ?? 0 : .infinity
    largest = expected.map { abs($0) }.max() ?? 0
  }

  /// Nearly as close as torch's own float32 run. Both are largest errors of a few numbers, so each has its luck: that they are
  /// alike on the whole is another test's matter.
  func isClose(torch: Double) -> Bool {
    difference <= max(3 * torch, 8 * largest * 0x1p-24) && difference <= 1e-5 * largest
  }
}

@Suite struct ReferenceTests {
  @Test("Every class gives what Transformers gives", arguments: RecordedCase.all)
  func reference(_ recorded: RecordedCase) throws {
    let model = try load(
      recorded.className, recorded.configuration,
      try weights(of: recorded.className, in: recorded.family))
    let outputs = try model.run(try recorded.modelInputs(), recorded.options)
    let expected = try recorded.expected()
    #expect(Set(outputs.all.map(\.name)) == Set(expected.keys))
    for output in outputs.all {
      let reference = try #require(expected[output.name])
      #expect(output.dimensions == reference.shape, "\(output.name)")
      let distance = Distance(output, reference.values)
      let torch = try #require(recorded.errors[output.name])
      #expect(
        distance.isClose(torch: torch),
        "\(output.name): \(distance.difference), torch \(torch), of \(distance.largest)")
    }
  }

  @Test("Over all outputs, the errors are those of torch's float32")
  func errors() throws {
    var logarithms: [Double] = []
    for recorded in RecordedCase.all {
      let model = try load(
        recorded.className, recorded.configuration,
        try weights(of: recorded.className, in: recorded.family))
      let expected = try recorded.expected()
      for output in try model.run(try recorded.modelInputs(), recorded.options).all {
        let reference = try #require(expected[output.name])
        let torch = try #require(recorded.errors[output.name])
        let distance = Distance(output, reference.values)
        logarithms.append(log2(distance.difference / torch))
      }
    }
    #expect(logarithms.count > 100)
    let mean = exp2(logarithms.reduce(0, +) / Double(logarithms.count))
    #expect(mean < 1.2, "ours to torch's: \(mean)")
  }

  @Test(
    "A family by another name computes the same bits",
    arguments: RecordedCase.all.filter { $0.family == .roberta })
  func variants(_ recorded: RecordedCase) throws {
    let weights = try weights(of: recorded.className, in: recorded.family)
    func numbers(_ name: String, _ settings: JSONValue) throws -> [String: [Float]] {
      let outputs = try load(name, settings, weights)
        .run(try recorded.modelInputs(), recorded.options)
      return Dictionary(uniqueKeysWithValues: outputs.all.map { ($0.name, $0.values) })
    }
    let expected = try numbers(recorded.className, recorded.configuration)
    let variants = FamilyList.all.families.filter { $0.definition.variantOf == "roberta" }
    #expect(variants.map(\.name) == ["xlm-roberta", "camembert"])
    for family in variants {
      let head = try #require(
        recorded.family.heads.first { head in
          head.className(in: recorded.family) == recorded.className
        })
      let name = try #require(head.className(in: family))
      let members = (recorded.configuration.members ?? []).filter { $0.key != "model_type" }
      let settings = JSONValue.object(
        members + [JSONValue.Member("model_type", .string(family.name))])
      #expect(try numbers(name, settings) == expected)
      #expect(failure { _ = try load(recorded.className, settings, weights) }?.kind == .mismatch)
    }
  }

  @Test("The fixtures hold every class")
  func completeness() {
    let own = FamilyList.all.families.filter { $0.definition.variantOf == nil }
    let names = own.flatMap { family in family.heads.compactMap { $0.className(in: family) } }
    #expect(Set(RecordedCase.all.map(\.className)) == Set(names))
    #expect(ModelClass.names.count == 50 && names.count == 36)
  }
}
