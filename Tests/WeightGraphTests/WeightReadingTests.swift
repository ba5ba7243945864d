import CheckpointBytes
import Synchronization
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// A storage of zeros that remembers the largest read.
private final class WatchedZeros: ByteSource {
  let byteCount: Int
  let fileRange: FileRange? = nil
  let origin = "zeros"
  private let largest = Mutex(0)

  init(_ byteCount: Int) {
    self.byteCount = byteCount
  }

  var largestRead: Int { largest.withLock { $0 } }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let count = destination.count
    largest.withLock { $0 = max($0, count) }
    unsafe destination.initializeMemory(as: UInt8.self, repeating: 0)
  }
}

@Suite struct WeightReadingTests {
  private func stored(
    _ dtype: DType, _ bytes: [UInt8], order: ByteOrder = .little, isConjugated: Bool = false,
    isNegated: Bool = false
  ) throws -> Weight {
    let count = bytes.count * 8 / dtype.bitWidth
    return Weight(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: "memory"), dtype: dtype,
        layout: StridedLayout(packed: try shape([count])), byteOrder: order,
        isConjugated: isConjugated, isNegated: isNegated))
  }

  @Test("Big-endian numbers are turned around, the parts of complex ones each by itself")
  func byteOrder() throws {
    let bytes = Array(0..<16 as Range<UInt8>)
    for (dtype, expected) in [
      (DType.u8, bytes), (.bool, bytes),
      (.i16, [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14]),
      (.f32, [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]),
      (.f64, [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8]),
      (.c64, [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]),
      (.c128, [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8]), (.f4, bytes),
    ] as [(DType, [UInt8])] {
      #expect(try stored(dtype, bytes, order: .big).bytes() == expected, "\(dtype)")
    }
  }

  @Test("The conj bit flips the sign of the imaginary part, the neg bit that of every part")
  func signs() throws {
    let values: [Float] = [1, -2, 3, 0]
    func bytes(_ values: [Float]) -> [UInt8] { [UInt8](littleEndian: values.map(\.bitPattern)) }
    let stored = bytes(values)
    #expect(try self.stored(.c64, stored, isConjugated: true).bytes() == bytes([1, 2, 3, -0.0]))
    #expect(try self.stored(.c64, stored, isNegated: true).bytes() == bytes([-1, 2, -3, -0.0]))
    #expect(
      try self.stored(.c64, stored, isConjugated: true, isNegated: true).bytes()
        == bytes([-1, -2, -3, 0]))
    #expect(try self.stored(.f32, stored, isNegated: true).bytes() == bytes([-1, 2, -3, -0.0]))
    // The conjugate of a real number is itself.
    #expect(try self.stored(.f32, stored, isConjugated: true).bytes() == stored)
  }

  @Test("The bits apply after the byte order")
  func signsOfBigEndian() throws {
    let big: [UInt8] = [0x3F, 0x80, 0, 0, 0xC0, 0, 0, 0]
    let weight = try stored(.c64, big, order: .big, isConjugated: true)
    #expect(try weight.bytes() == [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
  }

  @Test(
    "Types without a sign bit of their own cannot be stored negated",
    arguments: [DType.i32, .u8, .bool, .f4, .f6E2M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ])
  func notNegated(_ dtype: DType) {
    let error = #expect(throws: CheckpointError.self) {
      try stored(dtype, [UInt8](repeating: 0, count: 12), isNegated: true)
    }
    #expect(error?.kind == .unsupported)
  }

  @Test("Elements beyond the end of their storage are malformed")
  func outsideStorage() throws {
    let source = MemoryBytes([UInt8](repeating: 0, count: 23), origin: "storage")
    for (extents, strides, offset) in [
      ([6], [1], 0), ([2, 3], [3, 1], 0), ([1], [1], 5), ([2], [5], 0), ([1 << 61], [1], 0),
    ] {
      let elements = try layout(extents, strides: strides, offset: offset)
      let error = #expect(throws: CheckpointError.self) {
        try StoredTensor(source: source, dtype: .f32, layout: elements)
      }
      #expect(error?.kind == .malformed)
    }
    // No element, nothing outside.
    let empty = try layout([0], strides: [1], offset: 9)
    _ = try StoredTensor(source: source, dtype: .f32, layout: empty)
  }

  @Test("A range outside the weight, or across an element, is refused")
  func ranges() throws {
    let weight = try stored(.i16, [1, 2, 3, 4])
    for (offset, count) in [(0, 6), (4, 2), (6, 2), (-2, 2), (1, 2), (0, 3), (Int.max - 1, 2)] {
      let error = #expect(throws: CheckpointError.self) {
        try weight.bytes(at: offset, count: count)
      }
      #expect(error?.kind == .malformed)
    }
    #expect(try weight.bytes(at: 2, count: 2) == [3, 4])
    #expect(try weight.bytes(at: 4, count: 0) == [])
  }

  @Test("An integer that a cast cannot keep is an error with its value, wherever it lies")
  func castOverflow() throws {
    let weight = try stored(.i32, [UInt8](littleEndian: [Int32(1), 2, 300, 4])).cast(to: .u8)
    #expect(try weight.bytes(at: 0, count: 2) == [1, 2])
    let error = #expect(throws: CheckpointError.self) { try weight.bytes(at: 1, count: 3) }
    #expect(error?.kind == .mismatch)
    #expect(error?.description == "the value 300 of element 2 does not fit U8")
  }

  @Test("One column of a large matrix is read without bringing the matrix into memory")
  func column() throws {
    let zeros = WatchedZeros(1 << 30)
    let matrix = Weight(
      try StoredTensor(
        source: zeros, dtype: .f32,
        layout: StridedLayout(packed: try shape([1 << 14, 1 << 14]))))
    let column = try matrix.sliced(axis: 1, 5..<6)
    #expect(try column.bytes().count == 1 << 16)
    #expect(zeros.largestRead <= 1 << 20)
  }

  @Test("Elements that lie far apart are read one by one")
  func sparse() throws {
    let zeros = WatchedZeros(1 << 40)
    let elements = try layout([1 << 10], strides: [1 << 28])
    let weight = Weight(try StoredTensor(source: zeros, dtype: .f32, layout: elements))
    #expect(try weight.bytes().count == 1 << 12)
    #expect(zeros.largestRead == 4)
  }

  @Test("Columns of a file come out right, in parts and in one go")
  func realColumns() throws {
    let rows = 1500
    let columns = 700
    let directory = try TemporaryDirectory()
    let values = (0..<(rows * columns)).map { UInt32($0) }
    let path = try directory.write([UInt8](littleEndian: values), as: "matrix")
    let file = try SourceFile(path: path)
    let matrix = Weight(
      try StoredTensor(
        source: FileBytes(file, at: 0, count: file.size), dtype: .u32,
        layout: StridedLayout(packed: try shape([rows, columns]))))
    let cut = try matrix.sliced(axis: 1, 3..<5)
    let expected = [UInt8](
      littleEndian: (0..<rows).flatMap { [UInt32($0 * columns + 3), UInt32($0 * columns + 4)] })
    #expect(try cut.bytes() == expected)
    let turned = try matrix.transposed([1, 0])
    let column = try turned.bytes(at: 699 * rows * 4, count: rows * 4)
    #expect(column == [UInt8](littleEndian: (0..<rows).map { UInt32($0 * columns + 699) }))
    let whole = (0..<columns).flatMap { column in
      (0..<rows).map { UInt32($0 * columns + column) }
    }
    #expect(try turned.bytes() == [UInt8](littleEndian: whole))
  }

  @Test(
    "Transposes of all widths are the same element by element, whole and in parts",
    arguments: [DType.u8, .bf16, .f32, .f64, .c128])
  func transposes(_ dtype: DType) throws {
    let width = try #require(dtype.byteWidth)
    var random = SeededGenerator(seed: 7)
    for extents in [[1, 70], [16, 64], [17, 33], [130, 75], [3, 40, 21]] {
      let count = extents.reduce(1, *)
      let bytes = random.bytes(count * width)
      let naive = NaiveTensor(
        extents: extents,
        elements: (0..<count).map { Array(bytes[($0 * width)..<(($0 + 1) * width)]) })
      let weight = try Weight.packed(dtype, extents, bytes)
      let orders =
        extents.count == 2 ? [[1, 0]] : [[2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1]]
      for order in orders {
        let turned = try weight.transposed(order)
        let expected = naive.transposed(order).bytes
        #expect(try turned.bytes() == expected, "\(extents), \(order)")
        for part in [(0, count / 2), (count / 3, count / 2), (count - 1, 1), (1, count - 2)] {
          let range = (part.0 * width)..<((part.0 + part.1) * width)
          #expect(
            try turned.bytes(at: range.lowerBound, count: range.count) == Array(expected[range]),
            "\(extents), \(order), \(part)")
        }
      }
    }
  }

  @Test("A cast of many elements is that of its parts")
  func longCast() throws {
    var random = SeededGenerator(seed: 8)
    let weight = try Weight.packed(.f32, [70_001], random.bytes(4 * 70_001))
    let cast = try weight.cast(to: .bf16)
    let whole = try cast.bytes()
    var parts: [UInt8] = []
    for start in stride(from: 0, to: whole.count, by: 1002) {
      parts += try cast.bytes(at: start, count: min(1002, whole.count - start))
    }
    #expect(parts == whole)
  }

  @Test("Transforms fold: what is packed in the end is read as if nothing had happened")
  func folding() throws {
    let matrix = try stored(.f32, [UInt8](repeating: 0, count: 48)).reshaped(try shape([3, 4]))
    #expect(matrix.isReadInOrder)
    #expect(try matrix.sliced(axis: 0, 1..<3).isReadInOrder)
    #expect(try !matrix.sliced(axis: 1, 1..<3).isReadInOrder)
    #expect(try matrix.sliced(axis: 0, 1..<2).sliced(axis: 1, 1..<3).isReadInOrder)
    #expect(try !matrix.transposed([1, 0]).isReadInOrder)
    #expect(try matrix.transposed([1, 0]).transposed([1, 0]).lineage == matrix.lineage)
    #expect(try matrix.reshaped(try shape([12])).lineage == matrix.lineage)
    #expect(try matrix.cast(to: .f16).isReadInOrder)
    #expect(try !matrix.transposed([1, 0]).cast(to: .f16).isReadInOrder)
    let other = try stored(.f32, [UInt8](repeating: 0, count: 32)).reshaped(try shape([2, 4]))
    #expect(try Weight.concatenated([matrix, other], axis: 0).isReadInOrder)
  }

  @Test("Every weight says where it comes from, the last step first")
  func lineage() throws {
    func weight(_ origin: String) throws -> Weight {
      try Weight.packed(.f32, [2, 3], [UInt8](repeating: 0, count: 24), origin: origin)
    }
    let matrix = try weight("model.bin: data/0 @ 64")
    #expect(matrix.lineage == "model.bin: data/0 @ 64")
    #expect(try matrix.sliced(axis: 0, 1..<2).lineage == "model.bin: data/0 @ 64 + 12")
    #expect(
      try matrix.transposed([1, 0]).lineage
        == "transpose ← model.bin: data/0 @ 64")
    #expect(try matrix.cast(to: .bf16).lineage == "cast F32 to BF16 ← model.bin: data/0 @ 64")
    #expect(
      try Weight.concatenated([matrix, weight("b")], axis: 1).lineage
        == "concatenate along 1 ← (model.bin: data/0 @ 64, b)")
    let conjugate = try stored(
      .c64, [UInt8](repeating: 0, count: 8), order: .big, isConjugated: true, isNegated: true)
    #expect(conjugate.lineage == "conjugate ← negate ← swap bytes ← memory")
  }
}
