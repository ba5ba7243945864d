package import TensorEngine

/// An example with tokens that are to be guessed, and their labels.
package struct MaskedExample {
  package var ids: [Int]
  package var labels: [Int]
}

/// Which tokens are to be guessed, and what stands in their place (`DataCollatorForLanguageModeling`, Transformers 5.23): of those that are
/// chosen four fifths become the mask, a tenth another token, and a tenth stay. So it is with whole words, as in BERT's own script and in
/// Transformers up to 4.57; 5.23 has the mask in place of all of them.
package struct Masking: Sendable {
  /// The share of tokens that is chosen.
  var rate = 0.15
  /// True if all tokens of a word are chosen together.
  package var takesWholeWords = false
  let maskID: Int
  let vocabularyCount: Int

  package init(maskID: Int, vocabularyCount: Int) {
    self.maskID = maskID
    self.vocabularyCount = vocabularyCount
  }

  /// - Parameter generator: Of a number that stands for the example and the epoch.
  package func callAsFunction(
    _ example: TrainingExample, _ generator: inout CounterGenerator
  ) -> MaskedExample {
    var result = MaskedExample(
      ids: example.ids, labels: Array(repeating: ignoredLabel, count: example.ids.count))
    var word: (number: Int, isChosen: Bool)?
    for (place, id) in example.ids.enumerated() {
      guard let number = example.words[place] else { continue }
      var isChosen = generator.uniform() < rate
      if takesWholeWords {
        if let known = word, known.number == number { isChosen = known.isChosen }
        word = (number, isChosen)
      }
      // As many draws for each token, whatever becomes of it.
      let (kind, other) = (generator.uniform(), generator.uniform())
      guard isChosen else { continue }
      result.labels[place] = id
      if kind < 0.8 {
        result.ids[place] = maskID
      } else if kind < 0.9 {
        result.ids[place] = Int(other * Double(vocabularyCount))
      }
    }
    return result
  }
}

extension TrainingExample {
  /// A number for what each token is hidden with; nil for tokens that are never hidden.
  package var maskedTogether: [Int?] { words }
}
