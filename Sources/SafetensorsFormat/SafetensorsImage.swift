package import CheckpointBytes
package import TensorValues

/// A safetensors file laid out before it is written: the header's bytes and the place of every tensor.
///
/// The order is the reference's (`safetensors/src/tensor.rs`, 0.8.0: dtype rank descending, then name), so that the
/// same tensors give the same bytes as the reference library writes. With two metadata keys and more the reference has
/// no order of its own (a hash map); here they are sorted.
package struct SafetensorsImage: Sendable {
  /// A tensor to be written.
  package struct Tensor: Sendable {
    /// The tensor's name.
    package let name: ExactName
    /// The type of its elements: one of safetensors' own.
    package let dtype: DType
    /// Its extents.
    package let shape: Shape

    /// Makes a tensor of its parts.
    package init(name: ExactName, dtype: DType, shape: Shape) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
    }
  }

  /// The length field and the padded header: the bytes from 0 to where the data begins.
  package let headerBytes: [UInt8]
  /// Where each tensor's bytes begin in the file, in the order the tensors were given.
  package let offsets: [Int]
  /// The size of the whole file.
  package let byteCount: Int

  /// The most bytes of data: what Int can count, less room for the largest header.
  private static let largestData = Int.max - (1 << 32)

  /// Lays out a file.
  ///
  /// - Throws: `unsupported` for a dtype that safetensors lacks, `inconsistent` for a name that occurs twice or is
  ///   `__metadata__`, `limitExceeded` if the header would be too long for any reader, or the file for any file system.
  package init(
    tensors: [Tensor], metadata: [(key: ExactName, value: String)]?
  ) throws(ParseFailure) {
    var places = [Int](repeating: 0, count: tensors.count)
    var writer = JSONWriter()
    var names: Set<ExactName> = []
    var end = 0
    writer.writeRaw("{")
    if let metadata {
      writer.write(string: "__metadata__")
      writer.writeRaw(":")
      let sorted = metadata.sorted { $0.key < $1.key }
      writer.write(.object(sorted.map { JSONValue.Member($0.key, .string($0.value)) }))
    }
    let order = tensors.indices.sorted { left, right in
      let (a, b) = (tensors[left], tensors[right])
      return a.dtype == b.dtype
        ? a.name < b.name : a.dtype.safetensorsRank > b.dtype.safetensorsRank
    }
    for (position, index) in order.enumerated() {
      let tensor = tensors[index]
      func fail(_ kind: FailureKind, _ problem: String) -> ParseFailure {
        ParseFailure(kind, "header", tensor: tensor.name.string, problem)
      }
      guard names.insert(tensor.name).inserted else {
        throw fail(.inconsistent, "the name occurs twice")
      }
      guard tensor.name != "__metadata__" else {
        throw fail(.inconsistent, "safetensors keeps this name for its metadata")
      }
      guard tensor.dtype.isSafetensorsType else {
        throw fail(.unsupported, "safetensors has no dtype \(tensor.dtype)")
      }
      guard let byteCount = tensor.dtype.byteCount(elementCount: tensor.shape.elementCount) else {
        throw fail(
          .unsupported, "\(tensor.dtype) \(tensor.shape) is no whole number of bytes, or overflows")
      }
      guard byteCount <= SafetensorsImage.largestData - end else {
        throw fail(.limitExceeded, "a file of that size cannot be addressed")
      }
      if position > 0 || metadata != nil { writer.writeRaw(",") }
      writer.write(string: tensor.name.string)
      writer.writeRaw(":{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[")
      writer.writeRaw(tensor.shape.dimensions.map(String.init).joined(separator: ","))
      writer.writeRaw("],\"data_offsets\":[\(end),\(end + byteCount)]}")
      places[index] = end
      end += byteCount
    }
    writer.writeRaw("}")
    var header = writer.bytes
    header.append(contentsOf: repeatElement(0x20, count: (8 - header.count % 8) % 8))
    guard header.count <= ReadLimits().safetensorsHeaderBytes else {
      throw ParseFailure(
        .limitExceeded, "header", "\(header.count) bytes are more than readers take")
    }
    headerBytes = UInt64(header.count).littleEndianBytes + header
    offsets = places.map { $0 + 8 + header.count }
    byteCount = 8 + header.count + end
  }
}

extension DType {
  /// True if the format has this type.
  package var isSafetensorsType: Bool { self != .c32 && self != .c128 }

  /// The reference's order of types; files list the highest first.
  fileprivate var safetensorsRank: Int {
    switch self {
    case .bool: 0
    case .f4: 1
    case .f6E2M3: 2
    case .f6E3M2: 3
    case .u8: 4
    case .i8: 5
    case .f8E5M2: 6
    case .f8E4M3: 7
    case .f8E8M0: 8
    case .f8E4M3FNUZ: 9
    case .f8E5M2FNUZ: 10
    case .i16: 11
    case .u16: 12
    case .f16: 13
    case .bf16: 14
    case .i32: 15
    case .u32: 16
    case .f32: 17
    case .c64: 18
    case .f64: 19
    case .i64: 20
    case .u64: 21
    case .c32: 22
    case .c128: 23
    }
  }
}
