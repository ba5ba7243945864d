import CheckpointBytes
import Synchronization
import TestSupport
import Testing

@Suite struct LineReaderTests {
  /// The lines of a text as the reader gives them.
  private func lines(
    of text: String, blockByteCount: Int
  ) throws -> [(number: Int, offset: Int, text: String)] {
    let directory = try TemporaryDirectory()
    let path = try directory.write(Array(text.utf8), as: "lines")
    let reader = try LineReader(path: path, blockByteCount: blockByteCount)
    var lines: [(number: Int, offset: Int, text: String)] = []
    while let block = try reader.next() {
      #expect(!block.bytes.isEmpty)
      block.forEachLine { range, number in
        let text = String(decoding: block.bytes[range], as: UTF8.self)
        lines.append((number, block.offset + range.lowerBound, text))
      }
    }
    return lines
  }

  @Test(arguments: [
    "", "\n", "a", "a\n", "a\nb", "\n\na\n\nb\n", "a\r\nbb\r\n", "  \n a \n\n\nlonger line\nx",
    "one line that is much longer than a block has bytes, and goes on\nnext\n\nlast",
  ])
  func `lines are the same whatever the size of a block`(_ text: String) throws {
    var expected: [(number: Int, offset: Int, text: String)] = []
    var offset = 0
    for (place, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
      .enumerated()
    {
      if line.contains(where: { $0 > 0x20 }) {
        expected.append((place + 1, offset, String(decoding: line, as: UTF8.self)))
      }
      offset += line.count + 1
    }
    for size in [1, 2, 3, 5, 7, 16, 1000] {
      let found = try lines(of: text, blockByteCount: size)
      #expect(found.map(\.number) == expected.map(\.number), "blocks of \(size)")
      #expect(found.map(\.offset) == expected.map(\.offset), "blocks of \(size)")
      #expect(found.map(\.text) == expected.map(\.text), "blocks of \(size)")
    }
  }

  @Test(arguments: [1, 2, 3, 4, 1000])
  func `a byte order mark is no part of the first line, and is text elsewhere`(
    _ size: Int
  ) throws {
    let mark = "\u{FEFF}"
    let found = try lines(of: "\(mark)a\n\(mark)b\n", blockByteCount: size)
    // Swift takes a mark and what follows it for one character.
    #expect(found.map { Array($0.text.utf8) } == [Array("a".utf8), Array("\(mark)b".utf8)])
    #expect(found.map(\.number) == [1, 2] && found.map(\.offset) == [3, 5])
    #expect(try lines(of: mark, blockByteCount: size).isEmpty)
    #expect(try lines(of: "\(mark)\n\(mark)", blockByteCount: size).map(\.number) == [2])
  }

  @Test func `a file that is not there is an error`() throws {
    let directory = try TemporaryDirectory()
    #expect(throws: CheckpointError.self) { try LineReader(path: directory.file("none")) }
  }
}

@Suite struct OrderedWorkTests {
  private static func error(_ number: Int) -> CheckpointError {
    CheckpointError(.malformed, file: "part \(number)", "is bad")
  }

  /// What is handed over of parts 0 to 199, of which some fail.
  private func run(
    threads: Int, failing: Set<Int> = [], readingFails: Int? = nil, finishFails: Int? = nil
  ) -> (values: [Int], error: CheckpointError?) {
    let seen = Seen()
    do throws(CheckpointError) {
      try inOrder(
        threadCount: threads,
        next: { () throws(CheckpointError) in
          let number = seen.takeNumber()
          if number == readingFails { throw Self.error(number) }
          return number < 200 ? number : nil
        },
        work: { (number) throws(CheckpointError) in
          if failing.contains(number) { throw Self.error(number) }
          // Parts take different times, so that they end out of order.
          var sum = number
          for step in 0..<(number * 7919 % 13) * 500 { sum = (sum &* 31) ^ step }
          return sum == .min ? -1 : number
        },
        finish: { (value) throws(CheckpointError) in
          if value == finishFails { throw Self.error(value) }
          seen.append(value)
        })
      return (seen.values, nil)
    } catch {
      return (seen.values, error)
    }
  }

  /// What the three closures have in common.
  private final class Seen: Sendable {
    private let next = Mutex(0)
    private let finished = Mutex<[Int]>([])

    var values: [Int] { finished.withLock { $0 } }

    func append(_ value: Int) { finished.withLock { $0.append(value) } }

    func takeNumber() -> Int {
      next.withLock { next in
        defer { next += 1 }
        return next
      }
    }
  }

  @Test(arguments: [1, 2, 3, 8])
  func `results come in order on any number of threads`(_ threads: Int) {
    let (values, error) = run(threads: threads)
    #expect(values == Array(0..<200) && error == nil)
  }

  @Test(arguments: [1, 2, 3, 8])
  func `the first error in order is thrown, after all that comes before it`(_ threads: Int) {
    for first in [0, 1, 50, 199] {
      let (values, error) = run(threads: threads, failing: [first, first + 1, 199])
      #expect(values == Array(0..<first))
      #expect(error == Self.error(first))
    }
    #expect(run(threads: threads, readingFails: 77).values == Array(0..<77))
    #expect(run(threads: threads, readingFails: 77).error == Self.error(77))
    #expect(run(threads: threads, finishFails: 31).values == Array(0..<31))
    #expect(run(threads: threads, finishFails: 31).error == Self.error(31))
  }
}
