import CheckpointBytes
import TestSupport
import Testing
import Training

/// In which order examples are taken.
@Suite struct OrderTests {
  @Test("Examples of nearly the same length are neighbours as in Transformers")
  func groups() throws {
    let document = try JSONValue(
      parsing: Fixture("training/length_groups.json").bytes(), context: "cases")
    let cases = try #require(document.elements)
    #expect(cases.count == 6)
    for recorded in cases {
      func integers(_ key: ExactName) -> [Int] {
        recorded[key]?.elements?.compactMap(\.integer) ?? []
      }
      let batch = try #require(recorded["batch"]?.integer)
      let found = ExampleOrder.grouped(
        integers("permutation"), by: integers("lengths"), perStep: batch)
      #expect(found == integers("order") && !found.isEmpty)
    }
  }
}
