/// What a template does, as far as names are concerned: which variables are given which values, and which expressions are
/// looked at. The order of statements and their conditions do not matter, but for one thing: a name that nothing before it
/// has set is a variable that the application gives.
struct JinjaProgram {
  /// Something that is set to a value, or to its elements one by one.
  struct Binding {
    enum Target {
      case variable(String)
      /// `ns.attribute`, of whatever namespace.
      case attribute(String)
    }

    var targets: [Target]
    /// nil for text that is put together: `{% set x %}…{% endset %}`.
    let value: JinjaExpression?
    /// How often an element is taken: once for `for x in`, once more for `for x, y in`.
    let elementDepth: Int
  }

  struct Macro {
    var parameters: [String]
  }

  private(set) var bindings: [Binding] = []
  private(set) var expressions: [JinjaExpression] = []
  private(set) var macros: [String: Macro] = [:]
  /// Parameters of `{% call(x) … %}`, which get what the macro gives to `caller`.
  private(set) var callers: [String] = []
  /// Loops that call themselves: their targets, and how often an element is taken of what `loop` is called with.
  private(set) var recursiveLoops: [(targets: [String], elementDepth: Int)] = []
  /// False if a piece of code could not be read.
  private(set) var isUnderstood = true

  /// What is known where a statement stands.
  private struct Scope {
    let word: String
    /// Names that are other variables inside: targets of loops, parameters.
    var renamed: [String: String] = [:]
    /// Names that are set on every way to here.
    var isSet: Set<String> = []
    /// Those that all branches so far set.
    var isSetInAll: Set<String>?
    var hasElse = false
  }
  private var scopes = [Scope(word: "")]
  private var count = 0

  init(_ codes: [JinjaTokens.Code]) {
    for code in codes {
      do {
        if code.isStatement { try read(statement: code.tokens) } else { try read(code.tokens) }
      } catch {
        isUnderstood = false
      }
    }
    if scopes.count > 1 { isUnderstood = false }
  }

  /// The mark of a variable that the application gives.
  static let given = "?"

  private mutating func read(_ tokens: [JinjaTokens.Token]) throws(JinjaParser.NotUnderstood) {
    var parser = JinjaParser(tokens)
    expressions.append(resolved(try parser.tuple()))
    guard parser.isAtEnd else { throw JinjaParser.NotUnderstood() }
  }

  // MARK: Statements

  /// Statements in one another; Python does not compile half as many.
  private static let maximumScopes = 200

