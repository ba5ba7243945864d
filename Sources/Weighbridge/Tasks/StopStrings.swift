internal import CheckpointBytes
internal import Synchronization
internal import Tokenizers

/// Tells when one of some texts has been written (`StopStringCriteria`, Transformers 5.23): when it ends within the last token,
/// wherever it begins.
final class StopStrings: Sendable {
  private let strings: [[UInt8]]
  private let tokenizer: Tokenizer
  /// The tokens of a text that others go on with.
  private let beginning: [String]
  private let texts = Mutex<[Int: [UInt8]]>([:])

  /// Nil if there are none.
  init?(_ strings: [String], _ tokenizer: Tokenizer) throws(CheckpointError) {
    guard !strings.isEmpty else { return nil }
    self.strings = strings.map { Array($0.utf8) }
    self.tokenizer = tokenizer
    beginning = try tokenizer.encode(
      "abcdef", options: EncodingOptions(addsSpecialTokens: false)
    ).tokens
  }

  /// True if a text ends with one of the strings, or with more of its last token behind one.
  func end(_ tokens: [Int]) -> Bool {
    guard let last = tokens.last else { return false }
    let longest = strings.map(\.count).max() ?? 0
    var tail = text(of: last)
    let lastCount = tail.count
    for token in tokens.dropLast().reversed() where tail.count - lastCount < longest {
      tail = text(of: token) + tail
    }
    let lastStart = tail.count - lastCount
    return strings.contains { string in
      // Where it may end: behind the first byte of the last token, at the earliest.
      guard tail.count >= string.count, lastCount > 0 else { return false }
      return (max(lastStart + 1, string.count)...max(tail.count, lastStart + 1, string.count))
        .contains { end in
          end <= tail.count && tail[(end - string.count)..<end].elementsEqual(string)
        }
    }
  }

  private func text(of token: Int) -> [UInt8] {
    if let known = texts.withLock({ $0[token] }) { return known }
    let text = tokenizer.bytes(ofTokenWithID: token, after: beginning)
    texts.withLock { $0[token] = text }
    return text
  }
}
