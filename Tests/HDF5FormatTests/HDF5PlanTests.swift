import CheckpointBytes
import HDF5Format
import TensorValues
import TestSupport
import Testing

@Suite struct HDF5PlanTests {
  /// Writes a plan and the data of its data sets; returns the bytes of the file.
  private func write(
    _ plan: HDF5Plan, _ data: [[UInt8]], to directory: TemporaryDirectory, as name: String
  ) throws -> String {
    let path = directory.file(name)
    let offsets = try plan.write(toNew: path)
    let skeleton = try SourceFile(path: path)
    var bytes = try skeleton.bytes(at: 0, count: skeleton.size)
    for (offset, part) in zip(offsets, data) {
      bytes.replaceSubrange(offset..<(offset + part.count), with: part)
    }
    return try directory.write(bytes, as: name)
  }

  @Test("Every type that can be written is read back", arguments: [ByteOrder.little, .big])
  func roundTripsTypes(_ order: ByteOrder) throws {
    let directory = try TemporaryDirectory()
    let opaque: Set<DType> = [.bf16, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ]
    let dtypes = DType.allCases.filter {
      $0.byteWidth != nil && (order == .little || !opaque.contains($0))
    }
    let shape = try #require(Shape([2, 3]))
    let data = try dtypes.map { dtype in
      (0..<(try #require(dtype.byteCount(elementCount: 6)))).map { UInt8(truncatingIfNeeded: $0) }
    }
    let plan = HDF5Plan(
      datasets: dtypes.map {
        .init(path: ExactName("all/\($0)"), dtype: $0, byteOrder: order, shape: shape)
      })
    let file = try Described(path: write(plan, data, to: directory, as: "types.h5"))
    for (dtype, bytes) in zip(dtypes, data) {
      let dataset = try #require(file.description.dataset(ExactName("all/\(dtype)")))
      let isOneByte = dtype.componentByteWidth == 1
      #expect(dataset.elementType == .number(dtype, isOneByte ? .little : order), "\(dtype)")
      #expect(dataset.shape == shape)
      #expect(try file.bytes(dataset.path) == bytes, "\(dtype)")
    }
  }

  @Test func `Groups, attributes, links, scalars and empty data sets are read back`() throws {
    let attributes = [
      HDF5Attribute("text", .string("naïve")), HDF5Attribute("none", .list([])),
      HDF5Attribute("names", .list([.string("a"), .string(""), .string("ünï")])),
      HDF5Attribute("integer", .integer(-7)), HDF5Attribute("float", .float(0.1)),
      HDF5Attribute("boolean", .boolean(true)),
      HDF5Attribute(
        "array", .array(dtype: "F32", shape: [1, 2], bytes: [0, 0, 0, 0, 0, 0, 128, 63])),
    ]
    let plan = HDF5Plan(
      groups: [
        .init(path: "", attributes: attributes), .init(path: "zé/deep", attributes: attributes),
        .init(path: "empty group"),
      ],
      datasets: [
        .init(path: "zé/deep/scalar", dtype: .f32, shape: .scalar, attributes: attributes),
        .init(path: "none", dtype: .f64, shape: try #require(Shape([0, 4]))),
        .init(path: "x:0", dtype: .u8, shape: try #require(Shape([1000]))),
      ],
      hardLinks: [
        .init(path: "link/scalar", target: "zé/deep/scalar"), .init(path: "ê again", target: "zé"),
      ])
    let directory = try TemporaryDirectory()
    let data: [[UInt8]] = [[1, 2, 3, 4], [], [UInt8](repeating: 7, count: 1000)]
    let file = try Described(path: write(plan, data, to: directory, as: "all.h5"))
    let description = file.description
    #expect(description.group("")?.attributes == attributes)
    #expect(description.group("zé/deep")?.attributes == attributes)
    #expect(description.group("empty group")?.attributes == [])
    #expect(description.group("ê again") == description.group("zé"))
    let scalar = try #require(description.dataset("link/scalar"))
    #expect(scalar.attributes == attributes)
    #expect(scalar.shape == .scalar)
    for (dataset, bytes) in zip(plan.datasets, data) where dataset.path != "zé/deep/scalar" {
      #expect(try file.bytes(dataset.path) == bytes)
    }
    #expect(try file.bytes("link/scalar") == [1, 2, 3, 4])
    let large = try #require(description.dataset("x:0"))
    let range = try description.source(of: large, in: file.file).fileRange
    #expect(try #require(range).offset % 64 == 0)
  }

  @Test func `The same plan gives the same bytes`() throws {
    let names = (0..<3_000).map { InertValue.string("a name of some length \($0)") }
    let plan = HDF5Plan(
      groups: [.init(path: "g", attributes: [HDF5Attribute("weight_names", .list(names))])],
      datasets: try (0..<50).map {
        .init(path: ExactName("g/\($0)"), dtype: .f32, shape: try #require(Shape([$0, 3])))
      })
    let directory = try TemporaryDirectory()
    let offsets = try plan.write(toNew: directory.file("1.h5"))
    #expect(try plan.write(toNew: directory.file("2.h5")) == offsets)
    let files = try ["1.h5", "2.h5"].map { try SourceFile(path: directory.file($0)) }
    let bytes = try files.map { try $0.bytes(at: 0, count: $0.size) }
    #expect(bytes[0] == bytes[1])
    #expect(
      try Described(path: files[0].path).description.group("g")?.attributes["weight_names"]
        == .list(names))
  }

  @Test func `Plans that cannot be written are refused`() throws {
    let directory = try TemporaryDirectory()
    func kind(_ plan: HDF5Plan) -> FailureKind? {
      do throws(CheckpointError) {
        _ = try plan.write(toNew: directory.file("x.h5"))
        return nil
      } catch {
        return error.kind
      }
    }
    func dataset(_ path: ExactName, _ dtype: DType = .f32) -> HDF5Plan.Dataset {
      .init(path: path, dtype: dtype, shape: .scalar)
    }
    func attribute(_ value: InertValue) -> HDF5Plan {
      HDF5Plan(groups: [.init(path: "", attributes: [HDF5Attribute("a", value)])])
    }
    #expect(kind(HDF5Plan(datasets: [dataset("a"), dataset("a")])) == .inconsistent)
    #expect(kind(HDF5Plan(datasets: [dataset("a"), dataset("a/b")])) != nil)
    for path: ExactName in ["", "/a", "a//b", "a/", "./a", "a\0b"] {
      #expect(kind(HDF5Plan(datasets: [dataset(path)])) == .inconsistent, "\(path)")
    }
    #expect(kind(HDF5Plan(datasets: [dataset("a", .f4)])) == .unsupported)
    #expect(kind(HDF5Plan(hardLinks: [.init(path: "a", target: "b")])) == .inconsistent)
    #expect(kind(attribute(.list([.integer(1)]))) == .unsupported)
    #expect(kind(attribute(.string("a\0b"))) == .unsupported)
    #expect(kind(attribute(.array(dtype: "F32", shape: [2], bytes: [0]))) == .unsupported)
    let long = [InertValue](repeating: .string("x"), count: 4_097)
    #expect(kind(attribute(.list(long))) == .limitExceeded)
    let large = InertValue.array(
      dtype: "U8", shape: [70_000], bytes: [UInt8](repeating: 0, count: 70_000))
    #expect(kind(attribute(large)) == .limitExceeded)
  }
}
