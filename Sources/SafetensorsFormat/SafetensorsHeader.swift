package import CheckpointBytes
package import TensorValues

/// The header of a safetensors file, validated.
///
///     ┌──────────────┬───────────────────────────────────────┬──────────────────────────┐
///     │ N: u64, LE   │ N bytes of JSON, padded with spaces   │ tensor data, no holes    │
///     └──────────────┴───────────────────────────────────────┴──────────────────────────┘
///      0              8                                       8 + N
///
/// What is accepted is what the reference accepts (`safetensors/src/tensor.rs`, 0.8.0), less what would be ambiguous or
/// lost: a tensor name or metadata key that occurs twice, an entry with unknown fields, an entry written as an array.
package struct SafetensorsHeader: Sendable {
  /// What the header says of one tensor.
  package struct Tensor: Sendable, Hashable {
    /// The tensor's name.
    package let name: ExactName
    /// The type of its elements.
    package let dtype: DType
    /// Its extents.
    package let shape: Shape
    /// Where its bytes lie, counted from the start of the data.
    package let range: Range<Int>
  }

  /// The tensors in the order of their bytes; tensors without bytes in the order of the header.
  package let tensors: [Tensor]
  /// The entries of `__metadata__` in the order of the header; nil if there is none.
  package let metadata: [(key: ExactName, value: String)]?
  /// Where the data begins in the file.
  package let dataOffset: Int

  /// Reads and validates the header of a file. No tensor data is read.
  ///
  /// - Throws: `truncated`, `malformed`, `limitExceeded`, or `unsupported` for a dtype that is not in the format.
  package init(reading file: SourceFile, limits: ReadLimits = ReadLimits()) throws(CheckpointError)
  {
    let length = try SafetensorsHeader.headerLength(of: file, limits: limits)
    let text = try file.bytes(at: 8, count: length)
    let dataOffset = 8 + length
    self = try locating(file: file.path) { () throws(ParseFailure) in
      var parser = SafetensorsHeaderParser(limits: limits)
      try parser.parse(text, base: 8)
      return SafetensorsHeader(
        tensors: try parser.orderedTensors(dataSize: file.size - dataOffset, base: 8),
        metadata: parser.metadata, dataOffset: dataOffset)
    }
  }

  private init(
    tensors: [Tensor], metadata: [(key: ExactName, value: String)]?, dataOffset: Int
  ) {
    self.tensors = tensors
    self.metadata = metadata
    self.dataOffset = dataOffset
  }

  private static func headerLength(
    of file: SourceFile, limits: ReadLimits
  ) throws(CheckpointError) -> Int {
    let field = "header length"
    guard file.size >= 8 else {
      throw CheckpointError(
        .truncated, file: file.path, offset: 0, field: field,
        "expected 8 bytes, the file has \(file.size)")
    }
    let prefix = try file.bytes(at: 0, count: 8)
    let length = try locating(file: file.path) { () throws(ParseFailure) in
      var cursor = ByteCursor(prefix)
      return try cursor.read(UInt64.self, .little, field)
    }
    guard length > 0 else {
      throw CheckpointError(
        .malformed, file: file.path, offset: 0, field: field, "the header is empty")
    }
    guard length <= UInt64(clamping: limits.safetensorsHeaderBytes) else {
      throw CheckpointError(
        .limitExceeded, file: file.path, offset: 0, field: field,
        "\(length) bytes, at most \(limits.safetensorsHeaderBytes) are allowed",
        remedy: "is this a safetensors file?")
    }
    guard length <= UInt64(file.size - 8) else {
      throw CheckpointError(
        .truncated, file: file.path, offset: 0, field: field,
        "the header takes \(length) bytes, the file has \(file.size - 8) after its length")
    }
    return Int(length)
  }
}

extension SafetensorsHeader {
  /// True if the first bytes of a file can be those of a safetensors file: a plausible length, then an object.
  package static func recognises(prefix: [UInt8], fileSize: Int) -> Bool {
    guard prefix.count > 8 else { return false }
    var length: UInt64 = 0
    for byte in prefix[0..<8].reversed() { length = length << 8 | UInt64(byte) }
    guard length > 0, length <= 100_000_000, length <= UInt64(max(0, fileSize - 8)) else {
      return false
    }
    let text = prefix[8...].first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    return text == UInt8(ascii: "{")
  }
}
