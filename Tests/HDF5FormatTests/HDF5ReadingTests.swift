import CheckpointBytes
import HDF5Format
import TensorValues
import TestSupport
import Testing

@Suite struct HDF5ReadingTests {
  @Test(
    "Every data set has the type, shape and bytes that h5py reads",
    arguments: ["types.h5", "chunks.h5", "chunks-v110.h5"])
  func agreesWithReference(_ name: String) throws {
    let file = try Described(name)
    let expected = try expectations(of: name)
    #expect(!expected.isEmpty)
    #expect(file.description.datasets.count == expected.count)
    for (path, type, shape, bytes) in expected {
      let dataset = try #require(file.description.dataset(ExactName(path)), "\(path)")
      #expect(dataset.elementType == numpyTypes[type], "\(path)")
      #expect(dataset.shape.dimensions == shape, "\(path)")
      #expect(try file.bytes(ExactName(path)) == bytes, "\(path)")
    }
  }

  @Test(
    "Chunked data can be read in pieces of any size, in any order",
    arguments: ["f/all", "f/lzf", "f/second", "f/part", "f/never"])
  func readsPieces(_ path: String) throws {
    let file = try Described("chunks-v110.h5")
    let dataset = try #require(file.description.dataset(ExactName(path)))
    let whole = try file.bytes(ExactName(path))
    for size in [1, 3, 7, 28, 64, whole.count] {
      let source = try file.description.source(of: dataset, in: file.file)
      for offset in stride(from: 0, to: whole.count, by: size).reversed() {
        let count = min(size, whole.count - offset)
        let piece = try source.bytes(at: offset, count: count)
        #expect(piece == Array(whole[offset..<(offset + count)]), "\(offset) \(count)")
      }
    }
  }

  @Test func `Contiguous data is a range of the file, compact data is none`() throws {
    let file = try Described("types.h5")
    let scalar = try #require(file.description.dataset("scalar"))
    #expect(try file.description.source(of: scalar, in: file.file).fileRange?.count == 4)
    let chunks = try Described("chunks.h5")
    let compact = try #require(chunks.description.dataset("compact"))
    #expect(try chunks.description.source(of: compact, in: chunks.file).fileRange == nil)
  }

  @Test func `Hard links are further names of one data set`() throws {
    let file = try Described("types.h5")
    let dataset = try #require(file.description.dataset("scalar"))
    #expect(dataset.path == "group/hard")
    #expect(dataset.otherPaths == ["scalar"])
  }

  @Test
  func
    `A datatype with a name is told by itself, with every name, and what has it by its elements`()
    throws
  {
    let file = try Described(path: cases("formats/hdf5-named-types/named.h5"))
    let types = file.description.namedTypes
    #expect(types.map(\.path) == ["alone/colour", "group/again", "record"])
    #expect(types.map(\.otherPaths) == [[], ["kind"], []])
    #expect(
      types.map(\.elementType)
        == [.number(.u8, .little), .number(.f32, .little), .unsupported("compound")])
    #expect(types.map(\.attributeCount) == [0, 1, 0])
    let dataset = try #require(file.description.dataset("w"))
    #expect(dataset.elementType == .number(.f32, .little))
    #expect(dataset.attributes["typed"] == .float(5))
    #expect(file.description.refusals.isEmpty)
    // They count as objects.
    var limits = ReadLimits()
    limits.objectCount = 5
    #expect(throws: CheckpointError.self) {
      try Described(path: cases("formats/hdf5-named-types/named.h5"), limits: limits)
    }
  }

  @Test func `Groups that contain themselves are met once`() throws {
    let file = try Described("cycle.h5")
    #expect(file.description.groups.map(\.path) == ["", "a", "a/b"])
    #expect(file.description.groups[0].otherPaths == ["a/b/root"])
    #expect(file.description.groups[1].otherPaths == ["a/b/again"])
    #expect(file.description.datasets.map(\.path) == ["a/b/x"])
  }

  @Test func `Attributes are read as what they are`() throws {
    let attributes = try Described("attributes.h5").description.groups[0].attributes
    #expect(attributes["text"] == .string("naïve"))
    #expect(attributes["names"] == .list([.string("a"), .string("bc"), .string("")]))
    #expect(attributes["fixed"] == .list([.string("ab"), .string("c")]))
    #expect(attributes["SPACEPAD"] == .list([.string("ab"), .string("abcd")]))
    #expect(attributes["NULLPAD"] == .list([.string("ab"), .string("abcd")]))
    #expect(attributes["integer"] == .integer(-5))
    #expect(attributes["unsigned"] == .bigInteger([UInt8](repeating: 255, count: 8) + [0]))
    #expect(attributes["float"] == .float(1.5))
    #expect(attributes["boolean"] == .boolean(true))
    #expect(attributes["empty"] == .array(dtype: "F64", shape: [0], bytes: []))
    let numbers: [UInt8] = [0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    #expect(attributes["array"] == .array(dtype: "I16", shape: [2, 3], bytes: numbers))
    #expect(attributes["null"] == InertValue.none)
    #expect(attributes["reference"] == .object(.init(type: "hdf5.reference")))
  }
}

