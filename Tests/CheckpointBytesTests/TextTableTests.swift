import CheckpointBytes
import TestSupport
import Testing

@Suite("Tables of texts")
struct TextTableTests {
  @Test("Texts are found by their bytes, whatever the table expected", arguments: [0, 5000])
  func texts(expecting count: Int) {
    var random = SeededGenerator(seed: 1)
    var table = TextTable(expecting: count)
    var numbers: [[UInt8]: UInt32] = [:]
    var texts = ["", "\u{E9}", "e\u{301}", "\0", "\0\0"]
    while texts.count < 5000 {
      // Few letters, so that many texts begin alike and some come twice.
      let letters = random.bytes(random.number(0...20)).map { "abé\u{10348}"[Int($0) % 4] }
      texts.append(String(letters))
    }
    for (place, text) in texts.enumerated() {
      let found = table.insert(text.utf8Span.span, UInt32(place)) { texts[Int($0)] }
      #expect(found == numbers[Array(text.utf8)])
      if found == nil { numbers[Array(text.utf8)] = UInt32(place) }
    }
    #expect(numbers.count < texts.count)
    for text in texts {
      #expect(
        table.number(of: text.utf8Span.span) { texts[Int($0)] } == numbers[Array(text.utf8)])
      let longer = text + "c"
      #expect(table.number(of: longer.utf8Span.span) { texts[Int($0)] } == nil)
    }
  }

  @Test("A number is replaced where that is asked for")
  func replacing() {
    let texts = ["a", "b", "a"]
    var table = TextTable()
    for number in 0..<3 {
      let found = table.insert(
        texts[number].utf8Span.span, UInt32(number), replacing: true
      ) { texts[Int($0)] }
      #expect(found == (number == 2 ? 0 : nil))
    }
    #expect(table.number(of: "a".utf8Span.span) { texts[Int($0)] } == 2)
  }
}

extension String {
  fileprivate subscript(place: Int) -> Character { self[index(startIndex, offsetBy: place)] }
}
