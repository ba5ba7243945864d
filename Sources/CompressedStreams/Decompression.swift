package import CheckpointBytes

/// What comes out of compressed streams of a kind that zlib does not know, one behind another as the programs that read them
/// join them. As much as can be had is kept, because programs that read as they go see it too; checksums do not matter.
///
/// | kind | begins | specification |
/// |---|---|---|
/// | bzip2 | `BZh1` to `BZh9` | libbzip2 1.0.8, `decompress.c` |
/// | xz | `FD 37 7A 58 5A 00` | The .xz File Format 1.2.1 |
/// | LZMA alone | `5D 00 00` | LZMA SDK 23.01, `lzma-specification.txt` |
/// | LZ4 frame | `04 22 4D 18` | LZ4 Frame Format 1.6.4 |
package struct Decompression: Sendable {
  /// A kind of stream.
  package enum Kind: String, Sendable, CaseIterable {
    case bzip2, xz, lzma, lz4

    /// The kind that bytes begin as; nil for none of these. `lzma` has no signature, only a usual beginning.
    package init?(_ prefix: [UInt8]) {
      switch prefix {
      case _ where prefix.starts(with: XZReader.signature): self = .xz
      case _ where prefix.starts(with: LZ4Reader.signature): self = .lz4
      case _ where BZip2Reader.begins(prefix[...]): self = .bzip2
      case _ where prefix.starts(with: [0x5D, 0, 0]) && prefix.count >= LZMAReader.headerSize:
        self = .lzma
      default: return nil
      }
    }
  }

  /// The bytes that came out.
  package let bytes: [UInt8]
  /// The number of bytes that went in: up to the end of the last whole stream, or to where one is damaged.
  package let inputByteCount: Int
  /// Why less came out than there is, if so: damaged or cut short (`malformed`), not implemented (`unsupported`), or more than
  /// was allowed (`limitExceeded`).
  package let failure: ParseFailure?

  /// Decodes the streams that bytes begin with.
  ///
  /// - Parameter limit: The most bytes that may come out.
  package init(of bytes: [UInt8], as kind: Kind, limit: Int) {
    var output = DecodedBytes(limit: limit)
    var cursor = ByteCursor(bytes)
    var failure: ParseFailure?
    do throws(ParseFailure) {
      switch kind {
      case .bzip2:
        repeat {
          try BZip2Reader.read(&cursor, into: &output)
        } while BZip2Reader.begins(
          bytes[cursor.position...])
      case .xz:
        repeat {
          try XZReader.read(&cursor, into: &output)
        } while bytes[cursor.position...].starts(
          with: XZReader.signature)
      case .lzma: try LZMAReader.readAlone(&cursor, into: &output)
      case .lz4:
        repeat {
          try LZ4Reader.read(&cursor, into: &output)
        } while bytes[cursor.position...]
          .starts(with: LZ4Reader.signature)
      }
    } catch {
      failure = error
    }
    self.bytes = output.bytes
    inputByteCount = cursor.position
    self.failure = failure
  }

  /// Decodes the content of a ZIP member of the method for LZMA (APPNOTE 5.8.8).
  package init(ofZipLZMA bytes: [UInt8], limit: Int) {
    var output = DecodedBytes(limit: limit)
    var cursor = ByteCursor(bytes)
    var failure: ParseFailure?
    do throws(ParseFailure) {
      try LZMAReader.readZipMember(&cursor, into: &output)
    } catch {
      failure = error
    }
    self.bytes = output.bytes
    inputByteCount = cursor.position
    self.failure = failure
  }
}

/// The output of a decoder, which is also what it copies from; it grows with what really comes out, up to a limit.
struct DecodedBytes {
  private(set) var bytes: [UInt8] = []
  private let limit: Int

  init(limit: Int) { self.limit = max(0, limit) }

  var count: Int { bytes.count }

  private func refusal(_ offset: Int) -> ParseFailure {
    ParseFailure(
      .limitExceeded, at: offset, "compressed stream", "more than \(limit) bytes come out of it")
  }

  mutating func append(_ byte: UInt8, at offset: Int) throws(ParseFailure) {
    guard bytes.count < limit else { throw refusal(offset) }
    bytes.append(byte)
  }

  mutating func append(_ slice: ArraySlice<UInt8>, at offset: Int) throws(ParseFailure) {
    let room = limit - bytes.count
    bytes += slice.prefix(room)
    guard slice.count <= room else { throw refusal(offset) }
  }

  /// Repeats what lies `distance` bytes back; the repeated bytes may overlap what they make.
  ///
  /// - Parameter start: The first byte that may be referred to.
  mutating func `repeat`(
    _ distance: Int, _ length: Int, since start: Int, at offset: Int
  ) throws(ParseFailure) {
    guard distance > 0, distance <= bytes.count - start else {
      throw ParseFailure(
        .malformed, at: offset, "match",
        "lies \(distance) bytes back, there are \(bytes.count - start)")
    }
    let room = min(length, limit - bytes.count)
    for _ in 0..<room { bytes.append(bytes[bytes.count - distance]) }
    guard room == length else { throw refusal(offset) }
  }
}
