import CheckpointBytes
import Tokenizers
import Training

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

private let paths = ["jsonl", "csv", "tsv", "txt"].map {
  "/dev/shm/weighbridge-fuzz-\(getpid()).\($0)"
}

/// Words of a few letters, and everything else in bytes.
private let tokenizer: Tokenizer? = {
  let letters = (0..<256).map { "\"<0x" + hexadecimal($0) + ">\": \($0 + 1)" }
  let document = """
    {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>",
    "vocab": {"<unk>": 0, \(letters.joined(separator: ", ")), "a": 257, "b": 258, "ab": 259}, "merges": ["a b"]}}
    """
  guard let json = try? JSONValue(parsing: Array(document.utf8), context: "tokenizer") else {
    return nil
  }
  return try? Tokenizer(json: json, file: "tokenizer")
}()

private func hexadecimal(_ byte: Int) -> String {
  let digits = Array("0123456789ABCDEF")
  return String([digits[byte / 16], digits[byte % 16]])
}

/// The first byte says what the rest is: JSON lines, commas, tabs or texts.
func fuzzExamples(_ bytes: [UInt8]) {
  guard let first = bytes.first, let tokenizer else { return }
  let path = paths[Int(first) % paths.count]
  do throws(CheckpointError) {
    let file = try OutputFile(path: path)
    try file.write(Array(bytes.dropFirst()), at: 0)
    try file.commit()
    let data = try TrainingData(path: path)
    expect(!data.rows.isEmpty, "there is an example")
    for kind in TrainingTask.Kind.allCases {
      do throws(CheckpointError) {
        let task = try TrainingTask(kind, of: data)
        let examples = try task.examples(data, tokenizer, length: 16, takesTypes: true)
        expect(!examples.isEmpty, "examples become examples")
      } catch {
        expectReadable(error)
      }
    }
  } catch {
    expectReadable(error)
  }
}
