import CheckpointBytes
import SafetensorsFormat

func fuzzSafetensors(_ bytes: [UInt8]) {
  guard let file = ScratchFile.holding(bytes) else { return }
  let header: SafetensorsHeader
  do throws(CheckpointError) {
    header = try SafetensorsHeader(reading: file)
  } catch {
    expectReadable(error)
    return
  }
  let data = header.tensors.reduce(0) { $0 + $1.range.count }
  expect(header.dataOffset + data == bytes.count, "the tensors cover the data")
  expect(
    SafetensorsHeader.recognises(prefix: bytes, fileSize: bytes.count),
    "what can be read is recognised")
  guard
    let layout = try? SafetensorsImage(
      tensors: header.tensors.map { .init(name: $0.name, dtype: $0.dtype, shape: $0.shape) },
      metadata: header.metadata)
  else { fatalError("what was read can be laid out") }
  let written = layout.headerBytes + [UInt8](repeating: 0, count: data)
  expect(written.count == layout.byteCount, "the size is that of header and data")
  guard let again = ScratchFile.holding(written), let read = try? SafetensorsHeader(reading: again)
  else { fatalError("what is written can be read") }
  func entries(_ header: SafetensorsHeader) -> [String] {
    header.tensors.map { "\(Array($0.name.string.utf8)) \($0.dtype) \($0.shape)" }.sorted()
  }
  expect(entries(read) == entries(header), "the tensors are the same")
  func metadata(_ header: SafetensorsHeader) -> [ExactName: ExactName]? {
    header.metadata.map { entries in
      Dictionary(uniqueKeysWithValues: entries.map { ($0.key, ExactName($0.value)) })
    }
  }
  expect(metadata(read) == metadata(header), "the metadata is the same")
}
