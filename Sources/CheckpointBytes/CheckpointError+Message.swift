extension CheckpointError: CustomStringConvertible {
  /// One line: file, member, tensor, place, what was expected and found, and the remedy if there is one.
  public var description: String { line { $0.description } }

  /// The line, in which the remedy stands as a meaning.
  package var wording: Wording {
    guard let remedy else { return Wording(description) }
    var bare = self
    bare.remedy = nil
    return "\(bare.description); \(remedy)"
  }

  /// The line with the caller's own words for remedies.
  public func line(saying words: (Remedy) -> String) -> String {
    var parts: [String] = []
    if let file = site.file { parts.append(singleLine(file)) }
    if let member = site.member { parts.append(singleLine(member)) }
    if let tensor { parts.append("tensor " + quoted(tensor)) }
    switch (site.field, site.offset) {
    case (let field?, let offset?): parts.append("\(singleLine(field)) at byte \(offset)")
    case (let field?, nil): parts.append(singleLine(field))
    case (nil, let offset?): parts.append("at byte \(offset)")
    case (nil, nil): break
    }
    parts.append(singleLine(problem, limit: 600) + (kind.label.map { " (\($0))" } ?? ""))
    let sentence = parts.joined(separator: ": ")
    guard let remedy else { return sentence }
    // Long enough for all names that a remedy may list: half an argument is no remedy.
    return sentence + "; " + singleLine(remedy.text(saying: words), limit: 4_000)
  }
}

extension FailureKind {
  /// The word that a message ends with, where the sentence does not already say it.
  fileprivate var label: String? {
    switch self {
    case .truncated: "truncated"
    case .malformed: "malformed"
    case .limitExceeded: "limit exceeded"
    case .unsupported: "unsupported"
    case .forbidden: "forbidden"
    case .notFound: "not found"
    case .mismatch, .inconsistent, .inputOutput, .cancelled: nil
    }
  }
}

/// Text from a file, quoted and made safe for one line of a terminal: control characters, line and direction marks are
/// escaped, and the middle of anything long is left out.
package func quoted(_ text: String) -> String { "'" + singleLine(text) + "'" }

/// A ``NamePattern`` for a name from a file, as an argument that can be pasted into a shell: within single quotes, a quote
/// of its own as `'\''`. What no line can hold, and a star, become `?` each; the middle of a long name becomes `*`.
package func shellPattern(_ name: String) -> String {
  let limit = 160
  let scalars = name.unicodeScalars
  let isLong = scalars.count > limit
  let ends = [scalars.prefix(isLong ? limit / 2 : limit), scalars.suffix(isLong ? limit / 2 : 0)]
  var pattern = "'"
  for (place, end) in ends.enumerated() {
    if place == 1, isLong, pattern.last != "*" { pattern += "*" }
    for scalar in end {
      if scalar == "'" {
        pattern += "'\\''"
      } else if scalar != "*", !isUnprintable(scalar) {
        pattern.unicodeScalars.append(scalar)
      } else {
        pattern += "?"
      }
    }
  }
  return pattern + "'"
}

/// Text from a file, made safe for one line of a terminal, without quotes. Of text longer than `limit` the middle is left
/// out: both ends of a path or of a tensor's name tell more than its middle does.
package func singleLine(_ text: String, limit: Int = 200) -> String {
  if text.utf8.count <= limit, text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
  let scalars = text.unicodeScalars
  // A scalar has at most four bytes: what is far too long is not counted.
  guard text.utf8.count / 4 > limit || scalars.count > limit else { return escaped(scalars[...]) }
  return escaped(scalars.prefix(limit / 2)) + "…" + escaped(scalars.suffix(limit - limit / 2))
}

/// Text with what cannot be seen spelled out, `\u{202e}`.
///
/// - Parameter backslash: How the backslash is written where the text is going: twice in a string of JSON.
package func escaped(_ scalars: Substring.UnicodeScalarView, backslash: String = "\\") -> String {
  var line = ""
  for scalar in scalars {
    if isUnprintable(scalar) {
      line += backslash + "u{" + String(scalar.value, radix: 16) + "}"
    } else {
      line.unicodeScalars.append(scalar)
    }
  }
  return line
}

private func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
  if (" "..."~").contains(scalar) { return false }
  return switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
  default: false
  }
}
