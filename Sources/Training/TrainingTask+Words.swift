internal import CheckpointBytes
internal import TensorEngine
internal import Tokenizers

extension TrainingTask {
  /// Words with a label each: the first piece of a word has it, the others are ignored (`run_ner.py`, Transformers 5.23).
  func words(
    _ data: TrainingData, _ tokenizer: Tokenizer, _ length: Int, _ takesTypes: Bool
  ) throws(CheckpointError) -> TextExamples {
    let sentences = try data.rows.map {
      (row) throws(CheckpointError) -> (text: String, starts: [Int], classes: [Int]) in
      guard let words = row.value(Self.wordKeys)?.elements?.map(\.string) else {
        throw row.failure(
          .notFound, Self.wordKeys[0], "expected a list of words under \"tokens\" or \"words\"")
      }
      let tags = try LabelSet.labels(of: row, Self.tagKeys)
      guard words.count == tags.count else {
        throw row.failure(
          .mismatch, Self.tagKeys[0], "\(tags.count) labels for \(words.count) words")
      }
      // The words as one text, and where each begins in it, with the space before it, in Unicode scalars. One that is empty has no place.
      var (text, starts, places, end): (String, [Int], [Int], Int) = ("", [], [], 0)
      for (number, word) in words.enumerated() {
        guard let word else {
          throw row.failure(.malformed, Self.wordKeys[0], "word \(number) is no text")
        }
        guard !word.isEmpty else { continue }
        starts.append(end)
        places.append(number)
        let part = text.isEmpty ? word : " " + word
        text += part
        end += part.unicodeScalars.count
      }
      let classes = try tags.map { (tag) throws(CheckpointError) in
        try self.labels.index(of: tag, row, Self.tagKeys[0])
      }
      return (text: text, starts: starts, classes: places.map { classes[$0] })
    }
    return TextExamples(
      rows: data.rows, inputs: sentences.map { TokenizerInput($0.text) }, tokenizer: tokenizer,
      options: Self.cut(to: length, tokenizer)
    ) { number, encoding in
      let (starts, classes) = (sentences[number].starts, sentences[number].classes)
      var labels = Array(repeating: ignoredLabel, count: encoding.count)
      var last: Int?
      for (place, range) in encoding.offsets.enumerated()
      where encoding.specialTokensMask[place] == 0 {
        // A piece may begin with the space before its word, or be that space alone.
        let word = (starts.firstIndex { $0 > range.lowerBound } ?? starts.count) - 1
        if word >= 0, word != last { labels[place] = classes[word] }
        last = word
      }
      return TrainingExample(
        ids: encoding.ids, typeIDs: takesTypes ? encoding.typeIDs : nil, label: .tokens(labels))
    }
  }
}
