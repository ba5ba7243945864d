import CheckpointBytes

func fuzzJSON(_ bytes: [UInt8]) {
  do throws(ParseFailure) {
    let value = try JSONValue(parsing: bytes, context: "input")
    for style in [JSONWriter.Style.compact, .indented] {
      var writer = JSONWriter(style: style)
      writer.write(value)
      let again = try? JSONValue(parsing: writer.bytes, context: "again")
      expect(again == value, "what is written is read as the same")
    }
    var reader = JSONReader(bytes, context: "input")
    try reader.skipValue()
    try reader.readEnd()
  } catch {
    expectReadable(error, in: bytes.count)
  }
}
