internal import CheckpointBytes
internal import TensorValues

/// What elements are (HDF5 specification IV.A.2.d): a class, a size, and what else the class needs.
///
/// ```
/// version, class │ 24 bits │ size │ properties: positions, member names and types, …
/// ```
///
/// Types are made of types, but no number, boolean or text is deeper than one: nothing here follows nested types.
struct Datatype {
  enum Class: UInt8 {
    case integer = 0
    case float, time, string, bitField, opaque, compound, reference, enumeration
    case variableLength, array, complex
  }

  let version: UInt8
  let typeClass: Class
  /// The bits of the class.
  let bits: UInt32
  /// The size of an element in bytes.
  let byteCount: Int
  /// What follows.
  let properties: ByteCursor

  /// Reads a type; the cursor is left where its properties begin.
  init(_ cursor: inout ByteCursor) throws(ParseFailure) {
    let start = cursor.offset
    let first = try cursor.readByte("datatype")
    version = first >> 4
    guard (1...5).contains(version), let typeClass = Class(rawValue: first & 0x0F) else {
      throw ParseFailure(
        version > 5 || first & 0x0F > 11 ? .unsupported : .malformed, at: start, "datatype",
        "version \(version) of class \(first & 0x0F) is not known")
    }
    self.typeClass = typeClass
    bits = UInt32(try cursor.readUnsigned(3, "datatype"))
    byteCount = Int(try cursor.read(UInt32.self, .little, "datatype"))
    guard byteCount > 0 else {
      throw ParseFailure(.malformed, at: start, "datatype", "elements of 0 bytes")
    }
    properties = cursor
  }

  init(_ body: ByteCursor) throws(ParseFailure) {
    var body = body
    try self.init(&body)
  }

  // MARK: Text

  /// True if the elements are texts that lie in the global heap.
  var isVariableText: Bool { typeClass == .variableLength && bits & 0x0F == 1 }

  /// How text is stored; nil if it is none.
  var text: HDF5AttributeType.Text? {
    // The same fields, four bits further up.
    let fields: UInt32
    switch typeClass {
    case .string: fields = bits
    case .variableLength where isVariableText: fields = bits >> 4
    default: return nil
    }
    let isUTF8 = fields >> 4 & 0x0F == 1
    if isVariableText { return HDF5AttributeType.Text(isUTF8: isUTF8) }
    let padding: HDF5AttributeType.Text.Padding =
      switch fields & 0x0F {
      case 1: .nullPadded
      case 2: .spacePadded
      default: .nullTerminated
      }
    return HDF5AttributeType.Text(isUTF8: isUTF8, byteCount: byteCount, padding: padding)
  }

  /// The class in a word, for a value that has no form.
  var className: String {
    switch typeClass {
    case .integer: "integer"
    case .float: "float"
    case .time: "time"
    case .string: "text"
    case .bitField: "bitfield"
    case .opaque: "opaque"
    case .compound: "compound"
    case .reference: "reference"
    case .enumeration: "enumeration"
    case .variableLength: isVariableText ? "text" : "sequence"
    case .array: "array"
    case .complex: "complex"
    }
  }
}
