import CheckpointBytes
import HDF5Format
import TensorValues

/// The path of a file under `fixtures/hdf5`.
func fixture(_ name: String, file: String = #filePath) -> String {
  let root = file.split(separator: "/").dropLast(3).joined(separator: "/")
  return "/\(root)/fixtures/hdf5/\(name)"
}

/// The path of a file under `fixtures/cases`.
func cases(_ name: String, file: String = #filePath) -> String {
  let root = file.split(separator: "/").dropLast(3).joined(separator: "/")
  return "/\(root)/fixtures/cases/\(name)"
}

/// A fixture and its description.
struct Described {
  let file: SourceFile
  let description: HDF5Description

  init(path: String, limits: ReadLimits = ReadLimits()) throws {
    file = try SourceFile(path: path)
    description = try HDF5Description(file, limits: limits)
  }

  init(_ name: String) throws {
    try self.init(path: fixture(name))
  }

  /// All elements of a data set, as the file stores them.
  func bytes(_ path: ExactName) throws -> [UInt8] {
    guard let dataset = description.dataset(path) else {
      throw CheckpointError(.notFound, file: file.path, member: path.string, "no such data set")
    }
    let source = try description.source(of: dataset, in: file)
    return try source.bytes(at: 0, count: source.byteCount)
  }
}

/// The error of opening a fixture, if there is one.
func openingFailure(_ name: String, limits: ReadLimits = ReadLimits()) throws -> CheckpointError? {
  do {
    _ = try Described(path: fixture(name), limits: limits)
    return nil
  } catch let error as CheckpointError {
    return error
  }
}

/// What `expected.json` says of a file: each data set's numpy type, shape and bytes.
func expectations(of name: String, in list: String = "expected.json") throws -> [(
  path: String, type: String, shape: [Int], bytes: [UInt8]
)] {
  let file = try SourceFile(path: fixture(list))
  let document = try JSONValue(
    parsing: file.bytes(at: 0, count: file.size), context: "expected values")
  return (document[ExactName(name)]?.members ?? []).map { member in
    let parts = member.value.elements ?? []
    let digits = Array((parts[2].string ?? "").utf8)
    let bytes = stride(from: 0, to: digits.count, by: 2).map { index in
      UInt8(String(decoding: digits[index..<(index + 2)], as: UTF8.self), radix: 16) ?? 0
    }
    return (
      member.key.string, parts[0].string ?? "", (parts[1].elements ?? []).compactMap(\.integer),
      bytes
    )
  }
}

/// Numpy's names for what HDF5 holds.
let numpyTypes: [String: HDF5ElementType] = [
  "|b1": .number(.bool, .little), "|i1": .number(.i8, .little), "|u1": .number(.u8, .little),
  "<i2": .number(.i16, .little), ">u2": .number(.u16, .big), "<i4": .number(.i32, .little),
  ">i4": .number(.i32, .big), "<u8": .number(.u64, .little), ">i8": .number(.i64, .big),
  "<f2": .number(.f16, .little), ">f2": .number(.f16, .big), "<f4": .number(.f32, .little),
  ">f4": .number(.f32, .big), "<f8": .number(.f64, .little), ">f8": .number(.f64, .big),
  "<c8": .number(.c64, .little), ">c16": .number(.c128, .big),
  "<i8": .number(.i64, .little), ">u8": .number(.u64, .big), "<u4": .number(.u32, .little),
  ">u4": .number(.u32, .big), "<u2": .number(.u16, .little), ">i2": .number(.i16, .big),
]

/// A description in lines, without what the two may say differently: the order of chunks, the size of elements that are
/// no numbers (the library counts what they take in memory), the words of refusals.
func lines(_ description: HDF5Description) -> [String] {
  var lines = description.groups.map { "\($0)" } + description.namedTypes.map { "\($0)" }
  for dataset in description.datasets {
    var storage = "\(dataset.storage)"
    if case .chunked(let chunks) = dataset.storage {
      let sorted = chunks.chunks.sorted { $0.origin.lexicographicallyPrecedes($1.origin) }
      storage = "\(chunks.shape) \(chunks.filters) \(chunks.leavesEdgesUnfiltered) \(sorted)"
    }
    var size = dataset.elementByteCount
    if case .unsupported = dataset.elementType { size = 0 }
    lines.append(
      "\(dataset.path) \(dataset.otherPaths) \(dataset.attributes) \(dataset.elementType) "
        + "\(String(describing: dataset.integerBits)) \(size) \(dataset.shape) \(storage) \(String(describing: dataset.fillValue)) "
        + "\(dataset.byteCount)")
  }
  return lines
    + description.refusals.map { "\($0.path) \($0.otherPaths) \($0.reason.kind)" }
}

extension HDF5Plan {
  /// Writes a file of a plan, without elements; returns where those go.
  func write(toNew path: String) throws(CheckpointError) -> [Int] {
    let structure = try HDF5Structure(self, for: path)
    let output = try OutputFile(path: path)
    try structure.write(to: output)
    try output.commit()
    return structure.offsets
  }
}
