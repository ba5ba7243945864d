import CheckpointBytes
import HDF5Format
import TensorValues
import TestSupport
import Testing

/// What is laid out, held against libhdf5 and against the package's own reader.
@Suite struct HDF5StructureTests {
  /// Writes a plan and its elements; returns the path.
  private func write(
    _ plan: HDF5Plan, _ elements: [[UInt8]] = [], to directory: TemporaryDirectory
  ) throws -> String {
    let path = directory.file("x.h5")
    let structure = try HDF5Structure(plan, for: path)
    let output = try OutputFile(path: path)
    try structure.write(to: output)
    for (offset, bytes) in zip(structure.offsets, elements) where !bytes.isEmpty {
      try output.write(bytes, at: offset)
    }
    try output.commit()
    #expect(try SourceFile(path: path).size == structure.byteCount)
    return path
  }

  /// What a plan should be read as.
  private func expect(
    _ file: Described, toBe plan: HDF5Plan, _ elements: [[UInt8]]
  ) throws {
    let description = file.description
    #expect(description.refusals.isEmpty)
    for group in plan.groups {
      let found = description.group(path(group.path, in: description))
      #expect(equal(found?.attributes, group.attributes), "\(group.path)")
    }
    for (dataset, bytes) in zip(plan.datasets, elements) {
      let path = path(dataset.path, in: description)
      let found = try #require(description.dataset(path), "\(dataset.path)")
      #expect(found.shape == dataset.shape)
      let isOneByte = dataset.dtype.componentByteWidth == 1
      #expect(found.elementType == .number(dataset.dtype, isOneByte ? .little : dataset.byteOrder))
      #expect(equal(found.attributes.filter { $0.name != "dtype" }, dataset.attributes))
      #expect(try file.bytes(path) == bytes)
    }
    for link in plan.hardLinks {
      let (path, target) = (
        path(link.path, in: description), path(link.target, in: description)
      )
      if let dataset = description.dataset(target) {
        #expect(description.dataset(path) == dataset, "\(link.path)")
      } else {
        #expect(description.group(path) == description.group(target), "\(link.path)")
      }
    }
  }

  /// The path under which a description lists what is at a path: what lies in a group with several links is listed under
  /// the first.
  private func path(_ path: ExactName, in description: HDF5Description) -> ExactName {
    var current: ExactName = ""
    for component in path.string.utf8.split(separator: 0x2F) {
      let name = String(decoding: component, as: UTF8.self)
      let next: ExactName = current == "" ? ExactName(name) : "\(current)/\(name)"
      current = description.group(next)?.path ?? next
    }
    return current
  }

  /// No number equals itself if it is none.
  private func equal(_ left: [HDF5Attribute]?, _ right: [HDF5Attribute]) -> Bool {
    left == right || "\(left ?? [])" == "\(right)"
  }

  @Test(
    "Whatever plan is written reads as itself, here and by libhdf5",
    arguments: SeededGenerator.seeds)
  func generated(seed: UInt64) throws {
    let directory = try TemporaryDirectory()
    for round in 0..<6 {
      let generated = GeneratedPlan(seed: seed &* 1_000 &+ UInt64(round))
      let path = try write(generated.plan, generated.elements, to: directory)
      let file = try Described(path: path)
      try expect(file, toBe: generated.plan, generated.elements)
      let library = try HDF5Description(throughLibrary: file.file)
      #expect(lines(file.description) == lines(library))
    }
  }

  @Test(
    "A group may have any number of members: every fill of nodes and levels",
    arguments: [0, 1, 7, 8, 9, 16, 255, 256, 257, 512, 8_191, 8_192, 8_193, 20_000])
  func members(_ count: Int) throws {
    let directory = try TemporaryDirectory()
    let paths = (0..<count).map { ExactName("g/\($0)") }
    let plan = HDF5Plan(
      groups: [.init(path: "g")],
      datasets: paths.map { .init(path: $0, dtype: .u8, shape: .scalar) })
    let file = try Described(path: write(plan, to: directory))
    #expect(file.description.datasets.map(\.path) == paths.sorted())
    let library = try HDF5Description(throughLibrary: file.file)
    #expect(lines(file.description) == lines(library))
  }

  @Test("Names that are not ASCII may be many, and long")
  func names() throws {
    let directory = try TemporaryDirectory()
    for count in [1, 9, 1_000, 1_001] {
      var datasets = (0..<count).map {
        HDF5Plan.Dataset(path: ExactName("é/ü\($0)"), dtype: .u8, shape: .scalar)
      }
      let long = String(repeating: "字", count: count == 9 ? 20_000 : 200)
      datasets.append(.init(path: ExactName("é/\(long)"), dtype: .u8, shape: .scalar))
      let plan = HDF5Plan(datasets: datasets)
      let file = try Described(path: write(plan, to: directory))
      #expect(file.description.datasets.map(\.path) == datasets.map(\.path).sorted())
      #expect(try lines(HDF5Description(throughLibrary: file.file)) == lines(file.description))
    }
  }

