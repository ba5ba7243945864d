internal import CheckpointBytes

/// What joblib says of an array whose bytes it has put behind the object that stands for it, in the middle of a pickle
/// (`joblib/numpy_pickle.py`, 1.5, `NumpyArrayWrapper`).
///
/// ```
/// … BUILD │ (length of the padding 1, padding) │ elements │ operations …       numbers
/// … BUILD │ pickle │ operations …                                              objects
/// ```
struct JoblibArray: Sendable {
  /// The first argument of the type: `f8`.
  private let type: String?
  private let extents: [Int]?
  /// True if a byte says how many follow that align the elements.
  let isAligned: Bool

  /// What a dictionary says; nil for one that says nothing of an array, or more than the six things that are said of one. Of `oddTypes`
  /// the size is not known.
  init?(
    _ dictionary: PickleReference, in walked: WalkedValues, without oddTypes: Set<PickleReference>
  ) {
    guard let values = walked.entries(of: dictionary) else { return nil }
    var (type, extents, isAligned, isArray): (String?, [Int]?, Bool, Bool) = (
      nil, nil, false, false
    )
    for index in stride(from: 0, to: values.count - 1, by: 2) {
      var rendering: String { walked.rendering(of: values[index + 1]) }
      switch walked.text(of: values[index]) {
      case "dtype":
        isArray = true
        type = oddTypes.contains(values[index + 1]) ? nil : JoblibArray.type(rendering)
      case "shape": (extents, isArray) = (JoblibArray.numbers(rendering), true)
      case "numpy_array_alignment_bytes": isAligned = rendering != "None"
      default: break
      }
    }
    guard isArray else { return nil }
    self.type = type
    self.extents = extents
    self.isAligned = isAligned
  }

  /// `numpy.dtype('f8', …)`
  private static func type(_ rendering: String) -> String? {
    let start = "numpy.dtype('"
    guard rendering.utf8.starts(with: start.utf8) else { return nil }
    return String(rendering.dropFirst(start.count).prefix { $0 != "'" })
  }

  /// True if the state that a type is given leaves it what its name says: no fields, and the size of the name or none
  /// (`numpy/_core/src/multiarray/descriptor.c`, `arraydescr_setstate`: a size given here replaces that of the name).
  static func isUsual(
    state: PickleReference, ofType type: PickleReference, in walked: WalkedValues
  ) -> Bool {
    let parts = walked.members(of: state).map { walked.rendering(of: $0) }
    guard parts.count >= 8, parts[2...4].allSatisfy({ $0 == "None" }),
      let name = JoblibArray.type(walked.rendering(of: type))
    else { return false }
    return parts[5] == "-1" || width(name).map(String.init) == parts[5]
  }

  /// `(3, 4)`
  private static func numbers(_ rendering: String) -> [Int]? {
    guard rendering.first == "(", rendering.last == ")" else { return nil }
    var numbers: [Int] = []
    for part in rendering.dropFirst().dropLast().split(separator: ",") {
      guard let number = Int(part.drop { $0 == " " }), number >= 0 else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// The bytes of an element of a type; nil for types of which that is not known.
  private static func width(_ type: String) -> Int? {
    guard let kind = type.utf8.first, "biufcmMSU".utf8.contains(kind),
      let count = Int(type.dropFirst()), count >= 0, count < 1 << 40
    else { return nil }
    return kind == UInt8(ascii: "U") ? 4 * count : count
  }

  /// True if a pickle follows in place of elements.
  var holdsObjects: Bool { type?.utf8.first == UInt8(ascii: "O") }

  /// The number of bytes of the elements; nil if it is not known.
  var byteCount: Int? {
    guard let type, let extents, let width = JoblibArray.width(type) else { return nil }
    var count = (width, false)
    for extent in extents where !count.1 {
      count = count.0.multipliedReportingOverflow(by: extent)
    }
    return count.1 ? nil : count.0
  }
}
