import CheckpointBytes
import SafetensorsFormat
import TensorValues
import TestSupport
import Testing

@Suite struct SafetensorsHeaderTests {
  private static let small = #"""
    {"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"é":{"dtype":"I8","shape":[1,3],"data_offsets":[8,11]}}
    """#

  @Test("Names, types, shapes, ranges and metadata are what the header says")
  func reads() throws {
    let header = try header(of: safetensors(Self.small + "   ", dataSize: 11))
    #expect(header.tensors.map(\.name) == ["b", "é"])
    #expect(header.tensors.map(\.dtype) == [.f32, .i8])
    #expect(header.tensors.map(\.shape.dimensions) == [[2], [1, 3]])
    #expect(header.tensors.map(\.range) == [0..<8, 8..<11])
    #expect(header.metadata?.map(\.key) == ["format"])
    #expect(header.metadata?.map(\.value) == ["pt"])
    #expect(header.dataOffset == 8 + Self.small.utf8.count + 3)
  }

  /// Each is read by `safetensors.deserialize` of 0.8.0.
  @Test(
    "What the reference reads is read",
    arguments: [
      ("{}", 0), ("{} \n\t ", 0), ("  \n{}", 0), (#"{"__metadata__":null}"#, 0),
      (#"{"__metadata__":{}}"#, 0), (#"{"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#, 1),
      (#"{"\u0000":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}"#, 1),
      (#"{"a":{"shape":[3,0],"data_offsets":[0,0],"dtype":"F64"}}"#, 0),
      (#"{"a":{"dtype":"U8","shape":[9223372036854775807,0],"data_offsets":[0,0]}}"#, 0),
      (
        #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
        2
      ),
      (#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"x":"\u0000é"}}"#, 1),
      (#"{"a":{"dtype":"F4","shape":[2,1],"data_offsets":[0,1]}}"#, 1),
      (#"{"a":{"dtype":"F6_E3M2","shape":[4],"data_offsets":[0,3]}}"#, 3),
      (
        #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"e":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}"#,
        8
      ),
      // Unaligned: the second begins at byte 1.
      (
        #"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"b":{"dtype":"F64","shape":[],"data_offsets":[1,9]}}"#,
        9
      ),
    ])
  func accepted(_ text: String, _ dataSize: Int) throws {
    #expect(try failure(safetensors(text, dataSize: dataSize)) == nil)
  }

  @Test("Tensors come in the order of their bytes, empty ones in the order of the header")
  func order() throws {
    let text = #"""
      {"z":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"y":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}
      """#
    #expect(
      try header(of: safetensors(text, dataSize: 2)).tensors.map(\.name) == ["z", "y", "a", "b"])
  }

  @Test("Names that differ in bytes alone are two tensors")
  func exactNames() throws {
    let text = #"""
      {"caf\u00e9":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"cafe\u0301":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}
      """#
    #expect(try header(of: safetensors(text)).tensors.count == 2)
  }

  @Test("No metadata, none stated and none in it are told apart")
  func metadata() throws {
    #expect(try header(of: safetensors("{}")).metadata == nil)
    #expect(try header(of: safetensors(#"{"__metadata__":null}"#)).metadata == nil)
    #expect(try header(of: safetensors(#"{"__metadata__":{}}"#)).metadata?.isEmpty == true)
  }

  @Test("Every beginning of a file is refused")
  func prefixes() throws {
    let bytes = safetensors(Self.small, dataSize: 11)
    #expect(try failure(bytes) == nil)
    for count in 0..<bytes.count {
      #expect(try failure(Array(bytes[..<count]))?.kind == .truncated, "\(count) bytes")
    }
  }

  @Test("Any change of a byte is refused or read, and never ends the process")
  func mutations() throws {
    let directory = try TemporaryDirectory()
    let bytes = safetensors(Self.small, dataSize: 11)
    for index in 0..<(bytes.count - 11) {
      for byte: UInt8 in [0, 0x20, 0x22, 0x2C, 0x2D, 0x39, 0x5C, 0x5D, 0x7B, 0x7D, 0x7F, 0xFF] {
        var changed = bytes
        changed[index] = byte
        let file = try SourceFile(path: try directory.write(changed, as: "model"))
        do throws(CheckpointError) {
          let header = try SafetensorsHeader(reading: file)
          #expect(header.tensors.last?.range.upperBound == file.size - header.dataOffset)
        } catch {
          #expect(error.site.file == file.path)
        }
      }
    }
  }

  @Test("A file is recognised by its length and its first brace")
  func recognition() {
    let bytes = safetensors("{}")
    #expect(SafetensorsHeader.recognises(prefix: bytes, fileSize: bytes.count))
    #expect(SafetensorsHeader.recognises(prefix: safetensors("  {}"), fileSize: 12))
    #expect(!SafetensorsHeader.recognises(prefix: safetensors("[]"), fileSize: 10))
    #expect(!SafetensorsHeader.recognises(prefix: bytes, fileSize: 9))
    #expect(!SafetensorsHeader.recognises(prefix: Array(bytes[..<8]), fileSize: 10))
    #expect(!SafetensorsHeader.recognises(prefix: safetensors("{}", headerLength: 0), fileSize: 10))
    #expect(
      !SafetensorsHeader.recognises(prefix: safetensors("{}", headerLength: .max), fileSize: 10))
    #expect(!SafetensorsHeader.recognises(prefix: [], fileSize: 0))
  }
}
