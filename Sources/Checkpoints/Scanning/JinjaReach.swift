/// Follows the values of a template to where they name attributes: `x[name]`, `x|attr(name)`, `x|map(attribute=name)`.
///
/// Every variable has one value for the whole template, that of all it is ever set to.
struct JinjaReach {
  enum Name: Int {
    case harmless
    /// The application's own, or a token of the repository.
    case given
    /// Put together in the template.
    case made
    /// One of Python's inner names.
    case inner
  }

  /// The worst name that an attribute is taken by.
  private(set) var worst = Name.harmless
  /// False if the values of variables did not settle.
  private(set) var isSettled = false
  /// True if a text with places for attributes (`{0.a}`) is formatted.
  private(set) var formatsAttributes = false

  private let program: JinjaProgram
  private var variables: [String: JinjaValue] = [:]
  private var attributes: [String: JinjaValue] = [:]
  /// What is put into containers by their methods, and into those of the application.
  private var added = JinjaValue()
  private var addedToData = JinjaValue()
  /// Arguments of calls of which it is not known what they call.
  private var strayArguments = JinjaValue()
  private var callerArguments = JinjaValue()
  private var macroArguments = JinjaValue()
  private var hasFreeMacros = false

  /// Real templates settle after three or four rounds.
  private static let maximumRounds = 24
  /// Real templates have some thousand expressions, which are looked at once a round.
  private static let maximumSteps = 500_000
  private var steps = 0

  init(_ program: JinjaProgram) {
    self.program = program
    for _ in 0..<JinjaReach.maximumRounds where steps <= JinjaReach.maximumSteps {
      let before = (variables, attributes, strayArguments, callerArguments, macroArguments)
      let more = (added, addedToData, hasFreeMacros)
      for binding in program.bindings { follow(binding) }
      for expression in program.expressions { _ = value(of: expression) }
      for name in program.callers { set(name, callerArguments) }
      for loop in program.recursiveLoops {
        var value = strayArguments
        for _ in 0..<loop.elementDepth { value = taken(value) }
        for name in loop.targets { set(name, value) }
      }
      for macro in program.macros.values where hasFreeMacros {
        for name in macro.parameters { set(name, strayArguments) }
      }
      guard
        before == (variables, attributes, strayArguments, callerArguments, macroArguments),
        more == (added, addedToData, hasFreeMacros), steps <= JinjaReach.maximumSteps
      else { continue }
      isSettled = true
      return
    }
  }

  private mutating func set(_ name: String, _ value: JinjaValue) {
    variables[name, default: JinjaValue()].join(value)
  }

  private mutating func follow(_ binding: JinjaProgram.Binding) {
    var value = binding.value.map { self.value(of: $0) } ?? .made
    for _ in 0..<binding.elementDepth { value = taken(value) }
    for target in binding.targets {
      switch target {
      case .variable(let name): set(name, value)
      case .attribute(let name): attributes[name, default: JinjaValue()].join(value)
      }
    }
  }

  // MARK: Names

  /// The variables by which applications hand over conversations, tools and documents.
  private static let conversations: Set<String> = [
    "messages", "tools", "documents", "custom_tools", "builtin_tools", "functions", "conversation",
    "conversations", "chat", "history", "message", "chat_history", "available_tools",
  ]

  /// The name without the mark of what the application gives.
  private static func plain(_ name: String) -> String {
    name.hasSuffix(JinjaProgram.given) ? String(name.dropLast()) : name
  }

  private mutating func value(ofVariable name: String) -> JinjaValue {
    let plain = JinjaReach.plain(name)
    if program.macros[plain] != nil {
      hasFreeMacros = true
      return JinjaValue(.function, depth: 0)
    }
    var value = variables[plain] ?? JinjaValue()
    if plain.hasPrefix("varargs ") || plain.hasPrefix("kwargs ") {
      value.join(macroArguments.joined(strayArguments).contained)
    }
    if plain.hasPrefix("caller ") || plain.hasPrefix("loop ") {
      value.join(JinjaValue(.function, depth: 0))
    }
    guard plain != name else { return value }
    switch plain {
    case "lipsum", "cycler", "joiner", "namespace", "dict", "range", "self", "super":
      value.join(JinjaValue(.function, depth: 0))
    case _ where JinjaReach.conversations.contains(plain): value.join(.data)
    default: value.join(JinjaValue(.given))
    }
    return value
  }

