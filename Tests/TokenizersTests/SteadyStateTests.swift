import TestSupport
import Testing
import Tokenizers

@Suite(
  "The steady state of a tokenizer",
  .enabled(if: Allocations.areCounted, "malloc is not counted here"))
struct SteadyStateTests {
  @Test(
    "A batch of texts asks for its rows' memory, and not once for each text",
    arguments: ["bert-uncased", "gpt2"])
  func batch(_ name: String) throws {
    let tokenizer = try Tokenizer.load(from: Fixtures.path("tokenizers/" + name))
    // Less than what is shared out to threads, so that this one does all of it.
    let texts = (0..<400).map { "the weight of the words \($0 % 5) is what they weigh" }
    /// What the last of several equal batches asks for.
    func settled(_ texts: [String]) throws -> Int {
      var count = 0
      for _ in 0..<4 { count = try Allocations.made { _ = try tokenizer.encodeRows(texts) }.count }
      return count
    }
    let few = try settled(Array(texts[..<40]))
    let many = try settled(texts)
    #expect(many <= few + 4)
  }

  @Test("A new word asks for memory once, whatever merging it takes")
  func newWords() throws {
    let tokenizer = try Tokenizer.load(from: Fixtures.path("tokenizers/gpt2"))
    var random = SeededGenerator(seed: 3)
    let letters = Array("etaoinshrdlu")
    func text() -> String {
      (0..<3000).map { _ in
        String((0..<9).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] })
      }.joined(separator: " ")
    }
    _ = try tokenizer.encodeRows([text()])
    let next = text()
    let made = try Allocations.made { _ = try tokenizer.encodeRows([next]) }
    #expect(made.count <= 3000 + 150)
  }
}
