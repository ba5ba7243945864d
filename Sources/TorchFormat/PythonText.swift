internal import CheckpointBytes
internal import PickleFormat

/// Keys of dictionaries as parts of names, as Python's `str` writes them.
enum PythonText {
  /// The longest text of a key that is no text itself, and how deep its tuples may be: what is more is named by its
  /// place. A short pickle can spell long keys by sharing.
  private static let limit = (bytes: 256, depth: 4)

  /// The text of a key; nil if it is a tensor, an object, or holds one.
  static func key(_ key: PickleReference, _ resolver: ObjectResolver) -> String? {
    if case .string(let text) = resolver.document[key] { return text }
    if case .value(.string(let text))? = resolver[key] { return text }
    return representation(of: key, resolver, depth: 0)
  }

  /// What Python's `str` gives of the key itself (depth 0), and its `repr` of what lies in a tuple or set. Recurses as
  /// deep as ``limit`` lets it.
  private static func representation(
    of reference: PickleReference, _ resolver: ObjectResolver, depth: Int
  ) -> String? {
    guard depth <= limit.depth else { return nil }
    let document = resolver.document
    let text: String?
    switch document[reference] {
    case .none: text = "None"
    case .boolean(let value): text = boolean(value)
    case .integer(let value): text = String(value)
    case .bigInteger(let bytes): text = bytes.count <= limit.bytes ? integer(bytes) : nil
    case .float(let value): text = float("\(value)")
    case .string(let value): text = value.utf8.count <= limit.bytes ? quoted(value) : nil
    case .bytes(let bytes): text = self.text(of: bytes)
    case .global(let place): text = document[place].description
    case .tuple(let elements):
      text = joined(elements, resolver, depth).map {
        "(" + $0 + (elements.count == 1 ? ",)" : ")")
      }
    case .frozenSet(let elements): text = frozenSet(elements, resolver, depth)
    case .object: text = self.text(of: resolver[reference], resolver, depth)
    default: text = nil
    }
    return text.flatMap { $0.utf8.count <= limit.bytes ? $0 : nil }
  }

  /// Objects that stand for values: bytes before protocol 3, frozen sets before protocol 4, complex numbers, torch's small
  /// types. Numbers and texts of numpy are told as the plain values that they are kept as: a name must be the same when
  /// the file is written again, and how numpy writes them differs between its versions.
  private static func text(
    of resolved: Resolved?, _ resolver: ObjectResolver, _ depth: Int
  ) -> String? {
    switch resolved {
    case .value(.bytes(let bytes))?: text(of: bytes)
    case .value(.boolean(let value))?: boolean(value)
    case .value(.integer(let value))?: String(value)
    case .value(.bigInteger(let bytes))?: integer(bytes)
    case .value(.float(let value))?: float("\(value)")
    case .value(.complex(let real, let imaginary))?: complex(real, imaginary)
    case .value(.string(let text))? where text.utf8.count <= limit.bytes: quoted(text)
    case .value(.global(let name))?: name
    case .value(.frozenSet([]))?: "frozenset()"
    case .object(let object)? where object.form == .frozenSet:
      frozenSet(object.arguments, resolver, depth)
    case .value(.object(let object))?: plainCall(object, depth)
    default: nil
    }
  }

  /// `torch.Size([2, 3])`, `device(type='cuda', index=0)`, which as a key itself is `cuda:0`
  private static func plainCall(_ object: InertValue.Object, _ depth: Int) -> String? {
    guard object.isPlainCall else { return nil }
    switch (object.arguments[0], object.arguments.dropFirst().first) {
    case (.tuple(let extents), _), (.list(let extents), _):
      let sizes = extents.map { if case .integer(let size) = $0 { String(size) } else { "?" } }
      return "torch.Size([" + sizes.joined(separator: ", ") + "])"
    case (.string(let type), .integer(let index)?):
      return depth == 0 ? "\(type):\(index)" : "device(type=\(quoted(type)), index=\(index))"
    case (.string(let type), _): return depth == 0 ? type : "device(type=\(quoted(type)))"
    default: return nil
    }
  }

  private static func frozenSet(
    _ elements: [PickleReference], _ resolver: ObjectResolver, _ depth: Int
  ) -> String? {
    guard !elements.isEmpty else { return "frozenset()" }
    return joined(elements, resolver, depth).map { "frozenset({" + $0 + "})" }
  }

  private static func joined(
    _ elements: [PickleReference], _ resolver: ObjectResolver, _ depth: Int
  ) -> String? {
    var parts: [String] = []
    for element in elements.prefix(limit.bytes) {
      guard let part = representation(of: element, resolver, depth: depth + 1) else { return nil }
      parts.append(part)
    }
    return elements.count <= limit.bytes ? parts.joined(separator: ", ") : nil
  }

  private static func boolean(_ value: Bool) -> String { value ? "True" : "False" }

  private static func text(of bytes: [UInt8]) -> String? {
    guard bytes.count <= limit.bytes else { return nil }
    return "b" + quoted(bytes.map { Unicode.Scalar($0) }) { $0.value >= 0x7F || $0.value < 0x20 }
  }

  private static func quoted(_ text: String) -> String {
    quoted(Array(text.unicodeScalars), escaping: isUnprintable)
  }

  /// Text in the quotes that Python chooses, with its escapes.
  private static func quoted(
    _ scalars: [Unicode.Scalar], escaping mustBeEscaped: (Unicode.Scalar) -> Bool
  ) -> String {
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var text = String.UnicodeScalarView([quote])
    for scalar in scalars {
      switch scalar {
      case quote, "\\": text += ["\\", scalar]
      case "\t": text += "\\t".unicodeScalars
      case "\n": text += "\\n".unicodeScalars
      case "\r": text += "\\r".unicodeScalars
      case _ where mustBeEscaped(scalar): text += escape(scalar).unicodeScalars
      default: text.append(scalar)
      }
    }
    return String(text + [quote])
  }

  /// What Python's `str.isprintable` denies: the categories "Other" and "Separator", but for the space.
  private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator:
      true
    case .spaceSeparator: scalar != " "
    default: false
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let (letter, width) =
      scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\" + letter + String(repeating: "0", count: width - digits.utf8.count) + digits
  }
}
