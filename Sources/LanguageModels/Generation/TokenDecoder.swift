internal import CheckpointBytes

/// A causal language model in the middle of some texts: it has seen the prompts, and takes one token of each text at a time.
protocol TokenDecoder {
  /// The number of scores of a row.
  var vocabularySize: Int { get }

  /// The scores of the token after each prompt, `[text, vocabulary]`.
  mutating func begin() throws(CheckpointError) -> [Float]

  /// Appends a token to each text, and gives the scores of the next, `[text, vocabulary]`. A text that is given none stays as
  /// it is, and its scores mean nothing.
  mutating func advance(_ tokens: [Int?]) throws(CheckpointError) -> [Float]

  /// Goes on with other texts: new text `i` is what text `origins[i]` is now.
  mutating func reorder(_ origins: [Int]) throws(CheckpointError)
}
