import CheckpointBytes
import CompressedStreams

func fuzzStreams(_ bytes: [UInt8]) {
  guard let kind = Decompression.Kind(bytes) else { return }
  let limit = 1 << 18
  let stream = Decompression(of: bytes, as: kind, limit: limit)
  expect(stream.bytes.count <= limit, "no more comes out than is allowed")
  expect(stream.inputByteCount <= bytes.count, "no more goes in than there is")
  if let failure = stream.failure { expectReadable(failure, in: bytes.count) }
  guard stream.failure == nil else { return }
  // What lies behind a stream changes nothing but what is joined to it.
  let again = Decompression(of: bytes + [0x0A], as: kind, limit: limit)
  expect(again.bytes == stream.bytes, "a byte behind it is no part of it")
}
