import TensorValues
import TestSupport
import Testing

@Suite struct ElementConversionTests {
  @Test(
    "Eight-bit types convert as in PyTorch, code by code", arguments: ConversionTables.types[..<5])
  func fromEightBits(_ source: DType) throws {
    try compare(source)
  }

  @Test("A list of hard values converts as in PyTorch", arguments: [DType.f32, .f64])
  func fromWideTypes(_ source: DType) throws {
    try compare(source)
  }

  private func compare(_ source: DType) throws {
    let tables = try ConversionTables(source)
    for (destination, expected) in tables.results {
      let found = destination.canonical(try convert(tables.values, source, destination))
      #expect(found.count == expected.count)
      let width = destination.bitWidth / 8
      let sourceWidth = source.bitWidth / 8
      let differing = stride(from: 0, to: found.count, by: width).filter {
        found[$0..<($0 + width)] != expected[$0..<($0 + width)]
      }
      #expect(differing.isEmpty, "\(differing.count) values differ")
      for start in differing.prefix(5) {
        let value = start / width * sourceWidth
        Issue.record(
          """
          \(source) to \(destination): \(tables.values[value..<(value + sourceWidth)]) gave \
          \(found[start..<(start + width)]), PyTorch \(expected[start..<(start + width)])
          """)
      }
    }
  }

  @Test(
    "All 65,536 codes of a sixteen-bit type convert as in PyTorch", arguments: [DType.f16, .bf16])
  func fromSixteenBits(_ source: DType) throws {
    let tables = try ConversionTables(source)
    for (destination, hashes) in tables.results {
      let found = destination.canonical(try convert(tables.values, source, destination))
      let block = found.count / 256
      let differing = hashes.littleEndian(UInt64.self).enumerated().filter { index, hash in
        fnv1a(found[(index * block)..<((index + 1) * block)]) != hash
      }
      #expect(
        differing.isEmpty,
        "\(source) to \(destination): the codes from \(differing.map { $0.offset << 8 })")
    }
  }

  @Test("Complex types convert as in PyTorch")
  func complex() throws {
    let bytes = try Fixture("conversions/C128.bin").bytes()
    // Sixteen bytes a value, then eight, then four.
    let count = bytes.count / 28
    let values = Array(bytes[..<(count * 16)])
    let singles = Array(bytes[(count * 16)..<(count * 24)])
    let halves = Array(bytes[(count * 24)...])
    #expect(DType.c64.canonical(try convert(values, .c128, .c64)) == singles)
    #expect(DType.c32.canonical(try convert(values, .c128, .c32)) == halves)
    #expect(DType.c32.canonical(try convert(singles, .c64, .c32)) == halves)
    #expect(DType.c64.canonical(try convert(halves, .c32, .c64)).count == singles.count)
  }

  @Test("Integers keep their value")
  func integers() throws {
    let values = [UInt8](littleEndian: [Int64(0), -1, 127, -128])
    #expect(try convert(values, .i64, .i8) == [0, 0xFF, 127, 0x80])
    #expect(try convert(try convert(values, .i64, .i8), .i8, .i64) == values)
    #expect(
      try convert([0xFF, 0x80], .u8, .i32) == [UInt8](littleEndian: [Int32(255), 128]))
    #expect(
      try convert([UInt8](littleEndian: [UInt64.max]), .u64, .u64)
        == [UInt8](littleEndian: [UInt64.max]))
  }

  @Test(
    "An integer that does not fit is named with its index and value",
    arguments: [
      (DType.i64, DType.i8, [Int64(5), 128], 1, "128"), (.i64, .u8, [-1], 0, "-1"),
      (.i64, .u64, [0, 1, -9_223_372_036_854_775_808], 2, "-9223372036854775808"),
      (.u64, .i64, [-1], 0, "18446744073709551615"),
    ])
  func outOfRange(
    _ source: DType, _ destination: DType, _ values: [Int64], _ index: Int, _ text: String
  ) {
    let error = #expect(throws: ElementConversion.OutOfRange.self) {
      try convert([UInt8](littleEndian: values), source, destination)
    }
    #expect(error?.index == index)
    #expect(error?.value == text)
  }

  @Test("Nothing converts across categories, or to elements that share bytes")
  func refused() {
    for (source, destination) in [
      (DType.f32, DType.i32), (.i64, .f64), (.bool, .u8), (.u8, .bool), (.c64, .f32), (.f32, .c64),
      (.f32, .f4), (.f4, .f32), (.f6E2M3, .f6E3M2),
    ] {
      #expect(ElementConversion(from: source, to: destination) == nil)
    }
  }

  @Test("A conversion that calls itself exact changes no value", arguments: ConversionTables.types)
  func exactness(_ source: DType) throws {
    let tables = try ConversionTables(source)
    for destination in ConversionTables.types {
      let conversion = try #require(ElementConversion(from: source, to: destination))
      let there = try convert(tables.values, source, destination)
      var before: [Double] = []
      var after: [Double] = []
      unsafe tables.values.withUnsafeBytes { unsafe source.doubles($0, into: &before) }
      unsafe there.withUnsafeBytes { unsafe destination.doubles($0, into: &after) }
      let isKept = zip(before, after).allSatisfy { pair in
        pair.0 == pair.1 || pair.0.isNaN && pair.1.isNaN
      }
      #expect(conversion.isExact == isKept, "\(source) to \(destination)")
    }
  }

  @Test("Integer conversions are exact where the range grows")
  func exactIntegers() {
    for (source, destination, isExact) in [
      (DType.i8, DType.i16, true), (.u8, .i16, true), (.u8, .i8, false), (.i8, .u64, false),
      (.u32, .i64, true), (.u64, .i64, false), (.i64, .i64, true), (.i64, .i32, false),
      (.u16, .u32, true), (.u16, .i16, false),
    ] {
      #expect(ElementConversion(from: source, to: destination)?.isExact == isExact)
    }
  }

  @Test("No elements convert to no elements")
  func nothing() throws {
    for source in DType.allCases {
      for destination in DType.allCases { #expect(try convert([], source, destination) == []) }
    }
  }
}
