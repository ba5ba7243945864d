internal import CheckpointBytes

extension LoadReport {
  /// The report for people: entries that differ in the number of the layer only are one line,
  /// `layer.{0…11}.output.dense.weight`.
  public var lines: [String] { LoadReport.lines(entries) }

  /// The problems for people, folded likewise.
  public var problemLines: [String] { LoadReport.lines(problems) }

  /// Entries for people, folded likewise.
  ///
  /// - Parameters:
  ///   - entries: What became of each name.
  ///   - isWriting: True if parameters become what is stored (``SavePlan/entries``).
  public static func lines(_ entries: [Entry], isWriting: Bool = false) -> [String] {
    var order: [[String]] = []
    var numbers: [[String]: [Int]] = [:]
    for entry in entries {
      let stored = entry.stored.map { numbered($0) }
      let parameters = entry.parameters.map { numbered($0) }
      let sides = [stored, parameters].map { $0.map(\.text).joined(separator: " + ") }
      let key = [
        entry.outcome.rawValue, sides[isWriting ? 1 : 0], sides[isWriting ? 0 : 1],
        entry.detail ?? "",
        entry.suggestion.map { "did you mean " + quoted($0.string) + "?" } ?? "",
      ]
      if numbers[key] == nil { order.append(key) }
      numbers[key, default: []] += (stored + parameters).compactMap(\.number)
    }
    return order.map { key in
      let range = folded(numbers[key] ?? [])
      let names = [key[1], key[2]].filter { !$0.isEmpty }
        .map { $0.split(separator: mark, omittingEmptySubsequences: false) }
        .map { $0.joined(separator: range) }
      let unique = names.count == 2 && names[0] == names[1] ? [names[0]] : names
      return ([key[0] + " " + unique.joined(separator: " => ")] + key[3...].filter { !$0.isEmpty })
        .joined(separator: ": ")
    }
  }
}

/// Stands for the number in a folded name; names from files are escaped, so that none contains it.
private let mark: Character = "\u{1}"

private func numbered(_ name: ExactName) -> (text: String, number: Int?) {
  let text = singleLine(name.string)
  let scalars = Array(text.unicodeScalars)
  func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
  func isBorder(_ scalar: Unicode.Scalar) -> Bool { "._/".unicodeScalars.contains(scalar) }
  var start = 0
  while start < scalars.count {
    var end = start
    while end < scalars.count, isDigit(scalars[end]) { end += 1 }
    let isWhole =
      end > start && (start == 0 || isBorder(scalars[start - 1]))
      && end < scalars.count && isBorder(scalars[end])
    var digits = String.UnicodeScalarView()
    digits.append(contentsOf: scalars[start..<end])
    if isWhole, let number = Int(String(digits)) {
      var folded = String.UnicodeScalarView()
      folded.append(contentsOf: scalars[..<start])
      folded.append(contentsOf: mark.unicodeScalars)
      folded.append(contentsOf: scalars[end...])
      return (String(folded), number)
    }
    start = max(end, start + 1)
  }
  return (text, nil)
}

/// `3` for one number, `{0…11}` for a run, `{0…2,5}` for several.
func folded(_ numbers: [Int]) -> String {
  var runs: [ClosedRange<Int>] = []
  for number in Set(numbers).sorted() {
    if let last = runs.last, last.upperBound == number - 1 {
      runs[runs.count - 1] = last.lowerBound...number
    } else {
      runs.append(number...number)
    }
  }
  let texts = runs.map { run in
    run.count == 1 ? "\(run.lowerBound)" : "\(run.lowerBound)…\(run.upperBound)"
  }
  let isOne = runs.count == 1 && runs[0].count == 1
  return isOne ? texts[0] : "{" + texts.joined(separator: ",") + "}"
}
