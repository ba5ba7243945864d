import CheckpointBytes
import ZipFormat

func fuzzZip(_ bytes: [UInt8]) {
  guard let file = ScratchFile.holding(bytes) else { return }
  let archive: ZipArchive
  var contents: [(name: ExactName, bytes: [UInt8])] = []
  do throws(CheckpointError) {
    archive = try ZipArchive(file)
    for member in archive.members {
      let content = try archive.bytes(of: member, limit: 1 << 20)
      let source = try archive.source(of: member)
      expect(content.count == member.byteCount, "a member has the size that it says")
      let again = try source.bytes(at: 0, count: source.byteCount)
      expect(again == content, "both ways to read a member agree")
      contents.append((member.name, content))
    }
  } catch {
    expectReadable(error)
    return
  }
  guard let written = rewritten(contents), let copy = ScratchFile.holding(written),
    let read = try? ZipArchive(copy)
  else { fatalError("what was read can be written and read again") }
  expect(read.members.map(\.name) == contents.map(\.name), "the names are the same")
  for (member, content) in zip(read.members, contents) {
    expect(
      (try? read.bytes(of: member, limit: 1 << 20)) == content.bytes, "the content is the same")
  }
}

private func rewritten(_ contents: [(name: ExactName, bytes: [UInt8])]) -> [UInt8]? {
  guard let layout = try? ZipLayout(members: contents.map { ($0.name, $0.bytes.count) }),
    let headers = try? layout.headers(crc32s: contents.map { CRC32.checksum($0.bytes) })
  else { return nil }
  var result = [UInt8](repeating: 0, count: layout.byteCount)
  for (index, content) in contents.enumerated() {
    let start = layout.dataOffset(of: index)
    result.replaceSubrange(start..<(start + content.bytes.count), with: content.bytes)
  }
  for header in headers {
    result.replaceSubrange(header.offset..<(header.offset + header.bytes.count), with: header.bytes)
  }
  return result
}
