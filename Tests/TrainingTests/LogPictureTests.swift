import Testing
import Training

/// The picture of a log: what it has in it, and that it is XML.
@Suite struct LogPictureTests {
  private func entry(_ step: Int, _ values: (String, Double)...) -> TrainerState.Entry {
    TrainerState.Entry(
      step: step, epoch: Double(step) / 4, values: values.map { (name: $0.0, value: $0.1) })
  }

  /// An element with its attributes, and the text in it.
  private struct Element {
    let name: String
    var attributes: [String: String] = [:]
    var text = ""
  }

  /// The elements of a document; nil if it is not well formed. What is written here has no comments and no declarations.
  private func elements(_ document: String) -> [Element]? {
    var (rest, elements, open): (Substring, [Element], [Int]) = (document[...], [], [])
    var isClosed = false
    while let tag = rest.firstIndex(of: "<") {
      let text = rest[..<tag]
      guard isText(text) else { return nil }
      if let last = open.last { elements[last].text += text } else if !isBlank(text) { return nil }
      guard let end = rest[tag...].firstIndex(of: ">"), !isClosed else { return nil }
      var inner = rest[rest.index(after: tag)..<end]
      rest = rest[rest.index(after: end)...]
      if inner.hasPrefix("/") {
        guard let last = open.popLast(), elements[last].name == inner.dropFirst() else {
          return nil
        }
        isClosed = open.isEmpty
        continue
      }
      let isEmpty = inner.hasSuffix("/")
      if isEmpty { inner.removeLast() }
      var element = Element(name: String(inner.prefix { $0.isLetter }))
      var written = inner.drop { $0.isLetter }
      guard !element.name.isEmpty else { return nil }
      while let name = written.firstIndex(where: { $0 != " " && $0 != "\n" }) {
        let parts = written[name...].split(
          separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
        guard name > written.startIndex, parts.count == 3, parts[0].hasSuffix("="), isText(parts[1])
        else { return nil }
        let key = String(parts[0].dropLast())
        guard element.attributes.updateValue(String(parts[1]), forKey: key) == nil else {
          return nil
        }
        written = parts[2]
      }
      elements.append(element)
      if !isEmpty { open.append(elements.count - 1) }
    }
    return isClosed && isBlank(rest) ? elements : nil
  }

  private func isBlank(_ text: Substring) -> Bool { text.allSatisfy(\.isWhitespace) }

  /// No sign that has a meaning, and none that XML 1.0 does not have.
  private func isText(_ text: Substring) -> Bool {
    text.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" }
      && text.split(separator: "&", omittingEmptySubsequences: false).dropFirst()
        .allSatisfy { part in ["amp;", "lt;", "gt;"].contains { part.hasPrefix($0) } }
  }

  private func points(_ element: Element) -> [(Double, Double)] {
    (element.attributes["points"] ?? "").split(separator: " ").map {
      let ends = $0.split(separator: ",").compactMap { Double($0) }
      return ends.count == 2 ? (ends[0], ends[1]) : (.nan, .nan)
    }
  }

  private func check(
    _ log: [TrainerState.Entry], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [Element] {
    let text = LogPicture(log).text
    #expect(
      !text.lowercased().contains("nan") && !text.contains("inf"), sourceLocation: sourceLocation)
    return try #require(elements(text), "\(text)", sourceLocation: sourceLocation)
  }

  @Test("A panel for each name, a point for each line of the log, greatest and least beside it")
  func panels() throws {
    let log = [
      entry(2, ("loss", 3), ("learning_rate", 5e-5)), entry(4, ("loss", 1)),
      entry(4, ("eval_loss", 0.25)),
      entry(6, ("loss", 2), ("learning_rate", 1e-5)),
    ]
    let found = try check(log)
    let lines = found.filter { $0.name == "polyline" }
    #expect(lines.map { points($0).count } == [3, 2])
    // 40 to 680 from the first step to the last, 180 high, the highest value at the top.
    #expect(points(lines[0]).map(\.0) == [40, 360, 680])
    #expect(points(lines[0]).map(\.1) == [40, 220, 130])
    #expect(points(lines[1]).map(\.1) == [260, 440])
    let dot = try #require(found.first { $0.name == "circle" })
    #expect(dot.attributes["cx"] == "360.0" && dot.attributes["cy"] == "570.0")
    #expect(found.count { $0.name == "circle" } == 1)
    #expect(
      found.filter { $0.name == "text" }.map(\.text) == [
        "loss", "3.000", "1.000 (step 6)", "learning_rate", "5.000e-5", "1.000e-5 (step 6)",
        "eval_loss", "0.2500", "0.2500 (step 4)",
      ])
    #expect(found[0].attributes["height"] == "700" && found.count { $0.name == "rect" } == 4)
  }

  @Test("One step, equal values and a log of nothing have a place in the middle or none")
  func constant() throws {
    let one = try check([entry(1, ("loss", 0))])
    #expect(one.first { $0.name == "circle" }?.attributes["cy"] == "130.0")
    let equal = try check([entry(1, ("loss", 2)), entry(2, ("loss", 2)), entry(3, ("loss", 2))])
    #expect(
      points(try #require(equal.first { $0.name == "polyline" })).map(\.1) == [130, 130, 130])
    // Two lines of one step.
    let same = try check([entry(3, ("loss", 1)), entry(3, ("loss", 2))])
    #expect(points(try #require(same.first { $0.name == "polyline" })).map(\.0) == [360, 360])
    #expect(try check([]).map(\.name) == ["svg", "rect"])
  }

  @Test(
    "What a checkpoint's log may hold beside that: numbers that are none, the greatest ones, names with signs"
  )
  func unusual() throws {
    let none = try check([entry(1, ("grad_norm", .infinity)), entry(2, ("grad_norm", .nan))])
    #expect(none.filter { $0.name == "text" }.map(\.text) == ["grad_norm"])
    #expect(!none.contains { $0.name == "polyline" || $0.name == "circle" })
    let some = try check([entry(1, ("loss", 1)), entry(2, ("loss", .nan)), entry(3, ("loss", 2))])
    #expect(points(try #require(some.first { $0.name == "polyline" })).count == 2)
    let great = Double.greatestFiniteMagnitude
    let greatest = try check([
      entry(.min, ("loss", -great)), entry(0, ("loss", 0)), entry(.max, ("loss", great)),
    ])
    #expect(
      points(try #require(greatest.first { $0.name == "polyline" })).map(\.1) == [220, 130, 40])
    let named = try check([entry(1, ("<a> & \"b\"\u{0}\n]]>", 1))])
    #expect(named.contains { $0.text.hasPrefix("&lt;a&gt; &amp; \"b\"") })
  }
}
