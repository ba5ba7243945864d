import CheckpointBytes
import SafetensorsFormat
import TensorValues
import TestSupport
import Testing

@Suite struct SafetensorsImageTests {
  @Test(
    "The same tensors give the bytes that the reference library writes",
    arguments: ["every-dtype", "names", "nothing", "empty-metadata", "numpy"],
    SeededGenerator.seeds.prefix(3))
  func reference(_ name: String, _ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let fixture = Fixture("safetensors-reference/\(name).safetensors")
    let expected = try fixture.bytes()
    let header = try SafetensorsHeader(reading: SourceFile(path: fixture.path))
    // In any order: the layout makes its own.
    let tensors = header.tensors.shuffled(using: &random)
    let layout = try SafetensorsImage(
      tensors: tensors.map { .init(name: $0.name, dtype: $0.dtype, shape: $0.shape) },
      metadata: header.metadata)
    var bytes = layout.headerBytes
    bytes += [UInt8](repeating: 0, count: layout.byteCount - bytes.count)
    for (tensor, offset) in zip(tensors, layout.offsets) {
      let start = header.dataOffset + tensor.range.lowerBound
      bytes.replaceSubrange(
        offset..<(offset + tensor.range.count), with: expected[start..<(start + tensor.range.count)]
      )
    }
    #expect(bytes == expected)
  }

  @Test("The fixtures hold what their names promise")
  func fixtures() throws {
    func header(_ name: String) throws -> SafetensorsHeader {
      try SafetensorsHeader(
        reading: SourceFile(path: Fixture("safetensors-reference/\(name).safetensors").path))
    }
    let every = try header("every-dtype")
    let types = Set(every.tensors.map(\.dtype))
    #expect(
      types == Set(DType.allCases.filter(\.isSafetensorsType)).subtracting([.f6E2M3, .f6E3M2]))
    // float4_e2m1fn_x2 of the shape [2, 3] is twice as long in the file.
    #expect(every.tensors.first { $0.name == "01.float4_e2m1fn_x2" }?.shape.dimensions == [2, 6])
    #expect(try header("names").tensors.count == 14)
    #expect(try header("names").metadata?.first?.value == "p\n\u{1}😀/")
  }

  @Test("Any layout is read back as it was made", arguments: SeededGenerator.seeds)
  func roundTrip(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let types = DType.allCases.filter(\.isSafetensorsType)
    let tensors = try (0..<random.number(0...20)).map { index in
      // The last extent makes F4 and F6 whole bytes.
      let shape = try #require(Shape(random.extents(rank: 3) + [8]))
      let type = types[random.number(0...(types.count - 1))]
      return SafetensorsImage.Tensor(name: ExactName("é\"\n\(index)"), dtype: type, shape: shape)
    }
    let metadata = (0..<random.number(0...4)).map {
      (key: ExactName("\($0)"), value: "v\u{0}\($0)")
    }
    let layout = try SafetensorsImage(tensors: tensors, metadata: metadata)
    #expect(layout.headerBytes.count % 8 == 0)
    let bytes = layout.headerBytes + random.bytes(layout.byteCount - layout.headerBytes.count)
    let header = try header(of: bytes)
    #expect(header.dataOffset == layout.headerBytes.count)
    #expect(header.metadata?.map(\.key) == metadata.map(\.key))
    #expect(header.metadata?.map(\.value) == metadata.map(\.value))
    #expect(header.tensors.count == tensors.count)
    for (tensor, offset) in zip(tensors, layout.offsets) {
      let read = try #require(header.tensors.first { $0.name == tensor.name })
      #expect(read.dtype == tensor.dtype)
      #expect(read.shape == tensor.shape)
      #expect(header.dataOffset + read.range.lowerBound == offset)
      // Widest types first: what is wider than a byte lies on its own alignment.
      if let width = tensor.dtype.byteWidth { #expect(offset % min(width, 8) == 0) }
    }
  }

  private func failure(_ tensors: [SafetensorsImage.Tensor]) -> ParseFailure? {
    #expect(throws: ParseFailure.self) { try SafetensorsImage(tensors: tensors, metadata: nil) }
  }

  private func tensor(_ name: ExactName, _ type: DType, _ extents: Int...) throws
    -> SafetensorsImage.Tensor
  {
    .init(name: name, dtype: type, shape: try #require(Shape(extents)))
  }

  @Test("What the format cannot say is refused, with the tensor's name")
  func refused() throws {
    for (tensors, kind, name) in [
      ([try tensor("a", .u8, 1), try tensor("a", .f32, 1)], FailureKind.inconsistent, "a"),
      ([try tensor("__metadata__", .u8, 1)], .inconsistent, "__metadata__"),
      ([try tensor("c", .c128, 1)], .unsupported, "c"),
      ([try tensor("c", .c32, 1)], .unsupported, "c"),
      ([try tensor("odd", .f4, 3)], .unsupported, "odd"),
      ([try tensor("large", .f64, 1 << 61)], .unsupported, "large"),
      ([try tensor("a", .u8, 1 << 62), try tensor("b", .u8, 1 << 62)], .limitExceeded, "b"),
      ([try tensor("a", .u8, .max)], .limitExceeded, "a"),
    ] {
      let failure = failure(tensors)
      #expect(failure?.kind == kind)
      #expect(failure?.tensor == name)
    }
  }

  @Test("Metadata is written in the order of its keys, whatever order it comes in")
  func metadataOrder() throws {
    let entries: [(key: ExactName, value: String)] = [("b", "1"), ("a", "2"), ("é", "3")]
    let layout = try SafetensorsImage(tensors: [], metadata: entries)
    let reversed = try SafetensorsImage(tensors: [], metadata: entries.reversed())
    #expect(layout.headerBytes == reversed.headerBytes)
    let text = String(decoding: layout.headerBytes[8...], as: UTF8.self)
    #expect(text.hasPrefix(#"{"__metadata__":{"a":"2","b":"1","é":"3"}}"#))
  }
}
