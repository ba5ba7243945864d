internal import CheckpointBytes

/// The numbers of the layers that a checkpoint has.
struct LayerNumbers {
  /// In ascending order.
  let numbers: [Int]

  init(_ numbers: some Sequence<Int>) {
    self.numbers = numbers.sorted()
  }

  /// The number of layers, those that are missing before the last included.
  var count: Int { (numbers.last ?? -1) + 1 }

  /// What is odd about them, in words.
  var remarks: [String] {
    guard let first = numbers.first, let last = numbers.last, numbers.count < count else {
      return []
    }
    if first == 1 && numbers.count == last {
      return ["layers are numbered 1…\(last); expected 0…\(last - 1)"]
    }
    let there = Set(numbers)
    let missing = (0...last).filter { !there.contains($0) }
    let isOne = missing.count == 1
    return [
      "\(isOne ? "layer" : "layers") \(folded(missing)) of 0…\(last) "
        + (isOne ? "is missing" : "are missing")
    ]
  }

  /// The number of a name's layer and what follows it, if the name begins so; as Keras counts, nothing stands for 0, and
  /// `_1` for 1.
  static func number(
    in name: ExactName, after start: String, isKeras: Bool
  ) -> (number: Int, end: ExactName)? {
    guard name.string.utf8.starts(with: start.utf8) else { return nil }
    var rest = name.string.utf8.dropFirst(start.utf8.count)
    if isKeras {
      if rest.first == UInt8(ascii: "/") { return (0, ExactName(String(Substring(rest)))) }
      guard rest.popFirst() == UInt8(ascii: "_") else { return nil }
    }
    // Numbers as the layouts write them: no zero in front, and few digits.
    let digits = rest.prefix(5).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard let number = Int(Substring(digits)), String(number).utf8.count == digits.count else {
      return nil
    }
    return (number, ExactName(String(Substring(rest.dropFirst(digits.count)))))
  }
}
