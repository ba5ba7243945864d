/// What an expression of a template can be, as far as it can be the name of an attribute. A container is what its elements are.
///
/// All inner names of Python hold `_`; so text without it is of no danger until something puts `_` into it.
struct JinjaValue: Equatable {
  struct Kinds: OptionSet {
    let rawValue: UInt16
    static let number = Kinds(rawValue: 1 << 0)
    /// Text of the template without `_`.
    static let plain = Kinds(rawValue: 1 << 1)
    /// Parts of the conversation, which the template's author does not choose.
    static let data = Kinds(rawValue: 1 << 2)
    /// A variable that the application gives. It may be a special token of the same repository (`bos_token`).
    static let given = Kinds(rawValue: 1 << 3)
    /// Text that is put together, or cut out of other text.
    static let made = Kinds(rawValue: 1 << 4)
    /// A `namespace`, whose attributes are looked up by their names.
    static let namespace = Kinds(rawValue: 1 << 5)
    /// A generator, whose description as text holds `_`.
    static let generator = Kinds(rawValue: 1 << 6)
    /// A callable such as a macro, which has attributes of texts that the template chooses.
    static let function = Kinds(rawValue: 1 << 7)
    static let container = Kinds(rawValue: 1 << 8)

    /// What the template's author has no part in, or no `_`.
    static let harmless: Kinds = [.number, .plain, .data, .container]
  }

  var kinds: Kinds
  /// Whole texts of the template that hold `_`.
  var texts: Set<String> = []
  /// How many containers lie around the least contained text of the template.
  var depth: Int

  /// The depth of what holds no text of the template.
  private static let deepest = Int.max
  /// More texts are any text.
  private static let maximumTexts = 100

  init(_ kinds: Kinds = [], depth: Int? = nil) {
    self.kinds = kinds
    self.depth = depth ?? JinjaValue.deepest
  }

  static let number = JinjaValue(.number)
  static let data = JinjaValue(.data)
  static let made = JinjaValue(.made, depth: 0)

  init(text: String) {
    self.init(text.contains("_") ? [] : .plain, depth: 0)
    if text.contains("_") { texts = [text] }
  }

  mutating func join(_ other: JinjaValue) {
    kinds.formUnion(other.kinds)
    texts.formUnion(other.texts)
    depth = min(depth, other.depth)
    if texts.count > JinjaValue.maximumTexts {
      texts = []
      kinds.insert(.made)
      depth = 0
    }
  }

  func joined(_ other: JinjaValue) -> JinjaValue {
    var value = self
    value.join(other)
    return value
  }

  static func any(of values: [JinjaValue]) -> JinjaValue {
    values.reduce(into: JinjaValue()) { $0.join($1) }
  }

  /// The value in one container more.
  var contained: JinjaValue {
    var value = self
    // The description of a generator in a list is that of an object whose elements are not looked at.
    if kinds.contains(.generator) { value.kinds.insert(.function) }
    value.kinds.insert(.container)
    if depth < JinjaValue.deepest { value.depth += 1 }
    return value
  }

  /// An element of a container, or a part of a text.
  var element: JinjaValue {
    if depth == 0 { return cut }
    var value = self.without(.generator)
    if kinds.contains(.function) { value.kinds.insert(.made) }
    if depth < JinjaValue.deepest { value.depth -= 1 }
    return value
  }

  func without(_ kind: Kinds) -> JinjaValue {
    var value = self
    value.kinds.remove(kind)
    return value
  }

  /// A part of a text, or the text in other letters.
  var cut: JinjaValue {
    var value = self
    if !texts.isEmpty || kinds.contains(.function) { value.kinds.insert(.made) }
    value.texts = []
    value.depth = 0
    return value
  }

  /// The value as text.
  var text: JinjaValue {
    var value = cut
    if !kinds.isDisjoint(with: [.generator, .function, .namespace]) { value.kinds.insert(.made) }
    value.kinds.subtract([.generator, .function, .namespace, .number, .container])
    if kinds.contains(.number) { value.kinds.insert(.plain) }
    return value
  }

  /// Texts that are put together are plain if all of them are.
  static func put(together values: [JinjaValue]) -> JinjaValue {
    let all = any(of: values)
    let isPlain = all.kinds.isSubset(of: [.number, .plain, .container]) && all.texts.isEmpty
    return isPlain ? JinjaValue(.plain, depth: 0) : .made
  }
}
