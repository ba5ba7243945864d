import CheckpointBytes
import LayoutRules
import Testing

@Suite("Ends of names") struct NameEndsTests {
  @Test("All ends that a name has are found, the shortest first, and no other")
  func numbers() {
    let texts = [".weight", "weight", "embeddings.weight", "_v", "é", "gamma:0", "a.weight"]
    let ends = NameEnds(texts.map { Array($0.utf8) })
    let names: [ExactName] = [
      "", "t", "weight", "a.weight", "ba.weight", "embeddings.weight", "x_embeddings.weight", "_v",
      "weight_v", "e\u{301}", "caf\u{E9}", "gamma:0/", "layer/gamma:0", "Weight",
    ]
    for name in names {
      let found = ends.numbers(of: name)
      let expected = texts.indices.filter { name.hasSuffix(texts[$0]) }
        .sorted { texts[$0].utf8.count < texts[$1].utf8.count }
      #expect(found == expected, "\(name)")
    }
  }

  @Test("Of equal ends the first counts, and every name has the empty one")
  func equalAndEmpty() {
    let ends = NameEnds([[0x61], [], [0x61], []])
    #expect(ends.numbers(of: "ba") == [1, 0])
    #expect(ends.numbers(of: "b") == [1])
    #expect(ends.numbers(of: "") == [1])
    #expect(NameEnds([]).numbers(of: "a").isEmpty)
  }
}
