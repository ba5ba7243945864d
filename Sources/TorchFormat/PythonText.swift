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
    return representation(of: key, resolver, depth: 0)
  }

  /// What Python's `repr` gives. Recurses as deep as ``limit`` lets it.
  private static func representation(
    of reference: PickleReference, _ resolver: ObjectResolver, depth: Int
  ) -> String? {
    guard depth <= limit.depth else { return nil }
    let document = resolver.document
    let text: String?
    switch document[reference] {
    case .none: text = "None"
    case .boolean(let value): text = value ? "True" : "False"
    case .integer(let value): text = String(value)
    case .float(let value): text = "\(value)"
    case .string(let value): text = value.utf8.count <= limit.bytes ? quoted(value.utf8) : nil
    case .bytes(let bytes): text = self.text(of: bytes)
    case .global(let place): text = document[place].description
    case .tuple(let elements):
      text = joined(elements, resolver, depth).map {
        "(" + $0 + (elements.count == 1 ? ",)" : ")")
      }
    case .frozenSet(let elements):
      text = joined(elements, resolver, depth).map {
        elements.isEmpty ? "frozenset()" : "frozenset({" + $0 + "})"
      }
    case .object: text = self.text(of: resolver[reference], resolver, depth)
    default: text = nil
    }
    return text.flatMap { $0.utf8.count <= limit.bytes ? $0 : nil }
  }

  /// Objects that stand for values: bytes before protocol 3, frozen sets before protocol 4, numpy's numbers, torch's
  /// small types.
  private static func text(
    of resolved: Resolved?, _ resolver: ObjectResolver, _ depth: Int
  ) -> String? {
    switch resolved {
    case .value(.bytes(let bytes))?: text(of: bytes)
    case .value(.boolean(let value))?: value ? "True" : "False"
    case .value(.integer(let value))?: String(value)
    case .value(.float(let value))?: "\(value)"
    case .value(.frozenSet([]))?: "frozenset()"
    case .object(let object)? where object.form == .frozenSet:
      joined(object.arguments, resolver, depth).map { "frozenset({" + $0 + "})" }
    case .value(.object(let object))?: plainCall(object)
    default: nil
    }
  }

  /// `torch.Size([2, 3])`, `device(type='cuda', index=0)`
  private static func plainCall(_ object: InertValue.Object) -> String? {
    guard object.isPlainCall else { return nil }
    switch (object.arguments[0], object.arguments.dropFirst().first) {
    case (.tuple(let extents), _), (.list(let extents), _):
      let sizes = extents.map { if case .integer(let size) = $0 { String(size) } else { "?" } }
      return "torch.Size([" + sizes.joined(separator: ", ") + "])"
    case (.string(let type), .integer(let index)?):
      return "device(type=" + quoted(type.utf8) + ", index=\(index))"
    case (.string(let type), _): return "device(type=" + quoted(type.utf8) + ")"
    default: return nil
    }
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

  private static func text(of bytes: [UInt8]) -> String? {
    guard bytes.count <= limit.bytes else { return nil }
    return "b" + quoted(bytes, escapingHigh: true)
  }

  /// Text or bytes in the quotes that Python chooses, with its escapes for control characters.
  private static func quoted(
    _ bytes: some Sequence<UInt8>, escapingHigh: Bool = false
  ) -> String {
    let bytes = Array(bytes)
    let quote =
      bytes.contains(UInt8(ascii: "'")) && !bytes.contains(UInt8(ascii: "\""))
      ? UInt8(ascii: "\"") : UInt8(ascii: "'")
    var text = [quote]
    for byte in bytes {
      switch byte {
      case quote, UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
      case 0x09: text += "\\t".utf8
      case 0x0A: text += "\\n".utf8
      case 0x0D: text += "\\r".utf8
      case 0..<0x20, 0x7F: text += escape(byte)
      case 0x80... where escapingHigh: text += escape(byte)
      default: text.append(byte)
      }
    }
    return String(decoding: text + [quote], as: UTF8.self)
  }

  private static func escape(_ byte: UInt8) -> [UInt8] {
    let digits = String(byte, radix: 16)
    return Array(("\\x" + (digits.utf8.count == 1 ? "0" : "") + digits).utf8)
  }
}
