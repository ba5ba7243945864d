extension ExactName {
  /// The number of single bytes to insert, remove or change to make one name of the other, over the first 200 bytes of each:
  /// for "did you mean".
  package func distance(to other: ExactName) -> Int {
    let first = Array(string.utf8.prefix(200))
    let second = Array(other.string.utf8.prefix(200))
    var row = Array(0...second.count)
    for (index, byte) in first.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for place in second.indices {
        let changed = diagonal + (byte == second[place] ? 0 : 1)
        diagonal = row[place + 1]
        row[place + 1] = min(changed, row[place] + 1, diagonal + 1)
      }
    }
    return row[second.count]
  }
}
