internal import Weighbridge

/// Rows whose names differ in one number only, put together: `layer.{0…11}.weight`.
struct FoldedNames {
  /// One row, or several that are alike.
  struct Group {
    let name: String
    let first: InspectReport.Row
    let count: Int
    /// The bytes of all together, where they are not alike.
    let total: Int?

    init(_ row: InspectReport.Row) {
      name = row.name.string
      first = row
      count = 1
      total = nil
    }

    fileprivate init(_ name: String, _ rows: [InspectReport.Row]) {
      self.name = name
      first = rows[0]
      count = rows.count
      total = nil
    }

    /// What training leaves under one name: nobody looks at it tensor by tensor.
    fileprivate init(training name: String, _ rows: [InspectReport.Row]) {
      self.name = name
      first = rows[0]
      count = rows.count
      total = rows.reduce(0) { $0 + $1.weight.byteCount }
    }
  }

  private struct Key: Hashable {
    let prefix: ExactName
    let suffix: ExactName
    let dtype: DType
    let shape: Shape
  }

  /// What stands at one place: a row by its own, or all that share a key.
  private enum Entry {
    case row(Int)
    case rows(Key)
  }

  let groups: [Group]

  init(_ rows: [InspectReport.Row]) {
    let training = FoldedNames.training(rows)
    let folded = training.filter { $0.rows.count > 1 }
    let names = Set(folded.flatMap { $0.rows.map(\.name) })
    groups =
      FoldedNames.layers(names.isEmpty ? rows : rows.filter { !names.contains($0.name) })
      + folded.map { Group(training: $0.name, $0.rows) }
  }

  /// What training leaves, by the first component of the names.
  private static func training(
    _ rows: [InspectReport.Row]
  ) -> [(name: String, rows: [InspectReport.Row])] {
    var found: [(name: String, rows: [InspectReport.Row])] = []
    for row in rows where row.training != nil {
      let bytes = row.name.string.utf8
      guard
        let border = bytes.firstIndex(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") })
      else { continue }
      let name = String(row.name.string[...border]) + "*"
      if let place = found.firstIndex(where: { $0.name == name }) {
        found[place].rows.append(row)
      } else {
        found.append((name, [row]))
      }
    }
    return found
  }

  private static func layers(_ rows: [InspectReport.Row]) -> [Group] {
    var order: [Entry] = []
    order.reserveCapacity(rows.count)
    var members: [Key: [(number: Int, row: InspectReport.Row)]] = [:]
    for (place, row) in rows.enumerated() {
      if let (prefix, number, suffix) = FoldedNames.split(row.name.string), row.tiedTo == nil {
        let key = Key(
          prefix: ExactName(prefix), suffix: ExactName(suffix), dtype: row.weight.dtype,
          shape: row.weight.shape)
        if members[key] == nil { order.append(.rows(key)) }
        members[key, default: []].append((number, row))
      } else {
        order.append(.row(place))
      }
    }
    var groups: [Group] = []
    groups.reserveCapacity(order.count)
    for entry in order {
      switch entry {
      case .row(let place): groups.append(Group(rows[place]))
      case .rows(let key): groups += FoldedNames.groups(key, members[key] ?? [])
      }
    }
    return groups
  }

  /// One group of rows whose numbers follow one another; otherwise one for each.
  private static func groups(
    _ key: Key, _ rows: [(number: Int, row: InspectReport.Row)]
  ) -> [Group] {
    let numbers = rows.map(\.number)
    let isRun = zip(numbers, numbers.dropFirst()).allSatisfy { $1 > 0 && $0 == $1 - 1 }
    guard rows.count > 1, isRun else { return rows.map { Group($0.row) } }
    let name = "\(key.prefix){\(numbers[0])…\(numbers[numbers.count - 1])}\(key.suffix)"
    return [Group(name, rows.map(\.row))]
  }

  /// A name with exactly one numeric component, cut around it.
  private static func split(_ name: String) -> (String, Int, String)? {
    let bytes = name.utf8
    var found: Range<String.Index>?
    var (start, isNumber) = (bytes.startIndex, true)
    var place = start
    while true {
      if place < bytes.endIndex, bytes[place] != UInt8(ascii: ".") {
        isNumber = isNumber && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place])
        place = bytes.index(after: place)
        continue
      }
      if isNumber, start < place {
        guard found == nil else { return nil }
        found = start..<place
      }
      guard place < bytes.endIndex else { break }
      place = bytes.index(after: place)
      (start, isNumber) = (place, true)
    }
    guard let found, let number = layerNumber(String(name[found])) else { return nil }
    return (String(name[..<found.lowerBound]), number, String(name[found.upperBound...]))
  }

  /// The number of a layer, as it is written: not `01`, which is another name than `1`, and not `+1`; nil for what is none.
  static func layerNumber(_ text: String) -> Int? {
    guard let number = Int(text), number >= 0, String(number).utf8.elementsEqual(text.utf8) else {
      return nil
    }
    return number
  }
}
