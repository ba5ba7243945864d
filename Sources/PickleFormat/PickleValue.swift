/// A place in a pickle's values.
package struct PickleReference: Sendable, Hashable {
  let index: Int32

  init(_ index: Int) {
    self.index = Int32(truncatingIfNeeded: index)
  }

  /// The place counted from 0, in the order in which values were made: whatever a tuple or a call was given comes
  /// before it.
  package var position: Int { Int(index) }
}

/// A value of a pickle. Containers refer to their children, so that shared children are shared and cycles are possible.
package enum PickleValue: Sendable {
  /// A key and its value.
  package struct Entry: Sendable {
    /// The key.
    package let key: PickleReference
    /// The value.
    package let value: PickleReference

    /// Makes an entry of values of one pickle.
    package init(key: PickleReference, value: PickleReference) {
      self.key = key
      self.value = value
    }
  }

  /// A place among the objects of a pickle.
  package struct ObjectReference: Sendable, Hashable {
    let index: Int32
  }

  /// A place among the globals of a pickle.
  package struct GlobalReference: Sendable, Hashable {
    let index: Int32
  }

  case none
  case boolean(Bool)
  case integer(Int64)
  /// Beyond 64 bits: little-endian two's complement, no byte more than needed.
  case bigInteger([UInt8])
  case float(Double)
  case string(String)
  case bytes([UInt8])
  case byteArray([UInt8])
  case list([PickleReference])
  case tuple([PickleReference])
  case set([PickleReference])
  case frozenSet([PickleReference])
  /// Entries as they were set; a key set twice is there twice.
  case dictionary([Entry])
  case global(GlobalReference)
  case object(ObjectReference)
  /// What the program that reads the pickle is to put here: an id.
  case persistent(PickleReference)
}

/// A call that was not made, or an instance that was not created: the class or function and what it was given.
package struct PickleObject: Sendable {
  /// How the pickle asked for it.
  package enum Origin: Sendable, Hashable {
    /// `REDUCE`: a call.
    case call
    /// `NEWOBJ`, `NEWOBJ_EX`, `INST` or `OBJ`: an instance of a class.
    case instance
  }

  /// How the pickle asked for it.
  package let origin: Origin
  /// The class or function: a global, a persistent id, or (where the policy lets it) an object.
  package let callable: PickleReference
  /// The positional arguments.
  package let arguments: [PickleReference]
  /// The keyword arguments (`NEWOBJ_EX`).
  package let keywords: [PickleValue.Entry]
  /// The items set on it.
  package let items: [PickleValue.Entry]
  /// The elements appended to it, or added as to a set.
  package let elements: [PickleReference]
  /// The state given to it by `BUILD`.
  package let state: PickleReference?
}