  /// Notes what an attribute or an element is taken by.
  private mutating func note(_ name: JinjaValue) {
    for text in name.texts where JinjaTemplate.isInnerPath(text) { note(.inner) }
    if !name.kinds.isDisjoint(with: [.made, .function, .generator]) { note(Name.made) }
    if name.kinds.contains(.given) { note(.given) }
  }

  private mutating func note(_ name: Name) {
    if name.rawValue > worst.rawValue { worst = name }
  }

  /// An element of a value, with what has been put into it.
  private func taken(_ value: JinjaValue) -> JinjaValue {
    var element = value.element
    if !value.kinds.isDisjoint(with: [.data, .given]) { element.join(addedToData) }
    if value.kinds.contains(.container) { element.join(added) }
    return element
  }

  // MARK: Values

  private mutating func value(of expression: JinjaExpression) -> JinjaValue {
    steps += 1
    guard steps <= JinjaReach.maximumSteps else { return .made }
    switch expression {
    case .number: return .number
    case .text(let text): return JinjaValue(text: text)
    case .made: return .made
    case .name(let name): return value(ofVariable: name)
    case .group(let elements):
      return JinjaValue.any(of: values(of: elements)).contained
    case .choice(let operands): return JinjaValue.any(of: values(of: operands))
    case .truth(let operands):
      _ = values(of: operands)
      return .number
    case .operation(let mark, let operands): return combined(mark, values(of: operands))
    case .attribute(let owner, let name): return attribute(name, of: owner)
    case .part(let owner, let indexes, let isSlice):
      return part(of: owner, by: indexes, isSlice: isSlice)
    case .call(let function, let arguments): return call(function, arguments)
    case .filter(let base, let name, let arguments):
      return filtered(value(of: base), name, arguments)
    }
  }

  private mutating func values(of expressions: [JinjaExpression]) -> [JinjaValue] {
    expressions.map { value(of: $0) }
  }

  private func combined(_ mark: Character, _ operands: [JinjaValue]) -> JinjaValue {
    let all = JinjaValue.any(of: operands)
    let hasNumber = operands.contains(.number)
    switch mark {
    case "+":
      // Numbers are added to numbers only.
      if hasNumber { return .number }
      let isList = operands.contains { $0.kinds.contains(.container) }
      let isText = operands.contains { $0.depth == 0 }
      return isList && !isText ? all : JinjaValue.put(together: operands)
    case "~": return JinjaValue.put(together: operands.map(\.text))
    // Texts and lists can be repeated.
    case "*": return all == .number ? .number : all.cut.joined(all)
    case "%":
      guard operands.first == .number || all.kinds.isSubset(of: [.number, .data, .container]) else {
        return .made
      }
      return .number
    default:
      // Sets of keys can be taken from one another.
      return hasNumber ? .number : all
    }
  }

  private static let loopNumbers: Set<String> = [
    "index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0",
  ]

  private mutating func attribute(_ name: String, of owner: JinjaExpression) -> JinjaValue {
    if case .name(let variable) = owner, variable.hasPrefix("loop ") {
      return JinjaReach.loopNumbers.contains(name) ? .number : .made
    }
    return member(name, of: value(of: owner))
  }

  /// An attribute or element of a known name.
  private func member(_ name: String, of value: JinjaValue) -> JinjaValue {
    var result = attributes[name] ?? JinjaValue()
    result.join(attributes[JinjaProgram.given] ?? JinjaValue())
    // Applications give texts and objects; an attribute of a text is none of the template's choice.
    if !value.kinds.isDisjoint(with: [.data, .given]) { result.join(.data.joined(addedToData)) }
    if value.kinds.contains(.made) || value.kinds.contains(.function) { result.join(.made) }
    if value.kinds.contains(.container) {
      var own = value
      own.kinds.subtract([.data, .given, .made, .function])
      result.join(taken(own))
    } else if !value.kinds.isDisjoint(with: [.number, .plain]) || !value.texts.isEmpty {
      // A method that is not called: its description as text may hold anything.
      result.join(.made)
    }
    return result
  }

  private mutating func part(
    of owner: JinjaExpression, by indexes: [JinjaExpression], isSlice: Bool
  ) -> JinjaValue {
    let value = value(of: owner)
    if !isSlice, indexes.count == 1, case .text(let name) = indexes[0] {
      note(JinjaValue(text: name))
      return member(name, of: value)
    }
    for index in values(of: indexes) { note(index) }
    if isSlice { return value.depth == 0 ? value.cut : value }
    var result = taken(value)
    if value.kinds.contains(.namespace) { for other in attributes.values { result.join(other) } }
    return result
  }

