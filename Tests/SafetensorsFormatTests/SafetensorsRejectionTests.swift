import CheckpointBytes
import SafetensorsFormat
import TestSupport
import Testing

/// A header that is refused, and how.
struct Rejection: Sendable, CustomTestStringConvertible {
  let header: String
  let dataSize: Int
  let kind: FailureKind
  /// In the header, whose first byte has the offset 8 in the file.
  let offset: Int
  let tensor: String?

  init(
    _ header: String, data dataSize: Int = 0, _ kind: FailureKind = .malformed, at offset: Int,
    tensor: String? = nil
  ) {
    self.header = header
    self.dataSize = dataSize
    self.kind = kind
    self.offset = offset
    self.tensor = tensor
  }

  var testDescription: String { "\(header) + \(dataSize) bytes" }
}

@Suite struct SafetensorsRejectionTests {
  private func check(_ rejection: Rejection) throws {
    let error = try failure(safetensors(rejection.header, dataSize: rejection.dataSize))
    let found = try #require(error)
    #expect(found.kind == rejection.kind)
    #expect(found.site.offset == 8 + rejection.offset)
    #expect(found.tensor == rejection.tensor)
    #expect(found.site.file?.hasSuffix("model.safetensors") == true)
    #expect(!found.description.contains("\n"))
  }

