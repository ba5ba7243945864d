/// A pattern over whole names: `*` stands for any run of characters (none and dots included), `?` for one character;
/// everything else, for itself.
public struct NamePattern: Sendable, Hashable {
  /// The pattern as it was written.
  public let text: String
  private let scalars: [Unicode.Scalar]

  /// Takes a pattern; every text is one.
  public init(_ text: String) {
    self.text = text
    self.scalars = Array(text.unicodeScalars)
  }

  /// True if the pattern matches the whole name.
  public func matches(_ name: ExactName) -> Bool {
    captures(in: name) != nil
  }

  /// What the wildcards stand for, in order, or nil if the pattern does not match. Each `*` takes as little as it can.
  public func captures(in name: ExactName) -> [String]? {
    let text = Array(name.string.unicodeScalars)
    // The usual two-pointer match: on a mismatch the last `*` takes one more.
    var bounds: [(start: Int, end: Int)] = []
    var position = 0
    var index = 0
    var lastStar: (index: Int, position: Int, depth: Int)?
    while true {
      if index < scalars.count, scalars[index] == "*" {
        bounds.append((position, position))
        lastStar = (index, position, bounds.count)
        index += 1
      } else if index < scalars.count, position < text.count,
        scalars[index] == "?" || scalars[index] == text[position]
      {
        if scalars[index] == "?" { bounds.append((position, position + 1)) }
        index += 1
        position += 1
      } else if index == scalars.count, position == text.count {
        break
      } else if let star = lastStar, star.position < text.count {
        lastStar = (star.index, star.position + 1, star.depth)
        bounds.removeSubrange(star.depth...)
        bounds[star.depth - 1].end = star.position + 1
        index = star.index + 1
        position = star.position + 1
      } else {
        return nil
      }
    }
    return bounds.map { bound in
      var view = String.UnicodeScalarView()
      view.append(contentsOf: text[bound.start..<bound.end])
      return String(view)
    }
  }
}

/// A rule that gives names new names: `FROM=>TO`. `FROM` is a ``NamePattern`` over whole names; each wildcard of `TO`
/// stands for what the wildcard at the same place of `FROM` stood for.
public struct RenameRule: Sendable, Hashable {
  /// The rule as it was written.
  public let text: String
  /// Nil for a literal that is no rule.
  private let from: NamePattern?
  private let to: [Unicode.Scalar]

  /// Reads a rule, or nil if there is no `=>`, or `TO` has more wildcards than `FROM`.
  public init?(_ text: String) {
    // By scalars: a mark behind the sign would make another character of it.
    let scalars = Array(text.unicodeScalars)
    guard
      let sign = scalars.indices.dropLast().first(where: {
        scalars[$0] == "=" && scalars[$0 + 1] == ">"
      }), sign > 0
    else { return nil }
    var front = String.UnicodeScalarView()
    front.append(contentsOf: scalars[..<sign])
    self.text = text
    from = NamePattern(String(front))
    to = Array(scalars[(sign + 2)...])
    let wildcards = front.count { $0 == "*" || $0 == "?" }
    guard to.count(where: { $0 == "*" || $0 == "?" }) <= wildcards else { return nil }
  }

  /// The new name, or nil if the rule does not match.
  public func newName(for name: ExactName) -> ExactName? {
    guard let captures = from?.captures(in: name) else { return nil }
    var next = 0
    var result = ""
    for scalar in to {
      if scalar == "*" || scalar == "?" {
        result += captures[next]
        next += 1
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return ExactName(result)
  }
}

extension RenameRule: ExpressibleByStringLiteral {
  /// Takes a literal as a rule. One that is none matches nothing, so that a conversion says that it does.
  public init(stringLiteral value: String) {
    if let rule = RenameRule(value) {
      self = rule
    } else {
      (text, from, to) = (value, nil, [])
    }
  }
}

extension NamePattern: ExpressibleByStringInterpolation {
  /// Takes a literal as a pattern.
  public init(stringLiteral value: String) { self.init(value) }
}
