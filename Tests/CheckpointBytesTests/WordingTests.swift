import CheckpointBytes
import Testing

@Suite("What helps is a meaning, and each caller has words of its own for it")
struct WordingTests {
  private let wording: Wording =
    "leave \("it") out with \(remedy: .leaveOut(["a*", "b"])), or \(remedy: .acceptLoss("c"))"

  @Test("A program reads the meanings, in order")
  func meanings() {
    #expect(wording.remedies == [.leaveOut(["a*", "b"]), .acceptLoss("c")])
    #expect(Wording("use --force").remedies.isEmpty)
  }

  @Test("By itself it names what a program can set")
  func ownWords() {
    #expect(
      wording.description
        == "leave it out with ConversionOptions.exclude 'a*', 'b', or ConversionOptions.allowLoss 'c'"
    )
  }

  @Test("A caller's words take the place of the meanings and of nothing else")
  func callersWords() {
    #expect(wording.text { _ in "X" } == "leave it out with X, or X")
    let more: Wording = "no; \(wording)" + "!"
    #expect(more.text { _ in "X" } == "no; leave it out with X, or X!")
    #expect(more.remedies == wording.remedies)
  }

  @Test("Equal sentences are equal, however they were made")
  func equality() {
    let name = "b"
    #expect("a \(name)" as Wording == Wording("a b") && "a " + "b" as Wording == Wording("a b"))
    #expect("\(remedy: .scan)" as Wording != Wording(Remedy.scan.description))
  }

  @Test("An error's line has them too, on one line")
  func errors() {
    let error = CheckpointError(
      .inconsistent, file: "a.bin", "exists already",
      remedy: "use \(remedy: .replaceExisting) to\nreplace it")
    #expect(
      error.description
        == "a.bin: exists already; use ConversionOptions.replacesExisting to\\u{a}replace it")
    #expect(
      error.line { _ in "--force" } == "a.bin: exists already; use --force to\\u{a}replace it")
  }
}