  private mutating func read(
    statement tokens: [JinjaTokens.Token]
  ) throws(JinjaParser.NotUnderstood) {
    guard scopes.count <= JinjaProgram.maximumScopes else { throw JinjaParser.NotUnderstood() }
    var parser = JinjaParser(tokens)
    let word = try parser.takeName()
    switch word {
    case "set": try readSet(&parser)
    case "for": try readFor(&parser)
    case "if":
      expressions.append(resolved(try parser.tuple()))
      scopes.append(Scope(word: word))
    case "elif", "else":
      guard let scope = scopes.last, scope.word == "if" || scope.word == "for" else {
        throw JinjaParser.NotUnderstood()
      }
      closeBranch()
      scopes[scopes.count - 1].hasElse = word == "else"
      if word == "elif" { expressions.append(resolved(try parser.tuple())) }
      if scope.word == "for" { scopes[scopes.count - 1].renamed = [:] }
    case "macro":
      let name = try parser.takeName()
      scopes[scopes.count - 1].isSet.insert(name)
      scopes.append(Scope(word: word))
      declare("varargs")
      declare("kwargs")
      declare("caller")
      macros[name] = Macro(parameters: try readParameters(&parser))
    case "call":
      scopes.append(Scope(word: word))
      if parser.peek() == .mark("(") { callers += try readParameters(&parser) }
      expressions.append(resolved(try parser.expression()))
    case "filter":
      expressions.append(resolved(try readFilters(&parser, of: .made)))
      scopes.append(Scope(word: word))
    case "with":
      scopes.append(Scope(word: word))
      while !parser.isAtEnd {
        let target = try readTargets(&parser)
        guard parser.take("=") else { throw JinjaParser.NotUnderstood() }
        let value = resolved(try parser.expression())
        bind(target.map { .variable(declare($0)) }, value, depth: target.count > 1 ? 1 : 0)
        guard parser.take(",") || parser.isAtEnd else { throw JinjaParser.NotUnderstood() }
      }
    case "block":
      _ = try parser.takeName()
      while parser.take(word: "scoped") || parser.take(word: "required") {}
      scopes.append(Scope(word: word))
    case "autoescape":
      expressions.append(resolved(try parser.expression()))
      scopes.append(Scope(word: word))
    case "generation": scopes.append(Scope(word: word))
    case "break", "continue": break
    case _ where word.hasPrefix("end"):
      guard scopes.count > 1, let scope = scopes.last, scope.word == word.dropFirst(3) else {
        throw JinjaParser.NotUnderstood()
      }
      close()
      // Blocks may be closed by their name.
      if word == "endblock", !parser.isAtEnd { _ = try parser.takeName() }
    case "do": expressions.append(resolved(try parser.tuple()))
    // These bring in other templates, which `JinjaTemplate` tells.
    case "include", "import", "from", "extends": return
    default: throw JinjaParser.NotUnderstood()
    }
    guard parser.isAtEnd else { throw JinjaParser.NotUnderstood() }
  }

  private mutating func readSet(_ parser: inout JinjaParser) throws(JinjaParser.NotUnderstood) {
    var targets: [Binding.Target] = []
    var names: [String] = []
    var isTuple = false
    let isBracketed = parser.take("(")
    repeat {
      let name = try parser.takeName()
      if parser.take(".") {
        targets.append(.attribute(try parser.takeName()))
      } else {
        names.append(name)
        targets.append(.variable(name))
        let inner = resolved(name)
        if inner != name, !inner.hasSuffix(JinjaProgram.given) { targets.append(.variable(inner)) }
      }
      if parser.peek() == .mark(",") { isTuple = true }
    } while parser.take(",") && parser.peek() != .mark("=") && parser.peek() != .mark(")")
    if isBracketed, !parser.take(")") { throw JinjaParser.NotUnderstood() }
    if parser.take("=") {
      bind(targets, resolved(try parser.tuple()), depth: isTuple ? 1 : 0)
    } else {
      // `{% set x | upper %}`
      expressions.append(resolved(try readFilters(&parser, of: .made, isFirst: false)))
      bind(targets, nil, depth: 0)
      scopes.append(Scope(word: "set"))
    }
    // A block's variable is set behind its end; it is the same to what is asked here.
    let place = scopes.last?.word == "set" ? scopes.count - 2 : scopes.count - 1
    scopes[place].isSet.formUnion(names)
  }

  private mutating func readFor(_ parser: inout JinjaParser) throws(JinjaParser.NotUnderstood) {
    let names = try readTargets(&parser)
    guard parser.take(word: "in") else { throw JinjaParser.NotUnderstood() }
    let source = resolved(try parser.tuple(hasConditions: false))
    scopes.append(Scope(word: "for"))
    declare("loop")
    let targets = names.map { declare($0) }
    let depth = names.count > 1 ? 2 : 1
    bind(targets.map { .variable($0) }, source, depth: depth)
    if parser.take(word: "if") { expressions.append(resolved(try parser.expression())) }
    if parser.take(word: "recursive") { recursiveLoops.append((targets, depth)) }
  }

