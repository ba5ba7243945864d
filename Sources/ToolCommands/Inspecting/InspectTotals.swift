internal import OrderedCollections
internal import Weighbridge

/// What a checkpoint holds altogether, a weight of several names counted once.
struct InspectTotals {
  /// A number of tensors, and what they take.
  struct Count {
    var tensors = 0
    var elements = 0
    var bytes = 0

    fileprivate mutating func add(_ weight: Weight, names: Int) {
      tensors += names
      elements += weight.shape.elementCount
      bytes += weight.byteCount
    }
  }

  private(set) var all = Count()
  /// Those that are not what training leaves.
  private(set) var model = Count()
  /// The others, by what they are.
  private(set) var training: OrderedDictionary<String, Count> = [:]
  private(set) var dtypes: OrderedDictionary<DType, Count> = [:]
  /// How many do not begin at a multiple of their numbers' size.
  private(set) var misaligned = 0

  init(_ rows: [InspectReport.Row], _ ties: [Tie]) {
    let isWhole = rows.count == ties.reduce(0) { $0 + $1.names.count }
    let shown = isWhole ? [] : Set(rows.map(\.name))
    for tie in ties {
      let names = isWhole ? tie.names.count : tie.names.count(where: shown.contains)
      let reason = TrainingState.reason(for: tie.names[0])
      all.add(tie.weight, names: names)
      dtypes[tie.weight.dtype, default: Count()].add(tie.weight, names: names)
      if let reason {
        training[reason, default: Count()].add(tie.weight, names: names)
      } else {
        model.add(tie.weight, names: names)
      }
      if tie.weight.isMisaligned { misaligned += names }
    }
    dtypes.sort { $0.value.bytes > $1.value.bytes }
  }
}

extension InspectTotals {
  /// The head of a report: how many tensors, parameters and bytes, of which types, and what of them is the model.
  var lines: [String] {
    var lines = [size]
    if dtypes.count > 1 {
      lines.append(
        "types: "
          + dtypes.map { "\($0.key) \($0.value.tensors) (\(ByteSize.text($0.value.bytes)))" }
          .joined(separator: ", "))
    }
    guard !training.isEmpty, model.tensors > 0 else { return lines }
    lines.append("of these the model: " + InspectTotals.text(model, "parameter"))
    for (reason, count) in training {
      lines.append("beside it \(reason): " + InspectTotals.text(count, "element"))
    }
    return lines
  }

  /// All of it on one line.
  var size: String {
    let only = dtypes.count == 1 ? dtypes.keys.first.map { ", all \($0)" } ?? "" : ""
    return InspectTotals.text(all, training.isEmpty ? "parameter" : "element") + only
  }

  private static func text(_ count: Count, _ noun: String) -> String {
    let elements =
      count.elements < 10_000
      ? counted(count.elements, noun) : ByteSize.count(count.elements) + " \(noun)s"
    return "\(counted(count.tensors, "tensor")), \(elements), \(ByteSize.text(count.bytes))"
  }

  /// The totals for programs.
  var json: JSONValue {
    func members(_ count: Count) -> [JSONValue.Member] {
      [
        JSONValue.Member("tensors", .integer(count.tensors)),
        JSONValue.Member("elements", .integer(count.elements)),
        JSONValue.Member("bytes", .integer(count.bytes)),
      ]
    }
    return .object(
      members(all) + [
        JSONValue.Member("model", .object(members(model))),
        JSONValue.Member(
          "training",
          .array(
            training.map { reason, count in
              .object([JSONValue.Member("what", .string(reason))] + members(count))
            })),
        JSONValue.Member(
          "dtypes",
          .array(
            dtypes.map { dtype, count in
              .object([JSONValue.Member("dtype", .string(dtype.rawValue))] + members(count))
            })),
        JSONValue.Member("misaligned", .integer(misaligned)),
      ])
  }
}

extension Weight {
  /// True if the elements lie in the file as they are, and begin at no multiple of their numbers' size: who maps the file cannot
  /// use them in place.
  var isMisaligned: Bool {
    guard case .stored(let stored) = expression, stored.isVerbatim,
      let number = stored.dtype.componentByteWidth, number > 1,
      let width = stored.dtype.byteWidth, let range = stored.source.fileRange
    else { return false }
    return !(range.offset + stored.layout.offset * width).isMultiple(of: number)
  }
}
