/// An expression of a template.
indirect enum JinjaExpression {
  /// A number, a truth value or `none`.
  case number
  case text(String)
  /// Text that the template puts together.
  case made
  case name(String)
  /// The elements of a list or tuple, the keys and values of a dictionary.
  case group([JinjaExpression])
  /// Operands that are put together by one operator.
  case operation(Character, [JinjaExpression])
  /// One of several: `a if b else c`, `a or b`.
  case choice([JinjaExpression])
  /// A truth value that is made of others: a comparison, a test.
  case truth([JinjaExpression])
  case attribute(JinjaExpression, String)
  case part(JinjaExpression, [JinjaExpression], isSlice: Bool)
  case call(JinjaExpression, [Argument])
  case filter(JinjaExpression, String, [Argument])

  struct Argument {
    var name: String?
    /// True for `*x` and `**x`.
    var isSpread = false
    let value: JinjaExpression
  }
}

/// Reads the expressions of one piece of code (`jinja2/parser.py` of 3.1, from weak to strong operators).
struct JinjaParser {
  typealias Token = JinjaTokens.Token
  /// What cannot be read; Jinja raises an error for it, too, or it is deeper than any real template.
  struct NotUnderstood: Error {}

  /// Real templates have some ten; Python compiles less than 200 brackets in one another.
  private static let maximumDepth = 100

  private let tokens: [Token]
  private var position = 0
  private var depth = 0

  init(_ tokens: [Token]) { self.tokens = tokens }

  var isAtEnd: Bool { position >= tokens.count }

  func peek(_ offset: Int = 0) -> Token? {
    position + offset < tokens.count ? tokens[position + offset] : nil
  }

  mutating func take(_ mark: Character) -> Bool {
    guard peek() == .mark(mark) else { return false }
    position += 1
    return true
  }

  mutating func take(word: String) -> Bool {
    guard peek() == .name(word) else { return false }
    position += 1
    return true
  }

  mutating func takeName() throws(NotUnderstood) -> String {
    guard case .name(let name)? = peek() else { throw NotUnderstood() }
    position += 1
    return name
  }

  private mutating func need(_ mark: Character) throws(NotUnderstood) {
    guard take(mark) else { throw NotUnderstood() }
  }