  @Test("Attributes may be as large as a message, as many as messages, and texts of any length")
  func attributes() throws {
    let directory = try TemporaryDirectory()
    func bytes(_ count: Int) -> InertValue {
      .array(dtype: "U8", shape: [count], bytes: (0..<count).map { UInt8($0 & 0xFF) })
    }
    // 8 of the message, 8 the name, 16 the type, 24 the extents.
    let most = 65_528 - 56
    #expect(HDF5Attribute("a", bytes(most)).isWritable)
    #expect(!HDF5Attribute("a", bytes(most + 1)).isWritable)
    let attributes =
      (0..<40).map { HDF5Attribute(ExactName("large \($0)"), bytes(most - 100)) }
      + (0..<1_000).map { HDF5Attribute(ExactName("small \($0)"), .integer(Int64($0))) }
      + [0, 1, 4_070, 4_080, 4_081, 65_500, 65_536, 300_000].map {
        HDF5Attribute(
          ExactName("text \($0)"), .list([.string(String(repeating: "x", count: $0)), .string("")]))
      }
      + [HDF5Attribute("texts", .list((0..<4_000).map { .string("text \($0)") }))]
    let plan = HDF5Plan(groups: [.init(path: "g", attributes: attributes)])
    let file = try Described(path: write(plan, to: directory))
    #expect(file.description.group("g")?.attributes == attributes)
    let library = try HDF5Description(throughLibrary: file.file)
    #expect(lines(file.description) == lines(library))
  }

  @Test("More attributes than a header counts are refused")
  func tooManyAttributes() throws {
    let attributes = (0..<65_536).map { HDF5Attribute(ExactName("\($0)"), .integer(0)) }
    let error = #expect(throws: CheckpointError.self) {
      try HDF5Structure(HDF5Plan(groups: [.init(path: "", attributes: attributes)]), for: "x.h5")
    }
    #expect(error?.kind == .limitExceeded)
    #expect(error?.site.member == "/")
  }

  @Test("Links may lead to the root, to groups around them, and through other links")
  func rings() throws {
    let directory = try TemporaryDirectory()
    let plan = HDF5Plan(
      groups: [.init(path: "a/b")],
      datasets: [.init(path: "a/b/x", dtype: .u8, shape: .scalar)],
      hardLinks: [
        .init(path: "a/b/root", target: ""), .init(path: "a/b/up", target: "a"),
        .init(path: "c", target: "a/b"), .init(path: "c/y", target: "c/x"),
        .init(path: "a/b/root/z", target: "a/b/up/b/x"),
      ])
    let file = try Described(path: write(plan, [[7]], to: directory))
    #expect(file.description.datasets.map(\.path) == ["a/b/x"])
    #expect(Set(file.description.datasets[0].otherPaths) == ["a/b/y", "z"])
    #expect(file.description.group("")?.otherPaths == ["a/b/root"])
    #expect(file.description.group("a/b")?.otherPaths == ["c"])
    #expect(try lines(HDF5Description(throughLibrary: file.file)) == lines(file.description))
  }

  @Test("A plan that contradicts itself is refused with the object's path")
  func refusals() throws {
    func error(_ plan: HDF5Plan) -> CheckpointError? {
      #expect(throws: CheckpointError.self) { try HDF5Structure(plan, for: "x.h5") }
    }
    func dataset(_ path: ExactName, _ attributes: [HDF5Attribute] = []) -> HDF5Plan.Dataset {
      .init(path: path, dtype: .f32, shape: .scalar, attributes: attributes)
    }
    let inside = error(HDF5Plan(datasets: [dataset("a"), dataset("a/b")]))
    #expect(inside?.kind == .inconsistent)
    #expect(inside?.site.member == "a/b")
    let twice = error(HDF5Plan(groups: [.init(path: "a"), .init(path: "a")]))
    #expect(twice?.kind == .inconsistent)
    let same = error(
      HDF5Plan(datasets: [dataset("a", [.init("x", .integer(1)), .init("x", .integer(2))])]))
    #expect(same?.kind == .inconsistent)
    #expect(same?.site.field == "attribute 'x'")
    let through = error(
      HDF5Plan(
        datasets: [dataset("g/a")],
        hardLinks: [.init(path: "l", target: "g"), .init(path: "l/a", target: "g/a")]))
    #expect(through?.kind == .inconsistent)
    let ranks = try #require(Shape([Int](repeating: 1, count: 33)))
    #expect(
      error(HDF5Plan(datasets: [.init(path: "a", dtype: .f32, shape: ranks)]))?.kind
        == .unsupported)
    let huge = try #require(Shape([1 << 60]))
    #expect(
      error(HDF5Plan(datasets: [.init(path: "a", dtype: .f64, shape: huge)]))?.kind
        == .unsupported)
    let large = try #require(Shape([1 << 59]))
    #expect(
      error(
        HDF5Plan(
          datasets: ["a", "b"].map { .init(path: $0, dtype: .f64, shape: large) }))?.kind
        == .limitExceeded)
  }
}
