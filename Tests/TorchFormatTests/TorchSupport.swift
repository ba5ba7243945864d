import CheckpointBytes
import Glibc
import TensorValues
import TestSupport
import Testing
import TorchFormat

/// The path of a file of `fixtures/torch-checkpoints`.
func fixture(_ name: String, file: String = #filePath) -> String {
  let parts = file.split(separator: "/", omittingEmptySubsequences: false)
  let root = parts.prefix { $0 != "Tests" }.joined(separator: "/")
  return root + "/fixtures/torch-checkpoints/" + name
}

func fixtureBytes(_ name: String) throws -> [UInt8] {
  let file = try SourceFile(path: fixture(name))
  return try file.bytes(at: 0, count: file.size)
}

/// Opens a checkpoint that consists of these bytes.
func open(
  _ bytes: [UInt8], limits: ReadLimits = ReadLimits(), inert: Bool = false
) throws -> TorchCheckpoint {
  let directory = try TemporaryDirectory()
  let path = directory.file("model.pt")
  // Not by way of `OutputFile`, which waits for the disk: there are thousands of these.
  let descriptor = unsafe Glibc.open(path, O_WRONLY | O_CREAT, 0o600)
  let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  close(descriptor)
  #expect(written == bytes.count)
  return try TorchCheckpoint(reading: SourceFile(path: path), limits: limits, inert: inert)
}

extension TorchTensor {
  /// The values' bytes, gathered one element at a time: packed, row-major, little-endian, conjugation and negation done.
  func gathered() throws -> [UInt8] {
    let stored = try storage.source.bytes(at: 0, count: storage.source.byteCount)
    var places = [layout.offset]
    for (extent, stride) in zip(layout.shape.dimensions, layout.strides) {
      places = places.flatMap { place in (0..<extent).map { place + $0 * stride } }
    }
    guard let width = dtype.byteWidth, let component = dtype.componentByteWidth else {
      // The layout counts bytes, of two elements each.
      return places.map { stored[$0] }
    }
    return places.flatMap { place -> [UInt8] in
      var element = Array(stored[(place * width)..<((place + 1) * width)])
      for start in stride(from: 0, to: width, by: component) where storage.byteOrder == .big {
        element[start..<(start + component)].reverse()
      }
      if isConjugated { element[width - 1] ^= 0x80 }
      for end in stride(from: component, through: width, by: component) where isNegated {
        element[end - 1] ^= 0x80
      }
      return element
    }
  }
}

/// A legacy stream made of pieces, each of which a test can replace.
struct LegacyFile {
  typealias P = PickleBytes

  var magic = P.proto(2) ++ P.long([0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19])
  var version = P.proto(2) ++ [0x4D, 0xE9, 0x03]
  var system = P.proto(2) ++ P.emptyDict ++ P.text("little_endian") ++ P.yes ++ P.setItem
  var object: [UInt8]
  var keys = P.proto(2) ++ P.emptyList ++ P.text("7") ++ P.append
  var storages = P.littleEndian(Int64(4)) ++ [UInt8](repeating: 1, count: 16)

  var bytes: [UInt8] {
    [magic, version, system, object, keys].flatMap { $0 + P.stop } + storages
  }

  /// A stream of one object, which is a piece of a pickle.
  init(_ object: [UInt8]) {
    self.object = P.proto(2) ++ object
  }

  /// The persistent id of a storage of four floats, the only one.
  static func storage(key: String = "7", count: UInt8 = 4, view: [UInt8] = P.none) -> [UInt8] {
    let class_ = P.global("torch", "FloatStorage")
    let head = P.mark ++ P.text("storage") ++ class_ ++ P.text(key) ++ P.text("cpu")
    return head ++ P.integer(count) ++ view ++ P.tuple ++ P.binPersID
  }

  /// A tensor of two by two over a storage.
  static func tensor(
    _ storage: [UInt8] = LegacyFile.storage(), offset: UInt8 = 0, size: [UInt8] = [2, 2],
    stride: [UInt8] = [2, 1]
  ) -> [UInt8] {
    let sizes = P.mark ++ size.flatMap(P.integer) ++ P.tuple
    let strides = P.mark ++ stride.flatMap(P.integer) ++ P.tuple
    let hooks = P.global("collections", "OrderedDict") ++ P.emptyTuple ++ P.reduce
    let arguments = P.mark ++ storage ++ P.integer(offset) ++ sizes ++ strides ++ P.no ++ hooks
    return P.global("torch._utils", "_rebuild_tensor_v2") ++ arguments ++ P.tuple ++ P.reduce
  }

  /// A dictionary of keys and values, both pieces of pickles.
  static func dictionary(_ entries: [([UInt8], [UInt8])]) -> [UInt8] {
    P.emptyDict ++ P.mark ++ entries.flatMap { $0.0 + $0.1 } ++ P.setItems
  }
}
