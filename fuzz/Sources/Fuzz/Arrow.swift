import CheckpointBytes
import Weighbridge

/// A stream or file of Arrow's, as `worker` and `--input` read one.
func fuzzArrow(_ bytes: [UInt8]) {
  // What does not begin as a stream or a file is one by its last bytes: mutations shall not be lost on the first ones.
  let marker: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
  let bytes = ArrowReader.recognizes(Array(bytes.prefix(6))) == true ? bytes : marker + bytes
  let beginning = Array(bytes.prefix(bytes.starts(with: marker) ? 4 : 6))
  var reader = ArrowReader(ByteInput(bytes, name: "input"), beginning: beginning)
  var (rowCount, valueByteCount) = (0, 0)
  do throws(CheckpointError) {
    while let rows = try reader.next() {
      expect(!rows.isEmpty, "there are rows until the end")
      rowCount += rows.count
      for row in rows {
        switch row {
        case .success(let row):
          let keys = Set(row.members.map(\.key))
          expect(keys.count == row.members.count, "a row has a column once")
          expect(!row.members.contains { $0.value == .null }, "what is missing is left out")
          for member in row.members { valueByteCount += member.value.size }
        case .failure(let row):
          expectReadable(row.error)
          expect(row.error.kind == .malformed, "a row's own error is a text's")
        }
      }
      // A bit is the least that a value takes: no value is made of what another one is made of.
      expect(rowCount <= 8 * bytes.count, "rows are made of bytes")
      // Texts that are views may share theirs: one for each sixteen bytes may be all of them.
      expect(
        valueByteCount <= (8 + bytes.count / 16) * bytes.count, "values are made of bytes")
    }
    let beyond: [Result<TaskRow, UnreadableRow>]?? = try? reader.next()
    expect(beyond.map { $0 == nil } ?? false, "the end stays the end")
  } catch {
    expectReadable(error)
    expect(error.site.offset.map { (0...bytes.count).contains($0) } ?? true, "a place in the input")
  }
}

extension JSONValue {
  /// Bytes of texts, and one for each other value.
  fileprivate var size: Int {
    string.map { $0.utf8.count } ?? elements?.reduce(0) { $0 + max(1, $1.size) } ?? 1
  }
}
