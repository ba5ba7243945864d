import CheckpointBytes
import Foundation
import HDF5Format
import TensorValues
import TestSupport
import Testing

/// The reader held against libhdf5 and h5py, structure by structure.
@Suite struct StructureTests {
  /// What HDF5 2.0 wrote and the libraries that most systems install cannot read.
  private static let newer: Set = ["newest.h5", "latest.h5", "reference.h5"]

  private static let files: [String] = {
    let root = fixture("").split(separator: "/").dropLast().joined(separator: "/")
    let names = FileManager.default.enumerator(atPath: "/\(root)")
    return (names?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".h5") }.sorted()
      .map { "/\(root)/\($0)" }
  }()

  @Test("Every fixture is described as libhdf5 describes it", arguments: files)
  func agreesWithLibrary(_ path: String) throws {
    if Self.newer.contains(String(path.split(separator: "/").last ?? "")) { return }
    let file = try SourceFile(path: path)
    let own = Result { try HDF5Description(file) }
    let library = Result { try HDF5Description(throughLibrary: file) }
    switch (own, library) {
    case (.success(let own), .success(let library)):
      #expect(lines(own) == lines(library))
    case (.failure(let own as CheckpointError), .failure(let library as CheckpointError)):
      #expect(own.kind == library.kind)
    default: Issue.record("\(path): \(own), libhdf5 \(library)")
    }
  }

  @Test("Every structure gives the elements that h5py reads", arguments: structures)
  func agreesWithReference(_ name: String) throws {
    let file = try Described("structures/\(name)")
    let expected = try expectations(of: name, in: "structures/expected.json")
    #expect(!expected.isEmpty)
    #expect(file.description.refusals.isEmpty)
    for (path, type, shape, bytes) in expected {
      let dataset = try #require(file.description.dataset(ExactName(path)), "\(path)")
      #expect(dataset.elementType == numpyTypes[type], "\(path)")
      #expect(dataset.shape.dimensions == shape, "\(path)")
      #expect(try file.bytes(ExactName(path)) == bytes, "\(path)")
    }
  }

  static let structures = [
    "addresses-of-2.h5", "addresses-of-4.h5", "addresses-of-8-lengths-of-4.h5",
    "addresses-of-4-lengths-of-8.h5", "addresses-of-8-lengths-of-2.h5",
    "attributes.h5", "cache-image.h5", "mixed-filters.h5",
    "edges.h5", "filtered-links.h5",
    "indexes.h5", "new-links.h5", "newest.h5", "old-chunks.h5", "old-links.h5",
    "integers.h5", "ordered-links.h5", "scale-offset.h5", "shared-messages.h5", "szip.h5",
  ]

  @Test func `A chunk of differences of no bits holds the fill value, if there is one`() throws {
    // libhdf5 takes the differences, all 0, for all bits set; h5py 3.16 gives zeros, too, not the minimum of −8.
    let elements = try changed("chunks-v110.h5", 11_312, 0) { try $0.bytes("i/scaled") }
    // Chunks of two by three elements of four bytes, in rows of seven.
    #expect(elements[0..<12].allSatisfy { $0 == 0 } && elements[28..<40].allSatisfy { $0 == 0 })
    #expect(elements[12..<28] == [0, 0, 0, 0, 12, 0, 0, 0, 251, 255, 255, 255, 3, 0, 0, 0])
  }

  @Test func `Chunks whose keys are out of order are refused`() throws {
    // h5py 3.16 does not find them, and gives zeros: 56 of 144 elements in place of the stored ones.
    let refusals = try changed("structures/addresses-of-2.h5", 440, 85) { $0.description.refusals }
    #expect(refusals.map(\.path) == ["tree"])
    #expect(refusals.first?.reason.kind == .malformed)
    #expect(refusals.first?.reason.problem.contains("out of order") == true)
  }

  @Test func `A fill value that is never written stands nowhere`() throws {
    // Of five rows of seven numbers the second is stored. The fixture fills the others with 3; h5py 3.16 gives zeros where it is
    // said never to be written.
    let place = 12_978
    let filled = try changed("chunks.h5", place, 2) { try $0.bytes("f/part") }
    #expect(Array(filled[0..<4]) == [0, 0, 64, 64])
    let elements = try changed("chunks.h5", place, 1) { try $0.bytes("f/part") }
    #expect(elements[56...].allSatisfy { $0 == 0 })
    #expect(elements[28..<56] == filled[28..<56])
    let refusals = try changed("chunks.h5", place, 3) { $0.description.refusals }
    #expect(refusals.map(\.path) == ["f/part"] && refusals.first?.reason.kind == .malformed)
  }

  /// Fixtures, a byte of each, and a value that h5py 3.16 (HDF5 2.0) refuses the file or the object for, though its elements
  /// could be found.
  private static let refused: [(name: String, place: Int, value: UInt8)] = [
    // A local heap's free list: its beginning, a next piece, a size.
    ("chunks.h5", 696, 25), ("chunks.h5", 696, 0), ("types.h5", 688, 0),
    // The superblock: free space, flags, a node's room, the base that the end counts from.
    ("chunks.h5", 32, 0), ("chunks.h5", 20, 85), ("chunks.h5", 21, 1), ("chunks.h5", 17, 1),
    ("cycle.h5", 18, 144), ("overlapping.h5", 24, 1), ("chunks.h5", 41, 21),
    // A link without a name.
    ("chunks.h5", 720, 0), ("types.h5", 1_078, 5),
    // Headers: number of messages, size of a message, a gap, a flag, the version of a time.
    ("chunks.h5", 1_834, 0), ("chunks.h5", 2_034, 25), ("chunks.h5", 1_840, 1),
    ("chunks.h5", 2_036, 85), ("chunks.h5", 16_304, 0),
    // Keys of chunks, the level of a filter, the size of an element, elements of an address and no extent.
    ("chunks.h5", 2_824, 5), ("chunks.h5", 2_000, 81), ("unknown-filter.h5", 1_823, 5),
    ("types.h5", 832, 0), ("unknown-filter.h5", 1_752, 0),
    // The name of a member, the tag of opaque bytes.
    ("types.h5", 873, 3), ("keras2.h5", 10_297, 1),
  ]

  @Test func `Booleans are enumerations over a byte, with a sign or without`() throws {
    let types = try Described("types.h5").description.datasets.map(\.elementType)
    #expect(types.contains(.number(.bool, .little)))
    let unsigned = try changed("types.h5", 881, 0) { (file: Described) in
      file.description.datasets.map(\.elementType)
    }
    #expect(unsigned == types)
  }

  @Test func `A link whose name is no UTF-8 is told by itself, and the others are read`() throws {
    let refusals = try changed("unknown-filter.h5", 771, 0xE9) {
      (file: Described) throws -> [HDF5Refusal] in
      #expect(file.description.datasets.map(\.path) == ["left out", "without chunks"])
      return file.description.refusals
    }
    #expect(refusals.map(\.path) == ["bes\u{FFFD}de it", "gone through"])
    #expect(refusals.first?.reason.problem == "the link's name is not UTF-8")
  }

  @Test func `What libhdf5 refuses is refused, though its elements could be found`() throws {
    for (name, place, value) in Self.refused {
      let isWhole: Bool
      do {
        isWhole = try changed(name, place, value) { (file: Described) throws -> Bool in
          let description = file.description
          for dataset in description.datasets { _ = try file.bytes(dataset.path) }
          let usual = try Described(name).description
          return description.refusals.count <= usual.refusals.count
            && description.datasets.map(\.elementType) == usual.datasets.map(\.elementType)
        }
      } catch {
        isWhole = false
      }
      #expect(!isWhole, "\(name) @ \(place) = \(value)")
    }
  }

  /// What a fixture gives with another value for one of its bytes.
  private func changed<Found>(
    _ name: String, _ place: Int, _ value: UInt8, _ body: (Described) throws -> Found
  ) throws -> Found {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/changed.h5"
    var bytes = try Array(Data(contentsOf: URL(filePath: fixture(name))))
    bytes[place] = value
    try Data(bytes).write(to: URL(filePath: path))
    return try body(try Described(path: path))
  }

  @Test func `What HDF5 2 wrote newly is read`() throws {
    let newest = try Described("structures/newest.h5").description
    #expect(newest.dataset("complex")?.elementType == .number(.c64, .little))
    #expect(newest.dataset("null")?.elementType == .unsupported("null dataspace"))
    #expect(newest.groups[0].attributes["reference"] == .object(.init(type: "hdf5.reference")))
    let latest = try Described(path: cases("formats/messages/latest.h5"))
    #expect(try latest.bytes("w").count == 64)
  }

  /// Whatever is changed in a file, reading ends, and gives an error or what libhdf5 would: a byte that is not looked at
  /// changes nothing.
  @Test(
    "Every byte of a small file can have any value",
    arguments: [
      "cycle.h5", "structures/edges.h5", "structures/newest.h5", "structures/old-chunks.h5",
      "structures/shared-messages.h5", "structures/addresses-of-4.h5", "structures/szip.h5",
    ])
  func survivesChanges(_ name: String) throws {
    let source = try SourceFile(path: fixture(name))
    var bytes = try source.bytes(at: 0, count: source.size)
    let directory = try TemporaryDirectory()
    // Not every byte of the larger ones, and fewer where all of many data sets are read each time: a step that is no multiple of
    // any field meets them all alike.
    let work = max(1, try HDF5Description(source).datasets.count / 8)
    for place in stride(from: 0, to: bytes.count, by: max(1, work * bytes.count / 1_000 | 1)) {
      let original = bytes[place]
      for value in [0, 0xFF, original ^ 1, original ^ 0x80] where value != original {
        bytes[place] = value
        let path = try directory.write(bytes, as: "changed.h5")
        let file = try SourceFile(path: path)
        guard let description = try? HDF5Description(file) else { continue }
        for dataset in description.datasets {
          guard let source = try? description.source(of: dataset, in: file) else { continue }
          _ = try? source.bytes(at: 0, count: min(source.byteCount, 1 << 20))
        }
      }
      bytes[place] = original
    }
  }

  @Test func `A contiguous size beyond 64 bits is more than enough`() throws {
    // One byte, whose layout says that 2^64 + 1 are stored, in lengths of 16 bytes. libhdf5 takes the lower eight.
    let digits = Array(
      ("894844460d0a1a0a020810000000000000000000ffffffffffffffffb1000000000000007700000000000000"
        + "b6379ee84f48445202003c0104000002000000030c0000100000000100000000000800050200000306081a00"
        + "000301b00000000000000001000000000000000100000000000000e5aab3a64f48445202002f021200000000"
        + "ffffffffffffffffffffffffffffffff0a0200000000060f000001000464736574300000000000000096c06e"
        + "3f")
        .utf8)
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<($0 + 2)], as: UTF8.self), radix: 16)
    }
    let directory = try TemporaryDirectory()
    let file = try Described(path: directory.write(bytes, as: "wide.h5"))
    #expect(try file.bytes("dset") == [63])
  }

  // MARK: Hostile files

  private func changed(
    _ name: String, _ signature: String, _ change: (inout [UInt8], Int) -> Void
  ) throws -> HDF5Description {
    let source = try SourceFile(path: fixture(name))
    var bytes = try source.bytes(at: 0, count: source.size)
    let letters = Array(signature.utf8)
    let places = bytes.indices.dropLast(letters.count).filter {
      Array(bytes[$0..<($0 + letters.count)]) == letters
    }
    try #require(!places.isEmpty)
    for place in places { change(&bytes, place) }
    let directory = try TemporaryDirectory()
    return try HDF5Description(SourceFile(path: directory.write(bytes, as: "changed.h5")))
  }

  @Test("A damaged checksum is a mismatch", arguments: ["FRHP", "BTHD", "FHDB", "FHIB", "BTLF"])
  func checksums(_ signature: String) throws {
    let refusals = try changed("structures/new-links.h5", signature) { $0[$1 + 5] ^= 0xFF }.refusals
    #expect(refusals.map(\.path) == ["group"])
    #expect(refusals.allSatisfy { [.mismatch, .malformed].contains($0.reason.kind) })
    #expect(refusals.allSatisfy { $0.reason.site.offset != nil })
  }

  @Test func `A tree that leads to itself is refused`() throws {
    // The first child of each node is the node itself, and its level that of a node above leaves.
    let description = try changed("structures/old-chunks.h5", "TREE\u{1}") { bytes, place in
      bytes[place + 5] = 1
      let key = place + 24 + 8 + 24
      bytes.replaceSubrange(key..<(key + 8), with: Self.bytes(place))
    }
    #expect(description.refusals.map(\.reason.kind) == [.malformed])
  }

  @Test func `A header that continues where it has been is refused`() throws {
    // Byte 0 of the older headers is their version, 16 the type of the first message: a continuation, of the header.
    let source = try SourceFile(path: fixture("cycle.h5"))
    var bytes = try source.bytes(at: 0, count: source.size)
    let root = bytes[64..<72].reversed().reduce(0) { $0 << 8 | Int($1) }
    bytes[root + 16] = 0x10
    bytes.replaceSubrange((root + 24)..<(root + 40), with: Self.bytes(root + 16) + Self.bytes(24))
    let directory = try TemporaryDirectory()
    let path = try directory.write(bytes, as: "ring.h5")
    let error = #expect(throws: CheckpointError.self) { try Described(path: path) }
    #expect(error?.kind == .malformed)
    #expect(error?.problem == "the header continues where it has been")
  }

  private static func bytes(_ value: Int) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