@Suite struct HDF5RefusalTests {
  @Test(
    "What leads out of the file or through soft links is refused by itself",
    arguments: [
      ("soft-link.h5", "soft"), ("external-link.h5", "external"), ("external-storage.h5", "x"),
      ("virtual.h5", "x"),
    ])
  func refusesWaysOut(_ name: String, _ member: String) throws {
    let refusals = try Described(name).description.refusals
    #expect(refusals.map(\.path) == [ExactName(member)])
    #expect(refusals.first?.reason.kind == .forbidden)
    #expect(refusals.first?.reason.site.member == member)
    #expect(refusals.first?.reason.site.file == fixture(name))
  }

  @Test func `A filter that is not known refuses the data sets with a chunk that went through it`()
    throws
  {
    let file = try Described("unknown-filter.h5")
    let refusals = file.description.refusals
    #expect(refusals.map(\.path) == ["gone through"])
    #expect(refusals.first?.reason.kind == .unsupported)
    #expect(refusals.first?.reason.problem == "filter 40001 is not implemented")
    #expect(file.description.datasets.map(\.path) == ["beside it", "left out", "without chunks"])
    let floats = (0..<8).map { Float($0).bitPattern }
    #expect(
      try file.bytes("left out")
        == floats.flatMap { bits in (0..<4).map { UInt8(truncatingIfNeeded: bits >> ($0 * 8)) } })
    #expect(try file.bytes("without chunks") == [UInt8](repeating: 0, count: 32))
  }

  @Test func `Data sets that announce far more than the file stores are refused`() throws {
    let refusals = try Described("bomb.h5").description.refusals
    #expect(refusals.map(\.reason.kind) == [.limitExceeded])
    #expect(refusals.first?.reason.tensor == "x")
  }

  @Test
  func `Data sets that share a place are read as far as the file would hold them side by side`()
    throws
  {
    let file = try Described("overlapping.h5")
    let held = Array("abcdefgh".prefix(file.description.datasets.count)).map(String.init)
    #expect((1..<8).contains(held.count))
    #expect(file.description.datasets.map(\.path.string) == held)
    #expect(file.description.refusals.count == 8 - held.count)
    #expect(file.description.refusals.allSatisfy { $0.reason.kind == .limitExceeded })
  }

  /// What `fixtures/hdf5/make.py` puts into one file, beside data that h5py reads.
  @Test func `Whatever is refused, each for its reason, the rest is described`() throws {
    let file = try Described("refusals.h5")
    #expect(file.description.datasets.map(\.path) == ["group/inner/w"])
    #expect(file.description.datasets.first?.otherPaths == ["w"])
    #expect(try file.bytes("w") == [0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64])
    #expect(file.description.groups.map(\.path) == ["", "group", "group/inner"])
    let kinds = Dictionary(
      uniqueKeysWithValues: file.description.refusals.map { ($0.path, $0.reason.kind) })
    #expect(
      kinds == [
        "again": .forbidden, "group/soft": .forbidden, "group/dangling": .forbidden,
        "group/outside": .forbidden, "group/virtual": .forbidden, "bomb": .limitExceeded,
        "chunked": .malformed, "header": .malformed,
      ])
    let reasons = Dictionary(
      uniqueKeysWithValues: file.description.refusals.map { ($0.path, $0.reason.problem) })
    #expect(reasons["group/soft"] == "is a soft link to '/w'; only hard links are followed")
    #expect(reasons["chunked"]?.contains("the file ends at") == true)
    #expect(reasons["header"] == "there is no object header here")
    let outside = "is an external link to 'other.h5 /x'; only hard links are followed"
    #expect(reasons["group/outside"] == outside)
    let elsewhere = file.description.refusals.first { $0.path == "again" }
    #expect(elsewhere?.otherPaths == ["group/stored elsewhere"])
  }

  @Test func `Depth and number of objects are limited`() throws {
    var limits = ReadLimits()
    limits.groupDepth = 1
    #expect(try openingFailure("cycle.h5", limits: limits)?.kind == .limitExceeded)
    limits = ReadLimits()
    limits.objectCount = 3
    #expect(try openingFailure("types.h5", limits: limits)?.kind == .limitExceeded)
    limits = ReadLimits()
    limits.chunkBytes = 23
    let refusals = try Described(path: fixture("chunks.h5"), limits: limits).description.refusals
    #expect(!refusals.isEmpty)
    #expect(refusals.allSatisfy { $0.reason.kind == .limitExceeded })
  }

  @Test func `Attributes beyond the limit are kept without their value`() throws {
    var limits = ReadLimits()
    limits.attributeBytes = 7
    let file = try Described(path: fixture("attributes.h5"), limits: limits)
    guard case .object(let value)? = file.description.groups[0].attributes["array"] else {
      Issue.record("expected a marker")
      return
    }
    #expect(value.type == "hdf5.unreadable")
  }

  @Test(
    "Chunks that do not decode to exactly their size are refused",
    arguments: [
      ("short", FailureKind.truncated), ("long", .malformed), ("cut", .truncated),
      ("noise", .malformed), ("checksum", .mismatch),
    ])
  func refusesDamagedChunks(_ path: String, _ kind: FailureKind) throws {
    let file = try Described("damaged.h5")
    let error = #expect(throws: CheckpointError.self) { try file.bytes(ExactName(path)) }
    #expect(error?.kind == kind)
    #expect(error?.tensor == path)
    #expect(error?.site.offset != nil)
  }

  @Test func `A filter that was left out for a chunk is not undone`() throws {
    let bytes = try Described("damaged.h5").bytes("unmasked")
    #expect(bytes == [0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64])
  }

  @Test func `Elements that are no numbers are listed and not read`() throws {
    let file = try Described("damaged.h5")
    #expect(
      file.description.dataset("text")?.elementType == .unsupported("variable-length string"))
    #expect(file.description.dataset("compound")?.elementType == .unsupported("compound"))
    #expect(file.description.dataset("opaque")?.elementType == .opaque(byteCount: 3, tag: ""))
    let error = #expect(throws: CheckpointError.self) { try file.bytes("text") }
    #expect(error?.kind == .unsupported)
    #expect(error?.tensor == "text")
  }

  @Test func `A file cut off anywhere is refused or reads what it announces`() throws {
    let source = try SourceFile(path: fixture("types.h5"))
    let whole = try source.bytes(at: 0, count: source.size)
    let directory = try TemporaryDirectory()
    for count in stride(from: 0, to: whole.count, by: 97) {
      let path = try directory.write(Array(whole[..<count]), as: "cut.h5")
      let error = #expect(throws: CheckpointError.self) { try Described(path: path) }
      #expect(error?.kind == .truncated || error?.kind == .malformed, "\(count) bytes")
    }
  }

  @Test func `What is no HDF5 file is refused on one line`() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(Array("no such thing".utf8), as: "x.h5")
    let error = #expect(throws: CheckpointError.self) { try Described(path: path) }
    #expect(error?.kind == .malformed)
    #expect(error?.description.contains("\n") == false)
  }
}