  /// `x`, `x, y` or `(x, (y, z))`.
  private mutating func readTargets(
    _ parser: inout JinjaParser
  ) throws(JinjaParser.NotUnderstood) -> [String] {
    var names: [String] = []
    while true {
      switch parser.peek() {
      case .name("in")?, .mark("=")?, nil:
        guard !names.isEmpty else { throw JinjaParser.NotUnderstood() }
        return names
      case .name?: names.append(try parser.takeName())
      default:
        guard parser.take(",") || parser.take("(") || parser.take(")") else {
          throw JinjaParser.NotUnderstood()
        }
      }
    }
  }

  private mutating func readParameters(
    _ parser: inout JinjaParser
  ) throws(JinjaParser.NotUnderstood) -> [String] {
    guard parser.take("(") else { throw JinjaParser.NotUnderstood() }
    var names: [String] = []
    while !parser.take(")") {
      let name = declare(try parser.takeName())
      names.append(name)
      if parser.take("=") { bind([.variable(name)], resolved(try parser.expression()), depth: 0) }
      guard parser.take(",") || parser.peek() == .mark(")") else {
        throw JinjaParser.NotUnderstood()
      }
    }
    return names
  }

  /// `upper | trim`, on text that is put together.
  private func readFilters(
    _ parser: inout JinjaParser, of value: JinjaExpression, isFirst: Bool = true
  ) throws(JinjaParser.NotUnderstood) -> JinjaExpression {
    var value = value
    if isFirst { value = try parser.filter(of: value) }
    while parser.take("|") { value = try parser.filter(of: value) }
    return value
  }

  private mutating func bind(
    _ targets: [Binding.Target], _ value: JinjaExpression?, depth: Int
  ) {
    bindings.append(Binding(targets: targets, value: value, elementDepth: depth))
  }

  // MARK: Names

  /// A variable of its own for a name inside the scope.
  @discardableResult
  private mutating func declare(_ name: String) -> String {
    count += 1
    let variable = "\(name) \(count)"
    scopes[scopes.count - 1].renamed[name] = variable
    return variable
  }

  /// Ends a branch: what it sets is set behind the `if` where all branches do.
  private mutating func closeBranch() {
    let place = scopes.count - 1
    let isSet = scopes[place].isSet
    scopes[place].isSetInAll = scopes[place].isSetInAll.map { $0.intersection(isSet) } ?? isSet
    scopes[place].isSet = []
  }

  private mutating func close() {
    closeBranch()
    let scope = scopes.removeLast()
    let isKept = scope.word == "if" && scope.hasElse || ["set", "filter"].contains(scope.word)
    if isKept { scopes[scopes.count - 1].isSet.formUnion(scope.isSetInAll ?? []) }
  }

  private func resolved(_ name: String) -> String {
    for scope in scopes.reversed() {
      if let variable = scope.renamed[name] { return variable }
      if scope.isSet.contains(name) { return name }
    }
    return name + JinjaProgram.given
  }

  /// An expression whose names are variables.
  private func resolved(_ expression: JinjaExpression) -> JinjaExpression {
    func resolvedAll(_ arguments: [JinjaExpression.Argument]) -> [JinjaExpression.Argument] {
      arguments.map { .init(name: $0.name, isSpread: $0.isSpread, value: resolved($0.value)) }
    }
    return switch expression {
    case .number, .text, .made: expression
    case .name(let name): .name(resolved(name))
    case .group(let elements): .group(elements.map(resolved))
    case .operation(let mark, let operands): .operation(mark, operands.map(resolved))
    case .choice(let operands): .choice(operands.map(resolved))
    case .truth(let operands): .truth(operands.map(resolved))
    case .attribute(let value, let name): .attribute(resolved(value), name)
    case .part(let value, let indexes, let isSlice):
      .part(resolved(value), indexes.map(resolved), isSlice: isSlice)
    case .call(let value, let arguments): .call(resolved(value), resolvedAll(arguments))
    case .filter(let value, let name, let arguments):
      .filter(resolved(value), name, resolvedAll(arguments))
    }
  }
}