  // MARK: Calls

  private mutating func call(
    _ function: JinjaExpression, _ arguments: [JinjaExpression.Argument]
  ) -> JinjaValue {
    let given = arguments.map { value(of: $0.value) }
    let all = JinjaValue.any(of: given)
    switch function {
    case .name(let name): return call(JinjaReach.plain(name), arguments, given, all)
    case .attribute(.name(let loop), let method) where loop.hasPrefix("loop "):
      return method == "cycle" ? all : .number
    case .attribute(let owner, let method):
      return call(method, of: value(of: owner), owner, given, all)
    default:
      _ = value(of: function)
      strayArguments.join(all)
      return .made
    }
  }

  private mutating func call(
    _ name: String, _ arguments: [JinjaExpression.Argument], _ given: [JinjaValue],
    _ all: JinjaValue
  ) -> JinjaValue {
    let names = JinjaValue.any(of: arguments.compactMap(\.name).map(JinjaValue.init(text:)))
    if let macro = program.macros[name] {
      macroArguments.join(all.joined(names))
      for (index, argument) in arguments.enumerated() {
        if let place = argument.name {
          for name in macro.parameters where name.hasPrefix(place + " ") {
            set(name, given[index])
          }
        } else if argument.isSpread {
          for name in macro.parameters { set(name, taken(given[index])) }
        } else if arguments[..<index].contains(where: \.isSpread) {
          for name in macro.parameters { set(name, given[index]) }
        } else if index < macro.parameters.count {
          set(macro.parameters[index], given[index])
        }
      }
      return .made
    }
    switch name {
    case "range": return .number
    case "raise_exception": return .number
    case "dict": return all.joined(names).contained
    case "namespace":
      for (argument, value) in zip(arguments, given) {
        // `**x` and `namespace(dict)` have names that are not seen here.
        let place = argument.name ?? JinjaProgram.given
        let value = argument.name == nil ? taken(value).joined(value) : value
        attributes[place, default: JinjaValue()].join(value)
      }
      return JinjaValue(.namespace)
    case "strftime_now": return JinjaValue.put(together: given)
    case _ where name.hasPrefix("caller "):
      callerArguments.join(all)
      return .made
    default:
      strayArguments.join(all)
      _ = value(ofVariable: name)
      let isOfTheTemplate =
        variables[name] != nil || !all.kinds.isSubset(of: .harmless)
        || !all.texts.isEmpty
        || ["lipsum", "cycler", "joiner", "super"].contains(name)
      return isOfTheTemplate ? .made : JinjaValue(.data)
    }
  }

  private static let adding: Set<String> = [
    "append", "extend", "insert", "update", "setdefault", "add", "appendleft",
  ]
  private static let cutting: Set<String> = [
    "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "casefold", "swapcase",
    "removeprefix", "removesuffix",
  ]
  private static let splitting: Set<String> = [
    "split", "rsplit", "splitlines", "partition", "rpartition",
  ]
  private static let counting: Set<String> = [
    "find", "rfind", "index", "rindex", "count", "startswith", "endswith", "isdigit", "isalpha",
    "isalnum", "isspace", "isupper", "islower", "isnumeric", "isdecimal", "clear", "remove", "sort",
  ]

  private mutating func call(
    _ method: String, of value: JinjaValue, _ owner: JinjaExpression, _ given: [JinjaValue],
    _ all: JinjaValue
  ) -> JinjaValue {
    strayArguments.join(all)
    if JinjaReach.adding.contains(method) {
      added.join(all.joined(all.element))
      if !value.kinds.isDisjoint(with: [.data, .given]) { addedToData.join(all) }
      return method == "setdefault" ? taken(value).joined(all) : .number
    }
    if JinjaReach.counting.contains(method) { return .number }
    if JinjaReach.cutting.contains(method) { return value.cut }
    if JinjaReach.splitting.contains(method) { return value.cut.contained }
    switch method {
    case "get", "pop": return taken(value).joined(JinjaValue.any(of: Array(given.dropFirst())))
    case "items": return value.contained
    case "keys", "values", "copy": return value
    case "join", "replace", "center", "ljust", "rjust", "zfill", "expandtabs":
      return JinjaValue.put(together: [value.text] + given.map(\.text))
    case "format", "format_map":
      if case .text(let text) = owner {
        formatsAttributes = formatsAttributes || JinjaReach.hasAttributePlaces(text)
      } else if !value.kinds.isSubset(of: .harmless) || !value.texts.isEmpty {
        formatsAttributes = true
      }
      return .made
    default:
      return value.kinds.isSubset(of: [.data, .given, .container]) && value.texts.isEmpty
        && given.isEmpty
        ? .data : .made
    }
  }

