import CheckpointBytes
import Testing

@Suite struct CheckpointErrorTests {
  @Test("A message says what, where, which tensor, what is wrong, and what helps")
  func everything() {
    let error = CheckpointError(
      .malformed, file: "dir/model.bin", member: "archive/data.pkl", offset: 123, field: "REDUCE",
      tensor: "encoder.weight", "expected 5 arguments, found 3", remedy: "save it again")
    #expect(
      error.description == """
        dir/model.bin: archive/data.pkl: tensor 'encoder.weight': REDUCE at byte 123: \
        expected 5 arguments, found 3 (malformed); save it again
        """)
  }

  @Test("What is not known is left out")
  func parts() {
    let nothing = CheckpointError(.mismatch, "shapes differ")
    #expect(nothing.description == "shapes differ")
    let place = CheckpointError(.truncated, file: "a", offset: 8, "expected 4 bytes, found 1")
    #expect(place.description == "a: at byte 8: expected 4 bytes, found 1 (truncated)")
    let field = CheckpointError(.limitExceeded, file: "a", field: "header", "too long")
    #expect(field.description == "a: header: too long (limit exceeded)")
  }

  @Test(
    "The kind ends the sentence where the sentence does not say it",
    arguments: [
      (FailureKind.truncated, "a: x (truncated)"), (.malformed, "a: x (malformed)"),
      (.limitExceeded, "a: x (limit exceeded)"), (.unsupported, "a: x (unsupported)"),
      (.forbidden, "a: x (forbidden)"), (.notFound, "a: x (not found)"), (.mismatch, "a: x"),
      (.inconsistent, "a: x"), (.inputOutput, "a: x"),
    ])
  func kinds(_ kind: FailureKind, _ expected: String) {
    #expect(CheckpointError(kind, file: "a", "x").description == expected)
  }

  @Test("A name from a file cannot break the line, colour the terminal or turn the writing around")
  func oneLine() {
    let error = CheckpointError(
      .malformed, file: "a\nb", member: "c\u{1B}[31m", field: "d\re",
      tensor: "x\u{202E}y\u{2028}\u{0}",
      "bad \u{7F}\u{9B}", remedy: "no\nhope")
    #expect(
      error.description == """
        a\\u{a}b: c\\u{1b}[31m: tensor 'x\\u{202e}y\\u{2028}\\u{0}': d\\u{d}e: \
        bad \\u{7f}\\u{9b} (malformed); no\\u{a}hope
        """)
  }

  @Test("Letters of any script stay as they are")
  func scripts() {
    #expect(quoted("模型 é ё 😀") == "'模型 é ё 😀'")
  }

  @Test("Of a long name both ends are shown")
  func longNames() {
    let name = "first" + String(repeating: "x", count: 100_000) + "last"
    #expect(singleLine(name, limit: 12) == "firstx…xxlast")
    #expect(singleLine("exactly twelve".dropLast(2).description, limit: 12) == "exactly twel")
    #expect(singleLine(name).unicodeScalars.count == 201)
    let error = CheckpointError(
      .malformed, file: name, member: name, tensor: name, name, remedy: Wording(name))
    #expect(error.description.unicodeScalars.count < 6000)
  }

  @Test("Errors are equal in kind, place and tensor, whatever they say")
  func equality() {
    let error = CheckpointError(.malformed, file: "a", offset: 1, tensor: "t", "one wording")
    #expect(error == CheckpointError(.malformed, file: "a", offset: 1, tensor: "t", "another"))
    #expect(error != CheckpointError(.truncated, file: "a", offset: 1, tensor: "t", "one wording"))
    #expect(error != CheckpointError(.malformed, file: "a", offset: 2, tensor: "t", "one wording"))
    #expect(error != CheckpointError(.malformed, file: "a", offset: 1, tensor: "u", "one wording"))
  }

  @Test("A failure in a buffer gets its place in the checkpoint on the way up")
  func locatingFailures() {
    let expected = CheckpointError(
      .truncated, file: "f", member: "m", offset: 1005, field: "length", tensor: "t", "")
    #expect(throws: expected) {
      try locating(file: "f", member: "m", base: 1000, tensor: "t") { () throws(ParseFailure) in
        throw ParseFailure(.truncated, at: 5, "length", "expected 8 bytes, found 2")
      }
    }
    // A failure that knows its tensor keeps it.
    let own = ParseFailure(.malformed, "header", tensor: "mine", "").located(file: "f", tensor: "t")
    #expect(own.tensor == "mine")
  }

  @Test("A name becomes an argument that a shell takes whole, and that matches the name")
  func shellPatterns() {
    #expect(shellPattern("encoder.weight") == "'encoder.weight'")
    #expect(
      shellPattern("callbacks.Model{'monitor': 'val'}.best")
        == #"'callbacks.Model{'\''monitor'\'': '\''val'\''}.best'"#)
    #expect(shellPattern("a\n\tb") == "'a??b'")
    #expect(shellPattern("a*") == "'a?'")
    let long = "start." + String(repeating: "x", count: 300) + ".end"
    let pattern = shellPattern(long)
    #expect(pattern.utf8.count < 200)
    #expect(NamePattern(String(pattern.dropFirst().dropLast())).matches(ExactName(long)))
  }
}
