import CheckpointBytes
import Testing
import TestSupport
import Tokenizers

/// SentencePiece models beside no `tokenizer.json`.
@Suite struct SentencePieceTests {
  private static let name = "sentencepiece.bpe.model"

  private func model() throws -> [UInt8] {
    try Fixture("tokenizers/xlm-roberta-files/\(Self.name)").bytes()
  }

  private func load(
    _ bytes: [UInt8], as owner: String = "XLMRobertaTokenizer", _ others: [String: String] = [:]
  ) throws -> Tokenizer {
    var contents = others.mapValues { Array($0.utf8) }
    contents[Self.name] = bytes
    let named: TokenizerClass = try #require(TokenizerClass(named: owner))
    return try Tokenizer.load(from: "model", contents: contents, as: named)
  }

  private func expect(
    _ kind: FailureKind, at offset: Int? = nil, _ field: String, _ bytes: [UInt8],
    as owner: String = "XLMRobertaTokenizer", sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      throws: CheckpointError(kind, file: "model/" + Self.name, offset: offset, field: field, ""),
      sourceLocation: sourceLocation
    ) { try load(bytes, as: owner) }
  }

  /// A field of a message: a text, bytes or another message.
  private func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    [number << 3 | 2, UInt8(content.count)] + content
  }

  private func piece(_ text: String, score: Float, type: UInt8 = 1) -> [UInt8] {
    let bits = score.bitPattern
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32($0 * 8)) }
    return field(1, field(1, Array(text.utf8)) + [2 << 3 | 5] + bytes + [3 << 3, type])
  }

  private var small: [UInt8] {
    piece("<unk>", score: 0, type: 2) + piece("<s>", score: 0, type: 3)
      + piece("</s>", score: 0, type: 3) + piece("▁", score: -1) + piece("a", score: -1)
  }

  @Test func `pieces stand after the class's own tokens`() throws {
    let tokenizer = try load(small)
    #expect(tokenizer.modelVocabularyCount == 7)
    #expect(try tokenizer.encode("a b").ids == [0, 4, 5, 4, 3, 2])
    #expect(tokenizer.maskTokenID == 6 && tokenizer.paddingTokenID == 1)
    let camembert = try load(small, as: "CamembertTokenizer")
    #expect(try camembert.encode("a b").tokens == ["<s>", "▁", "a", "▁", "b", "</s>"])
    #expect(camembert.beginningTokenID == 5 && camembert.unknownTokenID == 3)
    #expect(camembert.token(withID: 4) == "<unk>NOTUSED" && camembert.maskTokenID == 9)
  }

  @Test func `fields that are not known are passed over`() throws {
    let unknown: [UInt8] = [9 << 3, 0x80, 1, 10 << 3 | 1] + Array(repeating: 7, count: 8)
    #expect(try load(unknown + field(11, [1, 2]) + small).encode("a").ids == [0, 4, 5, 2])
  }

  @Test func `a directory that names no class is asked for one`() throws {
    #expect(throws: CheckpointError(.unsupported, file: "model/" + Self.name, "")) {
      try Tokenizer.load(from: "model", contents: [Self.name: small])
    }
    let stated = ["config.json": Array(#"{"model_type":"camembert"}"#.utf8), Self.name: small]
    #expect(try Tokenizer.load(from: "model", contents: stated).maskTokenID == 9)
  }

  @Test func `what is no model is refused with its place`() throws {
    expect(.malformed, at: 0, "field", [0x07])
    expect(.malformed, at: 0, "field", [0x00, 0x00])
    expect(.truncated, at: 2, "field", [0x0A, 0x05, 0x0A])
    expect(.truncated, at: 1, "field", [0x0A])
    expect(.malformed, at: 1, "number", [0x0A] + Array(repeating: 0xFF, count: 12))
    expect(.truncated, at: 10, "field", [0x0A] + Array(repeating: 0xFF, count: 8) + [0x7F])
    expect(.malformed, at: 0, "pieces", [0x08, 1])
    expect(.malformed, at: 2, "piece", field(1, field(1, [0xFF])))
    expect(.malformed, at: 2, "score", field(1, field(2, [0])))
    expect(.malformed, "pieces", small + piece("b", score: .nan))
    expect(.malformed, "pieces", small + piece("b", score: -.infinity))
    expect(.malformed, "precompiled_charsmap", small + field(3, field(2, [1, 0, 0, 0])))
    // BPE is 2; XLMRobertaTokenizer does not ask, as in the reference.
    let bytePair = small + field(2, [3 << 3, 2])
    expect(.unsupported, "model_type", bytePair, as: "CamembertTokenizer")
    #expect(try load(bytePair).encode("a").ids == [0, 4, 5, 2])
  }

  @Test func `every prefix of a model is refused or is a model`() throws {
    let bytes = try model()
    for count in 0..<bytes.count {
      do {
        _ = try load(Array(bytes.prefix(count))).encode("weigh the words")
      } catch let error as CheckpointError {
        #expect(error.kind != .inputOutput)
      }
    }
  }
}
