internal import OrderedCollections
internal import Weighbridge

/// Names by their components, with what each part holds. Layers that are alike are one part.
struct NameTree {
  /// A part of the names, and what is below it.
  final class Node {
    var name: String
    var row: InspectReport.Row?
    var children: OrderedDictionary<String, Node> = [:]
    /// How many parts it stands for.
    var times = 1
    private(set) var tensors = 0
    private(set) var bytes = 0
    /// The same for parts that are alike in everything but their names.
    private(set) var form = ""

    init(_ name: String) { self.name = name }

    fileprivate func finish() {
      let inner = Array(children.values)
      for child in inner { child.finish() }
      tensors = inner.reduce(row == nil ? 0 : 1) { $0 + $1.tensors * $1.times }
      // A weight of several names is stored once.
      let own = row.map { $0.tiedTo == nil ? $0.weight.byteCount : 0 } ?? 0
      bytes = inner.reduce(own) { $0 + $1.bytes * $1.times }
      form =
        (row.map { "\($0.weight.dtype)\($0.weight.shape)\($0.tiedTo?.string ?? "")" } ?? "")
        + "(" + inner.map { $0.name + $0.form }.joined(separator: ",") + ")"
      fold()
      joinOnlyChild()
    }

    /// Numbered parts that are alike become one.
    private func fold() {
      var folded: [Node] = []
      for child in children.values {
        if let last = folded.last, let number = Int(child.name), last.form == child.form,
          last.lastNumber == number - 1
        {
          last.times += 1
          last.lastNumber = number
          last.name = "{\(number - last.times + 1)…\(number)}"
        } else {
          child.lastNumber = Int(child.name)
          folded.append(child)
        }
      }
      children = OrderedDictionary(uniqueKeysWithValues: folded.map { ($0.name, $0) })
    }

    fileprivate var lastNumber: Int?

    private func joinOnlyChild() {
      guard row == nil, children.count == 1, let only = children.values.first, only.times == 1,
        !name.isEmpty
      else { return }
      name += separator + only.name
      row = only.row
      children = only.children
    }

    fileprivate var separator = "."
  }

  private let root = Node("")

  init(_ rows: [InspectReport.Row]) {
    let slash = UInt8(ascii: "/")
    let isHDF5 = rows.contains { $0.name.string.utf8.contains(slash) }
    let border = isHDF5 ? slash : UInt8(ascii: ".")
    for row in rows {
      var node = root
      for part in row.name.string.utf8.split(separator: border, omittingEmptySubsequences: false) {
        let text = String(Substring(part))
        if let next = node.children[text] {
          node = next
        } else {
          let next = Node(text)
          next.separator = isHDF5 ? "/" : "."
          node.children[text] = next
          node = next
        }
      }
      node.row = row
    }
    root.finish()
  }

  /// The tree as lines.
  func lines(_ style: TextStyle, showsStatistics: Bool) -> [String] {
    var table = TextTable(.name("tensor"), .text("dtype"), .text("shape"), .number("bytes"))
    func add(_ node: Node, _ front: String, _ inner: String) {
      let times = node.times > 1 ? "\(node.times) × " : ""
      if let row = node.row {
        table.add(
          [
            front + singleLine(node.name), row.weight.dtype.rawValue, row.weight.shape.description,
            row.tiedTo == nil ? times + ByteSize.text(row.weight.byteCount) : "tied",
          ], below: showsStatistics ? row.statistics.map { [inner + $0.line] } ?? [] : [])
      } else {
        table.add(
          [
            front + singleLine(node.name), "", times + counted(node.tensors, "tensor"),
            times + ByteSize.text(node.bytes),
          ], .heading)
      }
      for (place, child) in node.children.values.enumerated() {
        let isLast = place == node.children.count - 1
        add(child, inner + (isLast ? "└─ " : "├─ "), inner + (isLast ? "   " : "│  "))
      }
    }
    for node in root.children.values { add(node, "", "") }
    return table.lines(style)
  }
}
