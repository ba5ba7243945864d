/// A value found beside the weights, kept as data: never called, never run, comparable and printable.
///
/// It can hold whatever a pickle, an HDF5 attribute or a metadata field can hold, objects of unknown classes included.
public enum InertValue: Sendable, Hashable {
  /// A key and its value.
  public struct Entry: Sendable, Hashable {
    /// The key: usually a string, but Python dictionaries take any value.
    public let key: InertValue
    /// The value.
    public let value: InertValue

    /// Makes an entry.
    public init(_ key: InertValue, _ value: InertValue) {
      self.key = key
      self.value = value
    }
  }

  /// An instance of a class, or the result of a call that was not made: a name and what was given to it.
  public struct Object: Sendable, Hashable {
    /// The class or function, as the pickle names it: `argparse.Namespace`.
    public var type: String
    /// The positional arguments.
    public var arguments: [InertValue]
    /// The items set on it, in order (`OrderedDict`, `Counter`…).
    public var items: [Entry]
    /// The elements appended to it.
    public var elements: [InertValue]
    /// The state given to it (`__dict__`, or what `__setstate__` would get).
    public var state: InertValue?

    /// Makes an object of its parts.
    public init(
      type: String, arguments: [InertValue] = [], items: [Entry] = [], elements: [InertValue] = [],
      state: InertValue? = nil
    ) {
      self.type = type
      self.arguments = arguments
      self.items = items
      self.elements = elements
      self.state = state
    }

    /// True if `type` describes something that is not carried (`F32 [2, 3], of a module`), where it names a class else: the
    /// name of a class has no space.
    package var isDescription: Bool { type.utf8.contains(0x20) }
  }

  case none
  case boolean(Bool)
  case integer(Int64)
  /// An integer beyond 64 bits: little-endian two's complement, as pickle's `LONG` opcodes have it.
  case bigInteger([UInt8])
  case float(Double)
  case complex(real: Double, imaginary: Double)
  case string(String)
  case bytes([UInt8])
  case byteArray([UInt8])
  case list([InertValue])
  case tuple([InertValue])
  case set([InertValue])
  case frozenSet([InertValue])
  case dictionary([Entry])
  indirect case object(Object)
  /// A class or function named and not used: `torch.float32`, `torch.per_channel_affine`.
  case global(String)
  /// Where a weight stood in the structure: the weight's name.
  case weight(ExactName)
  /// Packed numbers: the dtype's name, the shape, and the little-endian bytes (HDF5 attributes, small numpy arrays).
  indirect case array(dtype: String, shape: [Int], bytes: [UInt8])
}

extension InertValue {
  /// A dictionary with text keys.
  public static func dictionary(_ entries: [(String, InertValue)]) -> InertValue {
    .dictionary(entries.map { Entry(.string($0.0), $0.1) })
  }

  /// What a dictionary has under a key; nil for anything else. Looks at each entry.
  package subscript(key: InertValue) -> InertValue? {
    guard case .dictionary(let entries) = self else { return nil }
    return entries.first { $0.key == key }?.value
  }
}
