internal import CheckpointBytes

/// Models of Ultralytics in YAML: `activation` beside `backbone` and `head` is an expression of Python, which is evaluated when the
/// model is built (`parse_model` in `ultralytics/nn/tasks.py`).
extension ContentWalk {
  mutating func examineActivations(_ bytes: [UInt8], _ place: ScannedContent.Place) {
    let name = place.name.lowercased()
    func holds(_ word: String) -> Bool { bytes.index(of: Array(word.utf8)) != nil }
    guard [".yaml", ".yml"].contains(where: name.hasSuffix), holds("backbone") || holds("head")
    else { return }
    let key = Array("activation".utf8)
    var position = 0
    while let found = bytes.index(of: key, from: position) {
      position = found + key.count
      if found > 0, Self.isOfName(bytes[found - 1]) { continue }
      let behind = bytes[position...].drop { " \t\r\n\"'".utf8.contains($0) }
      guard behind.first == UInt8(ascii: ":") else { continue }
      // No activation is as long, and time stays in proportion whatever stands there.
      let near = behind.dropFirst().prefix(Self.longestActivation)
      let line = Self.line(near)
      let isWhole = near.endIndex == bytes.endIndex
      guard isWhole || line.endIndex < near.endIndex,
        Self.isConstructor(line, before: near[line.endIndex...], isWhole: isWhole)
      else {
        return report(
          code: "an expression as activation of Ultralytics",
          (.dangerous, "is evaluated as Python when the model is built"), at: place)
      }
    }
  }

  /// What is looked at of an activation, with the comments behind it, in bytes.
  private static let longestActivation = 1_024

  /// True for a value that calls nothing, or a class of `torch.nn` with numbers and names, and ends where its line does.
  private static func isConstructor(
    _ line: ArraySlice<UInt8>, before rest: ArraySlice<UInt8>, isWhole: Bool
  ) -> Bool {
    var text = Substring(decoding: line, as: UTF8.self)
    if let comment = text.firstRange(of: " #") { text = text[..<comment.lowerBound] }
    text = text.drop { " \t".contains($0) }
    while let last = text.last, " \t".contains(last) { text.removeLast() }
    if let quote = text.first, "\"'".contains(quote) {
      guard text.count > 1, text.last == quote else { return false }
      text = text.dropFirst().dropLast()
    } else if let first = text.first, "|>*".contains(first) {
      return false
    } else if !ends(before: rest, isWhole: isWhole, isEmpty: text.isEmpty) {
      return false
    }
    for start in ["nn.", "torch.nn."] where text.hasPrefix(start) {
      let call = text.dropFirst(start.count).drop { $0.isLetter || $0.isNumber || $0 == "_" }
      guard call.first == "(", let end = call.firstIndex(of: ")") else { break }
      return !call.dropFirst()[..<end].contains("(") && !call[end...].contains("(")
    }
    return !text.contains("(")
  }

  /// True if a value that stands in no quotes does not go on behind its line: the next key follows, or the elements of a list.
  ///
  /// - Parameters:
  ///   - isWhole: True if nothing comes behind the rest.
  ///   - isEmpty: True if the line has no value.
  private static func ends(
    before rest: ArraySlice<UInt8>, isWhole: Bool, isEmpty: Bool
  ) -> Bool {
    var rest = rest
    while !rest.isEmpty {
      rest = rest.drop { " \t\r\n".utf8.contains($0) }
      guard rest.first == UInt8(ascii: "#") else { break }
      rest = rest[line(rest).endIndex...]
    }
    guard let first = rest.first else { return isWhole }
    if isEmpty, rest.starts(with: "- ".utf8) { return true }
    if "}]".utf8.contains(first) || rest.starts(with: "---".utf8) { return true }
    let word = rest.drop { "\"'".utf8.contains($0) }
    let behind = word.drop { isOfName($0) }.drop { " \t\"'".utf8.contains($0) }
    guard behind.startIndex > word.startIndex, behind.first == UInt8(ascii: ":") else {
      return false
    }
    return behind.dropFirst().first.map { " \t\r\n".utf8.contains($0) } ?? true
  }

  private static func line(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    bytes.prefix { $0 != 0x0A && $0 != 0x0D }
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      || byte == 0x5F || byte >= 0x80
  }
}
