import CheckpointBytes
import Testing
import TestSupport
import Tokenizers

/// Texts are cut while they are bytes and their chunks are remembered; nothing of that may show.
@Suite struct ChunkTests {
  /// What texts are made of: what the rules of cutting tell apart, and what they must not.
  private static let parts = [
    "a", "B", "word", "Weighing", "7", "2024", " ", " ", " ", "  ", "   ", "\n", "\r\n",
    "\t", "\u{B}", "\u{C}", "\u{1C}", "\u{0}", "\u{7F}", "'", "'s", "'re", "'ve", "'LL",
    "'ll", "don't", "''d", "!", "...", "[", "[MASK]", "<mask>", "<|endoftext|>", "[SEP",
    "-", "_", "é", "e\u{301}", "\u{301}", "déjà", "\u{A0}", "\u{3000}", "\u{85}",
    "\u{2028}", "\u{200B}", "中文", "。", "한국", "ß", "İ", "Σς", "٣", "½", "😀", "\u{FFFD}",
    "\u{AD}", "'\u{301}s", "supercalifragilisticexpialidocious", "https://example.org/",
  ]

  private static func text(_ generator: inout SeededGenerator, _ count: Int) -> String {
    (0..<count).reduce(into: "") { text, _ in
      text += parts[generator.number(0...parts.count - 1)]
    }
  }

  private static let names = ["bert-uncased", "bert-cased", "gpt2", "roberta"]

  @Test(arguments: SeededGenerator.seeds)
  func `a text cut into chunks gives what it gives as a whole`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for name in Self.names {
      let tokenizer = try Tokenizer.load(from: directory(name))
      let whole = tokenizer.tokenizingWhole()
      for _ in 0..<200 {
        let text = Self.text(&generator, generator.number(0...40))
        #expect(
          try tokenizer.encode(text) == whole.encode(text), "\(name): \(text.debugDescription)")
      }
    }
  }

  @Test(arguments: names)
  func `chunks may lie over the borders of blocks and windows`(_ name: String) throws {
    let tokenizer = try Tokenizer.load(from: directory(name))
    let whole = tokenizer.tokenizingWhole()
    // A block has 64 bytes and a window 4096: each part comes to lie over either border.
    for part in Self.parts {
      for border in [64, 4096] {
        for before in border - part.utf8.count - 2...border + 1 {
          let text = String(repeating: "to be ", count: 800).prefix(before) + part + "tail"
          #expect(
            try tokenizer.encode(String(text)) == whole.encode(String(text)),
            "\(part.debugDescription) after \(before) bytes")
        }
      }
    }
  }

  @Test(arguments: ["bert-uncased", "roberta"])
  func `more words than are remembered do not change what they mean`(_ name: String) throws {
    let tokenizer = try Tokenizer.load(from: directory(name))
    let whole = tokenizer.tokenizingWhole()
    let text = (0..<150_000).map { "w\($0 * 7919 % 150_000)" }.joined(separator: " ")
    let expected = try whole.encode(text)
    #expect(try tokenizer.encode(text) == expected)
    #expect(try tokenizer.encode(text) == expected)
  }

  @Test(
    arguments: ["bert-uncased", "gpt2", "roberta", "xlm-roberta"],
    SeededGenerator.seeds.prefix(3))
  func `rows are what encodings have in their place`(_ name: String, seed: UInt64) throws {
    let tokenizer = try Tokenizer.load(from: directory(name))
    var generator = SeededGenerator(seed: seed)
    let inputs = (0..<200).map { number in
      TokenizerInput(
        Self.text(&generator, generator.number(0...30)),
        pair: number % 7 == 0 ? Self.text(&generator, 9) : nil)
    }
    var choices = [EncodingOptions(), EncodingOptions(addsSpecialTokens: false)]
    for side in TextSide.allCases {
      choices.append(EncodingOptions(truncation: Truncation(maximumLength: 9, side: side)))
      choices.append(
        EncodingOptions(truncation: Truncation(maximumLength: 12, side: side, stride: 2)))
    }
    choices.append(EncodingOptions(splitsSpecialTokens: true))
    if tokenizer.paddingTokenID != nil { choices.append(EncodingOptions(padding: Padding())) }
    for options in choices {
      let batch = try tokenizer.encodeBatch(inputs, options: options)
      let ids = try tokenizer.encodeRows(inputs, options: options)
      let placed = try tokenizer.encodeRows(inputs, placesTokens: true, options: options)
      try #require(ids.count == batch.count && placed.count == batch.count)
      #expect(ids.offsets == nil)
      #expect(placed.ids == ids.ids && placed.rowEnds == ids.rowEnds)
      for (row, encoding) in batch.enumerated() {
        #expect(ids[row].map { Int($0) } == encoding.ids, "row \(row), \(options)")
        let offsets = placed.offsets?[placed.range(ofRow: row)].map {
          Int($0.lowerBound)..<Int($0.upperBound)
        }
        #expect(offsets == encoding.offsets, "row \(row), \(options)")
      }
    }
  }

  @Test(arguments: Truncation.Strategy.allCases, TextSide.allCases)
  func `what is not kept of a text changes nothing of what is`(
    _ strategy: Truncation.Strategy, side: TextSide
  ) throws {
    let tokenizer = try Tokenizer.load(from: directory("bert-uncased"))
    let text = "the needle and the thread"
    for (length, addsSpecialTokens, isCut) in [
      (3, true, true), (0, false, true), (9, true, true), (100, true, false),
    ] {
      func encoded(keepsOverflow: Bool) throws -> Encoding {
        try tokenizer.encode(
          text, pair: text,
          options: EncodingOptions(
            addsSpecialTokens: addsSpecialTokens,
            truncation: Truncation(
              maximumLength: length, strategy: strategy, side: side, keepsOverflow: keepsOverflow)))
      }
      guard let whole = try? encoded(keepsOverflow: true) else {
        #expect(throws: CheckpointError.self) { try encoded(keepsOverflow: false) }
        continue
      }
      let found = try encoded(keepsOverflow: false)
      #expect(whole.isTruncated == isCut && whole.overflowing.isEmpty != isCut, "to \(length)")
      #expect(found.isTruncated == isCut && found.overflowing.isEmpty, "to \(length)")
      #expect(found.ids == whole.ids && found.offsets == whole.offsets, "to \(length)")
      #expect(found.typeIDs == whole.typeIDs && found.sequenceIDs == whole.sequenceIDs)
    }
  }

  @Test func `rows fail where encodings fail`() throws {
    let tokenizer = try Tokenizer.load(from: directory("bert-uncased"))
    for truncation in [
      Truncation(maximumLength: 1), Truncation(maximumLength: 6, stride: 5),
      Truncation(maximumLength: 5, strategy: .onlySecond),
    ] {
      let options = EncodingOptions(truncation: truncation)
      let inputs = ["a", "the needle and the thread", "b"]
      let error = try #require(throws: CheckpointError.self) {
        try tokenizer.encodeBatch(inputs, options: options)
      }
      #expect(throws: error) { try tokenizer.encodeRows(inputs, options: options) }
      #expect(throws: error) {
        try tokenizer.encodeRows(inputs, placesTokens: true, options: options)
      }
    }
    #expect(try tokenizer.encodeRows([String]()).count == 0)
    #expect(try tokenizer.encodeRows(["a"]).range(ofRow: 1).isEmpty)
  }
}
