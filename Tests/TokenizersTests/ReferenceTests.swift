import CheckpointBytes
import Testing
import TestSupport
import Tokenizers

/// What the reference made of strings, for each tokenizer as Transformers saves it and from its vocabulary files.
@Suite struct ReferenceTests {
  @Test(
    arguments: ["bert-uncased", "bert-cased", "gpt2", "roberta", "xlm-roberta", "camembert"],
    ["", "-files"])
  func `strings have the reference's ids, offsets and decoded text`(
    name: String, form: String
  ) throws {
    let tokenizer = try Tokenizer.load(from: directory(name + form))
    let strings = try #require(try fixture("strings.json").elements).map { $0.string ?? "" }
    let expected = try #require(try fixture("\(name)/expected.json").elements)
    #expect(strings.count == expected.count && strings.count > 100)
    for (index, text) in strings.enumerated() {
      let answer = try #require(expected[index].elements)
      let one = try tokenizer.encode(text)
      #expect(one.ids == answer[0].numbers, "\(Exact(text))")
      #expect(one.ends == answer[1].numbers, "\(Exact(text))")
      let two = try tokenizer.encode(text, pair: strings[(index + 1) % strings.count])
      #expect(two.ids == answer[2].numbers, "\(Exact(text))")
      #expect(two.typeIDs.map(String.init).joined() == answer[3].string)
      #expect(Exact(tokenizer.decode(one.ids)) == Exact(answer[4].string))
      #expect(
        Exact(tokenizer.decode(one.ids, skipSpecialTokens: true)) == Exact(answer[5].string))
    }
  }

  @Test func `encodings are cut and filled up as the reference does it`() throws {
    let cases = try #require(try fixture("cases.json").elements)
    #expect(cases.count == 64)
    for (number, item) in cases.enumerated() {
      let name = try #require(item["tokenizer"]?.string)
      let tokenizer = try Tokenizer(contentsOf: directory(name) + "/tokenizer.json")
      let text = try #require(item["text"]?.string)
      let pair = item["pair"]?.string
      let options = EncodingOptions(
        addsSpecialTokens: item["special"] == .boolean(true),
        truncation: try item["truncation"].map(truncation),
        padding: try item["padding"].map(padding))
      guard let expected = item["encoding"], expected != .null else {
        #expect(throws: CheckpointError.self, "case \(number)") {
          try tokenizer.encode(text, pair: pair, options: options)
        }
        continue
      }
      let found = try tokenizer.encode(text, pair: pair, options: options)
      #expect(found.ids == expected["ids"]?.numbers, "case \(number)")
      #expect(found.tokens == expected["tokens"]?.elements?.map { $0.string ?? "" })
      #expect(found.typeIDs == expected["types"]?.numbers)
      #expect(found.attentionMask == expected["attention"]?.numbers)
      #expect(found.specialTokensMask == expected["special"]?.numbers)
      #expect(found.ends == expected["offsets"]?.numbers)
      #expect(found.wordIDs.map { $0 ?? -1 } == expected["words"]?.numbers)
      #expect(found.sequenceIDs.map { $0 ?? -1 } == expected["sequences"]?.numbers)
      #expect(found.overflowing.map(\.ids) == expected["overflowing"]?.elements?.map(\.numbers))
    }
  }

  private func truncation(_ value: JSONValue) throws -> Truncation {
    Truncation(
      maximumLength: try #require(value["max_length"]?.integer),
      strategy: try #require(
        value["strategy"]?.string.flatMap { Truncation.Strategy(rawValue: $0) }),
      side: try #require(value["direction"]?.string.flatMap { TextSide(rawValue: $0) }),
      stride: try #require(value["stride"]?.integer))
  }

  private func padding(_ value: JSONValue) throws -> Padding {
    Padding(
      value["length"]?.integer.map { .fixed($0) } ?? .longest,
      side: try #require(value["direction"]?.string.flatMap { TextSide(rawValue: $0) }),
      multiple: value["pad_to_multiple_of"]?.integer,
      id: try #require(value["pad_id"]?.integer),
      typeID: try #require(value["pad_type_id"]?.integer),
      token: try #require(value["pad_token"]?.string))
  }
}