  /// True for `{0.a}` and `{a[b]}`.
  private static func hasAttributePlaces(_ text: String) -> Bool {
    text.split(separator: "{", omittingEmptySubsequences: false).dropFirst().contains { part in
      part.prefix { $0 != "}" && $0 != ":" }.contains { $0 == "." || $0 == "[" }
    }
  }

  // MARK: Filters

  private static let numbers: Set<String> = [
    "length", "count", "int", "float", "abs", "round", "wordcount",
  ]
  private static let textual: Set<String> = [
    "trim", "lower", "upper", "title", "capitalize", "escape", "e", "safe", "forceescape",
    "striptags", "string", "tojson", "urlencode", "wordwrap", "filesizeformat", "truncate",
  ]

  private mutating func filtered(
    _ base: JinjaValue, _ name: String, _ arguments: [JinjaExpression.Argument]
  ) -> JinjaValue {
    let given = arguments.map { value(of: $0.value) }
    if let attribute = arguments.firstIndex(where: { $0.name == "attribute" }) {
      note(given[attribute])
    }
    switch name {
    case "attr":
      for name in given { note(name) }
      return member("", of: base)
    case "map": return mapped(base, arguments, given)
    case "selectattr", "rejectattr", "groupby", "sum", "unique", "sort", "max", "min", "join":
      // The place of the attribute among the arguments without names.
      let place = ["selectattr": 0, "rejectattr": 0, "groupby": 0, "sum": 0, "join": 1][name]
      let position = place ?? (name == "sort" ? 2 : 1)
      if position < arguments.count, arguments[position].name == nil { note(given[position]) }
    default: break
    }
    return filtered(base, name, given)
  }

  private mutating func filtered(
    _ base: JinjaValue, _ name: String, _ given: [JinjaValue]
  ) -> JinjaValue {
    if JinjaReach.numbers.contains(name) { return .number }
    if JinjaReach.textual.contains(name) {
      return given.isEmpty ? base.text : JinjaValue.put(together: [base.text] + given.map(\.text))
    }
    func generator(_ value: JinjaValue) -> JinjaValue {
      var value = value
      value.kinds.insert(.generator)
      return value
    }
    let list = (base.depth == 0 ? base.cut.contained : base).without(.generator)
    switch name {
    case "list", "sort": return list
    case "first", "last", "random", "max", "min": return taken(base)
    case "reverse", "select", "reject", "selectattr", "rejectattr", "unique":
      return generator(list)
    case "batch", "slice": return generator(list.joined(JinjaValue.any(of: given)).contained)
    case "groupby", "dictsort": return list.contained
    case "items": return generator(list.contained)
    case "sum": return JinjaValue.any(of: [taken(base)] + given)
    case "default", "d": return JinjaValue.any(of: [base] + given)
    case "join":
      return JinjaValue.put(together: [base.text] + given.map(\.text))
    case "replace", "center", "indent":
      return JinjaValue.put(together: [base.text] + given.map(\.text))
    default:
      let all = JinjaValue.any(of: [base] + given)
      let isData = all.kinds.isSubset(of: .harmless) && all.texts.isEmpty
      return isData && name != "format" && all.kinds.contains(.data) ? .data : .made
    }
  }

  /// `x|map(attribute='a')`, `x|map('filter', …)`.
  private mutating func mapped(
    _ base: JinjaValue, _ arguments: [JinjaExpression.Argument], _ given: [JinjaValue]
  ) -> JinjaValue {
    var result: JinjaValue
    if arguments.contains(where: { $0.name == "attribute" }) {
      result = taken(taken(base)).joined(member("", of: taken(base)))
    } else if case .text(let filter)? = arguments.first?.value {
      let rest = Array(arguments.dropFirst())
      result = filtered(taken(base), filter, rest)
    } else {
      note(Name.made)
      result = .made
    }
    for argument in zip(arguments, given) where argument.0.name == "default" {
      result.join(argument.1)
    }
    result = result.without(.generator).contained
    result.kinds.insert(.generator)
    return result
  }
}