  private mutating func descend<Result>(
    _ body: (inout JinjaParser) throws(NotUnderstood) -> Result
  ) throws(NotUnderstood) -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= JinjaParser.maximumDepth else { throw NotUnderstood() }
    return try body(&self)
  }

  /// One expression, or several with commas between them as a tuple.
  mutating func tuple(hasConditions: Bool = true) throws(NotUnderstood) -> JinjaExpression {
    let first = try expression(hasConditions: hasConditions)
    guard peek() == .mark(",") else { return first }
    var elements = [first]
    while take(","), canBegin { elements.append(try expression(hasConditions: hasConditions)) }
    return .group(elements)
  }

  private var canBegin: Bool {
    switch peek() {
    case nil, .mark(")")?, .mark("]")?, .mark("}")?, .mark("=")?: false
    default: true
    }
  }

  mutating func expression(
    hasConditions: Bool = true
  ) throws(NotUnderstood) -> JinjaExpression {
    try descend { (parser) throws(NotUnderstood) in
      let value = try parser.alternatives()
      guard hasConditions, parser.peek() == .name("if") else { return value }
      var choices = [value]
      var conditions: [JinjaExpression] = []
      while parser.take(word: "if") {
        conditions.append(try parser.alternatives())
        if parser.take(word: "else") { choices.append(try parser.alternatives()) }
      }
      return .choice(choices + [.truth(conditions)])
    }
  }

  private mutating func alternatives() throws(NotUnderstood) -> JinjaExpression {
    var operands = [try comparison()]
    while take(word: "or") || take(word: "and") { operands.append(try comparison()) }
    return operands.count == 1 ? operands[0] : .choice(operands)
  }

  private mutating func comparison() throws(NotUnderstood) -> JinjaExpression {
    if take(word: "not") {
      return try descend { (parser) throws(NotUnderstood) in .truth([try parser.comparison()]) }
    }
    var operands = [try operation(0)]
    while takeComparison() { operands.append(try operation(0)) }
    return operands.count == 1 ? operands[0] : .truth(operands)
  }

  private mutating func takeComparison() -> Bool {
    switch (peek(), peek(1)) {
    case (.mark("="), .mark("=")), (.mark("!"), .mark("=")), (.mark("<"), .mark("=")),
      (.mark(">"), .mark("=")), (.name("not"), .name("in")):
      position += 2
    case (.mark("<"), _), (.mark(">"), _), (.name("in"), _): position += 1
    default: return false
    }
    return true
  }

  /// `+ -`, then `~`, then `* / // %`, then `**`.
  private static let operators: [Set<Character>] = [["+", "-"], ["~"], ["*", "/", "%"]]

  private mutating func operation(_ level: Int) throws(NotUnderstood) -> JinjaExpression {
    guard level < JinjaParser.operators.count else { return try power() }
    var value = try operation(level + 1)
    var operands: [JinjaExpression] = []
    var last: Character?
    while case .mark(let mark)? = peek(), JinjaParser.operators[level].contains(mark) {
      position += 1
      if mark == "/" { _ = take("/") }
      if let last, last != mark {
        depth += 1
        guard depth <= JinjaParser.maximumDepth else { throw NotUnderstood() }
        value = .operation(last, [value] + operands)
        operands = []
      }
      last = mark
      operands.append(try operation(level + 1))
    }
    return last.map { .operation($0, [value] + operands) } ?? value
  }

  private mutating func power() throws(NotUnderstood) -> JinjaExpression {
    var operands = [try unary()]
    while peek() == .mark("*"), peek(1) == .mark("*") {
      position += 2
      operands.append(try unary())
    }
    return operands.count == 1 ? operands[0] : .operation("-", operands)
  }

  private mutating func unary() throws(NotUnderstood) -> JinjaExpression {
    if take("-") || take("+") {
      return try descend { (parser) throws(NotUnderstood) in
        .operation("-", [.number, try parser.unary()])
      }
    }
    return try postfix(try primary(), hasFilters: true)
  }

  private mutating func primary() throws(NotUnderstood) -> JinjaExpression {
    guard let token = peek() else { throw NotUnderstood() }
    position += 1
    switch token {
    case .number: return .number
    case .name(let name):
      switch name {
      case "true", "false", "none", "True", "False", "None": return .number
      default: return .name(name)
      }
    case .text(var text):
      // `'__cl' 'ass__'` is one text.
      while case .text(let next)? = peek() {
        text += next
        position += 1
      }
      return .text(text)
    case .mark("("):
      if take(")") { return .group([]) }
      let value = try descend { (parser) throws(NotUnderstood) in try parser.tuple() }
      try need(")")
      return value
    case .mark("["):
      var elements: [JinjaExpression] = []
      while !take("]") {
        elements.append(try expression())
        guard take(",") || peek() == .mark("]") else { throw NotUnderstood() }
      }
      return .group(elements)
    case .mark("{"):
      var elements: [JinjaExpression] = []
      while !take("}") {
        elements.append(try expression())
        try need(":")
        elements.append(try expression())
        guard take(",") || peek() == .mark("}") else { throw NotUnderstood() }
      }
      return .group(elements)
    default: throw NotUnderstood()
    }
  }

  private mutating func postfix(
    _ start: JinjaExpression, hasFilters: Bool
  ) throws(NotUnderstood) -> JinjaExpression {
    var value = start
    let outer = depth
    defer { depth = outer }
    while true {
      depth += 1
      guard depth <= JinjaParser.maximumDepth else { throw NotUnderstood() }
      if take(".") {
        if take(.number) {
          value = .part(value, [.number], isSlice: false)
        } else {
          value = .attribute(value, try takeName())
        }
      } else if take("[") {
        value = try part(of: value)
      } else if peek() == .mark("(") {
        value = .call(value, try arguments())
      } else if hasFilters, take("|") {
        value = try filter(of: value)
      } else if hasFilters, take(word: "is") {
        value = try test(of: value)
      } else {
        return value
      }
    }
  }

  private mutating func take(_ token: Token) -> Bool {
    guard peek() == token else { return false }
    position += 1
    return true
  }

  /// A name and its arguments behind `|`.
  mutating func filter(of value: JinjaExpression) throws(NotUnderstood) -> JinjaExpression {
    var name = try takeName()
    while take(".") { name += "." + (try takeName()) }
    return .filter(value, name, peek() == .mark("(") ? try arguments() : [])
  }

  private mutating func test(of value: JinjaExpression) throws(NotUnderstood) -> JinjaExpression {
    _ = take(word: "not")
    _ = try takeName()
    while take(".") { _ = try takeName() }
    if peek() == .mark("(") { return .truth([value] + (try arguments()).map(\.value)) }
    switch peek() {
    case .name(let word)? where ["else", "or", "and", "is", "in", "if", "not"].contains(word):
      return .truth([value])
    case .name?, .text?, .number?, .mark("[")?, .mark("{")?:
      return .truth([value, try postfix(try primary(), hasFilters: false)])
    default: return .truth([value])
    }
  }

  private mutating func part(
    of value: JinjaExpression
  ) throws(NotUnderstood) -> JinjaExpression {
    var indexes: [JinjaExpression] = []
    var isSlice = false
    while !take("]") {
      if take(":") {
        isSlice = true
      } else if take(",") {
        continue
      } else {
        indexes.append(try expression())
      }
    }
    guard isSlice || !indexes.isEmpty else { throw NotUnderstood() }
    return .part(value, indexes, isSlice: isSlice)
  }

  mutating func arguments() throws(NotUnderstood) -> [JinjaExpression.Argument] {
    try need("(")
    var arguments: [JinjaExpression.Argument] = []
    while !take(")") {
      if take("*") {
        _ = take("*")
        arguments.append(.init(isSpread: true, value: try expression()))
      } else if case .name(let name)? = peek(), peek(1) == .mark("="), peek(2) != .mark("=") {
        position += 2
        arguments.append(.init(name: name, value: try expression()))
      } else {
        arguments.append(.init(value: try expression()))
      }
      guard take(",") || peek() == .mark(")") else { throw NotUnderstood() }
    }
    return arguments
  }
}
