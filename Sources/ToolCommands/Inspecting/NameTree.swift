internal import OrderedCollections
internal import Weighbridge

/// Names by their components, with what each part holds. Layers that are alike are one part.
struct NameTree {
  /// A part of the names, and what is below it.
  final class Node {
    var name: String
    var row: InspectReport.Row?
    /// The parts by their names, which bytes tell apart, while the tree is made.
    fileprivate var named: OrderedDictionary<ExactName, Node> = [:]
    /// The parts as they are shown.
    private(set) var children: [Node] = []
    /// How many parts it stands for.
    var times = 1
    private(set) var tensors = 0
    private(set) var bytes = 0
    /// The same for parts that are alike in everything but their names.
    private var form = 0

    init(_ name: String) { self.name = name }

    /// - Parameters:
    ///   - folds: True if numbered parts that are alike become one.
    ///   - forms: What parts look like, each with the number of its form.
    fileprivate func finish(
      _ order: InspectReport.Order?, folds: Bool, _ forms: inout [ExactName: Int]
    ) {
      let inner = Array(named.values)
      for child in inner { child.finish(order, folds: folds, &forms) }
      tensors = inner.reduce(row == nil ? 0 : 1) { $0 + $1.tensors * $1.times }
      // A weight of several names is stored once.
      let stored = row.map { $0.tiedTo == nil ? $0.weight.byteCount : 0 } ?? 0
      bytes = inner.reduce(stored) { $0 + $1.bytes * $1.times }
      let own =
        row.map { "\($0.weight.dtype)\($0.weight.shape)\($0.tiedTo?.string ?? "")" } ?? ""
      let look = ExactName(
        own + "(" + inner.map { "\($0.name)\0\($0.form)" }.joined(separator: ",") + ")")
      form = forms[look] ?? forms.count
      forms[look] = form
      if folds { fold() } else { children = inner }
      sort(order)
      joinOnlyChild()
    }

    /// Numbered parts that are alike become one.
    private func fold() {
      var folded: [Node] = []
      for child in named.values {
        let number = FoldedNames.layerNumber(child.name)
        if let last = folded.last, let number, number > 0,
          last.form == child.form,
          last.lastNumber == number - 1
        {
          last.times += 1
          last.lastNumber = number
          last.name = "{\(number - last.times + 1)…\(number)}"
        } else {
          child.lastNumber = number
          folded.append(child)
        }
      }
      children = folded
    }

    fileprivate var lastNumber: Int?

    /// Puts the parts in order; what is alike stays in the file's.
    private func sort(_ order: InspectReport.Order?) {
      children = children.enumerated().sorted { left, right in
        let (first, second) = (left.element, right.element)
        switch order {
        case .size where first.bytes * first.times != second.bytes * second.times:
          return first.bytes * first.times > second.bytes * second.times
        case .name where ExactName(first.name) != ExactName(second.name):
          return ExactName(first.name) < ExactName(second.name)
        default: return left.offset < right.offset
        }
      }.map(\.element)
    }

    private func joinOnlyChild() {
      guard row == nil, children.count == 1, let only = children.first, only.times == 1,
        !name.isEmpty
      else { return }
      name += separator + only.name
      row = only.row
      children = only.children
    }

    fileprivate var separator = "."
  }

  private let root = Node("")
  /// What a name has beyond is the last part's: a tree is walked by calls within calls, and no model is so deep.
  private static let greatestDepth = 64

  /// - Parameters:
  ///   - rows: The tensors.
  ///   - sort: By name, or by the size of each part as a whole, the largest first; else as they are in the file.
  ///   - folds: True if numbered parts that are alike become one.
  init(_ rows: [InspectReport.Row], sort: InspectReport.Order?, folds: Bool) {
    let slash = UInt8(ascii: "/")
    let isHDF5 = rows.contains { $0.name.string.utf8.contains(slash) }
    let border = isHDF5 ? slash : UInt8(ascii: ".")
    for row in rows {
      var node = root
      let parts = row.name.string.utf8.split(
        separator: border, maxSplits: Self.greatestDepth, omittingEmptySubsequences: false)
      for part in parts {
        let text = String(Substring(part))
        if let next = node.named[ExactName(text)] {
          node = next
        } else {
          let next = Node(text)
          next.separator = isHDF5 ? "/" : "."
          node.named[ExactName(text)] = next
          node = next
        }
      }
      node.row = row
    }
    var forms: [ExactName: Int] = [:]
    root.finish(sort, folds: folds, &forms)
  }

  /// The tree as lines.
  func lines(_ style: TextStyle, showsStatistics: Bool) -> [String] {
    var table = TextTable(.name("tensor"), .text("dtype"), .text("shape"), .number("bytes"))
    func add(_ node: Node, _ front: String, _ inner: String) {
      let times = node.times > 1 ? "\(node.times) × " : ""
      // A tensor at the top has no branch that its statistics could stand beside.
      let below = inner.isEmpty ? "  " : inner
      if let row = node.row {
        table.add(
          [
            front + singleLine(node.name), row.weight.dtype.rawValue, row.weight.shape.description,
            row.tiedTo == nil ? times + ByteSize.text(row.weight.byteCount) : "tied",
          ], below: showsStatistics ? row.statistics.map { [below + $0.line] } ?? [] : [])
      } else {
        table.add(
          [
            front + singleLine(node.name), "", times + counted(node.tensors, "tensor"),
            times + ByteSize.text(node.bytes),
          ], .heading)
      }
      for (place, child) in node.children.enumerated() {
        let isLast = place == node.children.count - 1
        add(child, inner + (isLast ? "└─ " : "├─ "), inner + (isLast ? "   " : "│  "))
      }
    }
    for node in root.children { add(node, "", "") }
    return table.lines(style)
  }
}
