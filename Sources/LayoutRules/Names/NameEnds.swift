package import CheckpointBytes

/// Ends of names, looked for from behind: of most names few bytes say that they have none of them.
///
/// A tree of bytes, the last ones first, so that a name is walked once, however many ends there are.
package struct NameEnds: Sendable {
  /// A byte, what may stand before it, and what else may stand in its place; 0 is none.
  private struct Node: Sendable {
    let byte: UInt8
    var before = 0
    var other = 0
    /// The end that is whole here.
    var number: Int?
  }

  private var nodes = [Node(byte: 0)]

  /// Takes ends, which have the numbers of their places; of equal ones the first counts.
  package init(_ ends: [[UInt8]]) {
    for (number, end) in ends.enumerated() {
      var place = 0
      for byte in end.reversed() { place = node(byte, before: place) ?? add(byte, before: place) }
      nodes[place].number = nodes[place].number ?? number
    }
  }

  /// The ends that a name has, the shortest first.
  package func numbers(of name: ExactName) -> [Int] {
    var numbers: [Int] = []
    var place = 0
    if let number = nodes[place].number { numbers.append(number) }
    let bytes = name.string.utf8Span.span
    for index in bytes.indices.reversed() {
      guard let next = node(bytes[index], before: place) else { break }
      place = next
      if let number = nodes[place].number { numbers.append(number) }
    }
    return numbers
  }

  private func node(_ byte: UInt8, before place: Int) -> Int? {
    var next = nodes[place].before
    while next != 0, nodes[next].byte != byte { next = nodes[next].other }
    return next == 0 ? nil : next
  }

  private mutating func add(_ byte: UInt8, before place: Int) -> Int {
    var node = Node(byte: byte)
    node.other = nodes[place].before
    nodes[place].before = nodes.count
    nodes.append(node)
    return nodes.count - 1
  }
}
