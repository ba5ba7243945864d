internal import CheckpointBytes
internal import TensorEngine
internal import Tokenizers

extension TrainingTask {
  static let sentenceKeys = ["sentences"]

  /// Pairs of neighbouring parts of documents, and of parts of two documents (`create_pretraining_data.py` of BERT,
  /// `TextDatasetForNextSentencePrediction` of Transformers 4.57): label 0 for a second part that follows, 1 for one of elsewhere.
  ///
  /// - Throws: `inconsistent` for fewer than two documents, or a length without room for two tokens.
  func pairs(
    _ data: TrainingData, _ tokenizer: Tokenizer, _ length: Int, _ takesTypes: Bool, seed: UInt64
  ) throws(CheckpointError) -> [TrainingExample] {
    let documents = try Self.documents(data, tokenizer)
    guard documents.count > 1 else {
      throw CheckpointError(
        .inconsistent, file: data.rows.first?.file, field: "documents",
        "expected two at least, as second sentences come from others, found \(documents.count)",
        remedy: "an empty line of a text file ends a document, and so does a row of other files")
    }
    let room = length - (try tokenizer.encode("", pair: "", options: EncodingOptions())).count
    guard room > 1 else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "maximum length"),
        "\(length) tokens have no room for a token of either sentence")
    }
    let pairs = SentencePairs(documents.map { $0.map(\.count) }, room: room)
    let made = documents.indices.flatMap { pairs.pairs(of: $0, seed: seed) }
    func text(_ part: SentencePairs.Part) -> String {
      documents[part.document][part.sentences].map(\.text).joined(separator: " ")
    }
    let encodings = try tokenizer.encodeBatch(
      made.map { TokenizerInput(text($0.first), pair: text($0.second)) },
      options: Self.cut(to: length, tokenizer))
    return zip(made, encodings).map { pair, encoding in
      var example = TrainingExample(
        ids: encoding.ids, typeIDs: takesTypes ? encoding.typeIDs : nil,
        label: .nextSentence(pair.isOfElsewhere ? 1 : 0))
      example.words = encoding.maskableWords
      return example
    }
  }

  /// A sentence with its number of tokens.
  private struct Sentence {
    let text: String
    let count: Int
  }

  /// The sentences of each document, without those that have no token.
  private static func documents(
    _ data: TrainingData, _ tokenizer: Tokenizer
  ) throws(CheckpointError) -> [[Sentence]] {
    var texts: [[String]] = []
    var last: DataRow?
    for row in data.rows {
      let sentences = try sentences(of: row)
      if let last, row.follows(last) {
        texts[texts.count - 1] += sentences
      } else {
        texts.append(sentences)
      }
      last = row
    }
    let encodings = try tokenizer.encodeBatch(
      Array(texts.joined()), options: EncodingOptions(addsSpecialTokens: false))
    var rest = encodings[...]
    return texts.map { document in
      let counts = rest.prefix(document.count).map(\.count)
      rest = rest.dropFirst(document.count)
      return zip(document, counts).map(Sentence.init).filter { $0.count > 0 }
    }.filter { !$0.isEmpty }
  }

  private static func sentences(of row: DataRow) throws(CheckpointError) -> [String] {
    guard let list = row.value(sentenceKeys) else {
      return try row.text(textKeys).split(whereSeparator: \.isNewline).map(String.init)
    }
    guard let sentences = list.elements?.map(\.string), !sentences.contains(nil) else {
      throw row.failure(.malformed, sentenceKeys[0], "expected a list of texts")
    }
    return sentences.compactMap { $0 }
  }
}

extension DataRow {
  /// True for lines of one text file with no empty one in between: a document.
  fileprivate func follows(_ other: DataRow) -> Bool {
    guard let line, let before = other.line else { return false }
    return file == other.file && line == before + 1 && file.lowercased().hasSuffix(".txt")
  }
}

/// Which sentences make pairs: a matter of their numbers of tokens alone.
struct SentencePairs {
  /// Sentences of a document that follow each other.
  struct Part {
    let document: Int
    let sentences: Range<Int>
  }

  /// Two parts, and whether the second one is of another document.
  struct Pair {
    let first: Part
    let second: Part
    let isOfElsewhere: Bool
  }

  /// The share of documents whose pairs are shorter than they may be (`short_seq_prob`).
  private static let shortShare = 0.1
  /// The share of pairs whose second part is drawn.
  private static let drawnShare = 0.5

  /// The tokens of each sentence by document: two documents at least, none empty.
  private let counts: [[Int]]
  /// The tokens that a pair may have.
  private let room: Int

  init(_ counts: [[Int]], room: Int) {
    self.counts = counts
    self.room = room
  }

  /// The pairs of a document, in its order.
  func pairs(of document: Int, seed: UInt64) -> [Pair] {
    var generator = CounterGenerator(
      seed: seed, .pairs, number: UInt32(truncatingIfNeeded: document))
    let sentences = counts[document]
    var target = room
    if generator.uniform() < Self.shortShare { target = 2 + generator.below(room - 1) }
    var (pairs, start, next, tokens): ([Pair], Int, Int, Int) = ([], 0, 0, 0)
    while next < sentences.count {
      tokens += sentences[next]
      next += 1
      guard next == sentences.count || tokens >= target else { continue }
      let count = next - start
      let middle = start + (count < 2 ? 1 : 1 + generator.below(count - 1))
      let first = Part(document: document, sentences: start..<middle)
      if count == 1 || generator.uniform() < Self.drawnShare {
        let wanted = target - sentences[start..<middle].reduce(0, +)
        pairs.append(
          Pair(
            first: first, second: drawn(besides: document, tokens: wanted, &generator),
            isOfElsewhere: true))
        // What was not used begins the next pair.
        next = middle
      } else {
        let second = Part(document: document, sentences: middle..<next)
        pairs.append(Pair(first: first, second: second, isOfElsewhere: false))
      }
      start = next
      tokens = 0
    }
    return pairs
  }

  /// Sentences of another document, as many as have so many tokens; one at least.
  private func drawn(
    besides document: Int, tokens: Int, _ generator: inout CounterGenerator
  ) -> Part {
    let drawn = generator.below(counts.count - 1)
    let other = drawn < document ? drawn : drawn + 1
    let start = generator.below(counts[other].count)
    var (end, found) = (start, 0)
    repeat {
      found += counts[other][end]
      end += 1
    } while end < counts[other].count && found < tokens
    return Part(document: other, sentences: start..<end)
  }
}

extension Encoding {
  /// A number for the word of each token that may be hidden; nil for special tokens. The words of two texts have different ones.
  var maskableWords: [Int?] {
    let sequences = sequenceIDs
    return ids.indices.map { place in
      guard specialTokensMask[place] == 0 else { return nil }
      // A token of no word is one of its own.
      return wordIDs[place].map { 2 * $0 + (sequences[place] ?? 0) } ?? -place - 1
    }
  }
}