  @Test(
    "A header must be one JSON object and nothing else",
    arguments: [
      Rejection("[]", at: 0), Rejection("1", at: 0), Rejection("null", at: 0),
      Rejection("{", .truncated, at: 1), Rejection("   ", .truncated, at: 3),
      Rejection("{}{}", at: 2), Rejection("{}x", at: 2), Rejection("{}\u{0}", at: 2),
      Rejection("\u{FEFF}{}", at: 0), Rejection("{'a':1}", at: 1),
      Rejection("{\"a\":1,}", at: 5, tensor: "a"),
      Rejection(#"{"\ud800":1}"#, at: 2),
    ])
  func documents(_ rejection: Rejection) throws {
    try check(rejection)
  }

  @Test(
    "An entry must have its three fields, each once, and no other",
    arguments: [
      Rejection(#"{"a":{}}"#, at: 5, tensor: "a"),
      Rejection(#"{"a":{"dtype":"U8","shape":[0]}}"#, at: 5, tensor: "a"),
      Rejection(#"{"a":{"dtype":"U8","data_offsets":[0,0]}}"#, at: 5, tensor: "a"),
      Rejection(#"{"a":{"shape":[0],"data_offsets":[0,0]}}"#, at: 5, tensor: "a"),
      Rejection(#"{"a":["U8",[0],[0,0]]}"#, at: 5, tensor: "a"),
      Rejection(#"{"a":null}"#, at: 5, tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}"#, at: 5, tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, at: 5, tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}"#, at: 5, tensor: "a"),
      Rejection(#"{"a":{"dtype":1,"shape":[0],"data_offsets":[0,0]}}"#, at: 5, tensor: "a"),
      Rejection(#"{"a":{"dtype":"U8","shape":0,"data_offsets":[0,0]}}"#, at: 5, tensor: "a"),
      Rejection(#"{"a":{"dtype":"U8","shape":["0"],"data_offsets":[0,0]}}"#, at: 5, tensor: "a"),
    ])
  func fields(_ rejection: Rejection) throws {
    try check(rejection)
  }

  @Test(
    "A dtype must be one of the format's",
    arguments: [
      Rejection(
        #"{"a":{"dtype":"F128","shape":[0],"data_offsets":[0,0]}}"#, .unsupported, at: 5,
        tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"f32","shape":[0],"data_offsets":[0,0]}}"#, .unsupported, at: 5, tensor: "a"
      ),
      // PyTorch's and NumPy's; safetensors 0.8.0 has neither.
      Rejection(
        #"{"a":{"dtype":"C32","shape":[0],"data_offsets":[0,0]}}"#, .unsupported, at: 5, tensor: "a"
      ),
      Rejection(
        #"{"a":{"dtype":"C128","shape":[0],"data_offsets":[0,0]}}"#, .unsupported, at: 5,
        tensor: "a"),
    ])
  func dtypes(_ rejection: Rejection) throws {
    try check(rejection)
  }

  @Test(
    "Numbers are integers from 0 to 2⁶³ − 1, written as such",
    arguments: [
      "-1", "-0", "1.0", "1e0", "0.5", "9223372036854775808", "18446744073709551616",
      "99999999999999999999999999",
    ])
  func numbers(_ number: String) throws {
    for header in [
      #"{"a":{"dtype":"U8","shape":[\#(number)],"data_offsets":[0,0]}}"#,
      #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[\#(number),0]}}"#,
      #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,\#(number)]}}"#,
    ] {
      try check(Rejection(header, at: 5, tensor: "a"))
    }
  }

  @Test(
    "Shape, dtype and offsets must agree",
    arguments: [
      Rejection(
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, data: 4, at: 5, tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}"#, data: 16, at: 5, tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}"#, data: 2, at: 5, tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2,2]}}"#, data: 2, at: 5, tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[2]}}"#, data: 2, at: 5, tensor: "a"),
      Rejection(#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,0]}}"#, at: 5, tensor: "a"),
      // Half a byte, and two bits.
      Rejection(
        #"{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}"#, data: 2, at: 5, tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"F6_E2M3","shape":[3],"data_offsets":[0,3]}}"#, data: 3, at: 5, tensor: "a"),
    ])
  func sizes(_ rejection: Rejection) throws {
    try check(rejection)
  }

  @Test(
    "A number of elements or bytes that overflows is refused",
    arguments: [
      Rejection(
        #"{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, at: 5,
        tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}"#, data: 4,
        at: 5,
        tensor: "a"),
      Rejection(
        #"{"a":{"dtype":"F4","shape":[9223372036854775807],"data_offsets":[0,0]}}"#, at: 5,
        tensor: "a"),
    ])
  func overflow(_ rejection: Rejection) throws {
    try check(rejection)
  }

  private static let a = #""a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}"#

  @Test(
    "Tensors cover the data: no hole, no overlap, nothing before or behind",
    arguments: [
      Rejection(
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, data: 3, at: 0, tensor: "a"),
      Rejection("{\(a)}", data: 3, at: 0), Rejection("{}", data: 1, at: 0),
      Rejection("{\(a)}", data: 1, .truncated, at: 0), Rejection("{\(a)}", .truncated, at: 0),
      Rejection(
        #"{\#(a),"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}"#, data: 5, at: 0, tensor: "b"
      ),
      Rejection(
        #"{\#(a),"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, data: 3, at: 0, tensor: "b"
      ),
      Rejection(
        #"{\#(a),"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: 2, at: 0, tensor: "b"
      ),
      // An empty tensor inside another.
      Rejection(
        #"{\#(a),"b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}"#, data: 2, at: 0, tensor: "b"
      ),
      Rejection(
        #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[9223372036854775807,9223372036854775807]}}"#,
        at: 0, tensor: "a"),
    ])
  func coverage(_ rejection: Rejection) throws {
    try check(rejection)
  }

  @Test(
    "A name that occurs twice is refused, however it is written and whatever it holds",
    arguments: [
      Rejection("{\(a),\(a)}", data: 2, at: 57, tensor: "a"),
      Rejection(
        #"{\#(a),"\u0061":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#, data: 4, at: 62,
        tensor: "a"),
    ])
  func duplicates(_ rejection: Rejection) throws {
    try check(rejection)
  }

  @Test(
    "Metadata is one object of strings, its keys unique",
    arguments: [
      Rejection(#"{"__metadata__":1}"#, at: 16), Rejection(#"{"__metadata__":["a"]}"#, at: 16),
      Rejection(#"{"__metadata__":"a"}"#, at: 16), Rejection(#"{"__metadata__":{"a":1}}"#, at: 21),
      Rejection(#"{"__metadata__":{"a":null}}"#, at: 21),
      Rejection(#"{"__metadata__":{"a":{}}}"#, at: 21),
      Rejection(#"{"__metadata__":{"a":"b","a":"b"}}"#, at: 29),
      Rejection(#"{"__metadata__":{},"__metadata__":{}}"#, at: 34),
      Rejection(#"{"__metadata__":null,"__metadata__":{"a":"b"}}"#, at: 36),
      Rejection(#"{"__metadata__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, at: 38),
    ])
  func metadata(_ rejection: Rejection) throws {
    try check(rejection)
  }

  @Test("The length of the header is held against the file and the limit before anything is read")
  func lengths() throws {
    let expected: [([UInt8], FailureKind)] = [
      ([], .truncated), ([1, 2, 3, 4, 5, 6, 7], .truncated),
      (safetensors("", headerLength: 0), .malformed),
      (safetensors("{}", headerLength: 0), .malformed),
      (safetensors("{}", headerLength: 3), .truncated),
      (safetensors("{}", headerLength: 100_000_000), .truncated),
      (safetensors("{}", headerLength: 100_000_001), .limitExceeded),
      (safetensors("{}", headerLength: .max), .limitExceeded),
      (safetensors("{}", headerLength: 1 << 63), .limitExceeded),
    ]
    for (bytes, kind) in expected {
      let error = try #require(try failure(bytes))
      #expect(error.kind == kind)
      #expect(error.site.offset == 0)
      #expect(error.site.field == "header length")
    }
  }

  @Test("Limits on tensors and names are kept")
  func limits() throws {
    var limits = ReadLimits()
    limits.tensorCount = 2
    limits.nameBytes = 3
    func entries(_ names: String...) -> [UInt8] {
      let texts = names.map { #""\#($0)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"# }
      return safetensors("{" + texts.joined(separator: ",") + "}")
    }
    #expect(try failure(entries("a", "b"), limits: limits) == nil)
    #expect(try failure(entries("a", "b", "c"), limits: limits)?.kind == .limitExceeded)
    #expect(try failure(entries("éa"), limits: limits) == nil)
    #expect(try failure(entries("éé"), limits: limits)?.kind == .limitExceeded)
    #expect(try failure(entries("éé"), limits: limits)?.tensor == "éé")
    // Of the shape alone: offsets are two whatever it is.
    limits.rank = 1
    func shape(_ text: String) -> [UInt8] {
      safetensors(#"{"a":{"dtype":"U8","shape":[\#(text)],"data_offsets":[0,0]}}"#)
    }
    #expect(try failure(shape("0"), limits: limits) == nil)
    #expect(try failure(shape("0,0"), limits: limits)?.kind == .limitExceeded)
    func notes(_ text: String) -> [UInt8] { safetensors(#"{"__metadata__":{\#(text)}}"#) }
    #expect(try failure(notes(#""a":"","b":"""#), limits: limits) == nil)
    #expect(
      try failure(notes(#""a":"","b":"","c":"""#), limits: limits)?.kind == .limitExceeded)
  }

  @Test("Nesting is no way to the end of the stack")
  func nesting() throws {
    let deep = String(repeating: #"{"a":"#, count: 100_000)
    #expect(try failure(safetensors(deep))?.kind == .malformed)
    let list = #"{"a":{"shape":"# + String(repeating: "[", count: 100_000)
    #expect(try failure(safetensors(list))?.kind == .malformed)
  }

  @Test("A message is one sentence that a person can act on")
  func messages() throws {
    let directory = try TemporaryDirectory()
    func message(_ bytes: [UInt8]) throws -> String {
      let path = try directory.write(bytes, as: "m.safetensors")
      let error = #expect(throws: CheckpointError.self) {
        try SafetensorsHeader(reading: SourceFile(path: path))
      }
      return try #require(error).description.replacing(directory.path + "/", with: "")
    }
    #expect(
      try message(
        safetensors(
          #"{"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}}"#, dataSize: 20))
          == """
          m.safetensors: tensor 'a.weight': header at byte 20: F32 [2, 3] takes 24 bytes, \
          data_offsets give 20 (malformed)
          """)
    #expect(
      try message(safetensors("{}", headerLength: 1 << 60)) == """
        m.safetensors: header length at byte 0: 1152921504606846976 bytes, at most 100000000 are \
        allowed (limit exceeded); is this a safetensors file?
        """)
    #expect(
      try message(safetensors("{\(Self.a)}", dataSize: 1)) == """
        m.safetensors: data at byte 8: the tensors take 2 bytes, the file has 1 after the header \
        (truncated)
        """)
  }
}
