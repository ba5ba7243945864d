import CheckpointBytes
import TensorEngine
import Tokenizers
import Training

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

private let files = [".jsonl", ".csv", ".tsv", ".txt"].map { ScratchFile(ending: $0) }
private let folder = "/dev/shm/weighbridge-fuzz-\(getpid()).folder"

/// Words of a few letters, and everything else in bytes; the same with what BERT puts around texts.
private let tokenizers: [Tokenizer] = {
  let letters = (0..<256).map { "\"<0x" + hexadecimal($0) + ">\": \($0 + 1)" }
  let bytes = """
    {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>",
    "vocab": {"<unk>": 0, \(letters.joined(separator: ", ")), "a": 257, "b": 258, "ab": 259}, "merges": ["a b"]}}
    """
  let added = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"].enumerated().map { number, token in
    """
    {"id": \(number), "content": "\(token)", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
    "special": true}
    """
  }
  func part(_ kind: String, _ id: String, _ type: Int) -> String {
    "{\"\(kind)\": {\"id\": \"\(id)\", \"type_id\": \(type)}}"
  }
  let single = [
    part("SpecialToken", "[CLS]", 0), part("Sequence", "A", 0), part("SpecialToken", "[SEP]", 0),
  ].joined(separator: ", ")
  let pair = part("Sequence", "B", 1) + ", " + part("SpecialToken", "[SEP]", 1)
  let pieces = """
    {"version": "1.0", "added_tokens": [\(added.joined(separator: ", "))],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "TemplateProcessing", "single": [\(single)], "pair": [\(single), \(pair)], "special_tokens": {
      "[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[MASK]": 3, "a": 4, "b": 5, "##a": 6, "##b": 7, "day": 8, "?": 9}}}
    """
  return [bytes, pieces].compactMap { document in
    guard let json = try? JSONValue(parsing: Array(document.utf8), context: "tokenizer") else {
      return nil
    }
    return try? Tokenizer(json: json, file: "tokenizer")
  }
}()

private func hexadecimal(_ byte: Int) -> String {
  let digits = Array("0123456789ABCDEF")
  return String([digits[byte / 16], digits[byte % 16]])
}

/// The first byte says what the rest is: JSON lines, commas, tabs, texts or a directory of texts by label; which tokenizer cuts them, and
/// how many tokens they may have.
func fuzzExamples(_ bytes: [UInt8]) {
  expect(tokenizers.count == 2, "the tokenizers can be read")
  guard let first = bytes.first.map(Int.init) else { return }
  let form = first % (files.count + 1)
  let tokenizer = tokenizers[first / 5 % tokenizers.count]
  let length = [16, 6, 3][first / 10 % 3]
  do throws(CheckpointError) {
    let content = Array(bytes.dropFirst())
    var path = folder
    if form < files.count {
      guard let file = files[form].path(holding: content) else { return }
      path = file
    } else {
      try removeFolder()
      try writeFolder(content)
    }
    let data = try TrainingData(path: path)
    expect(!data.rows.isEmpty, "there is an example")
    for kind in TrainingTask.Kind.allCases {
      do throws(CheckpointError) {
        let task = try TrainingTask(kind, of: data)
        let examples = try task.examples(data, tokenizer, length: length, takesTypes: true)
        expect(!examples.isEmpty, "examples become examples")
        for example in examples { check(example, of: task, length: length, tokenizer) }
      } catch {
        expectReadable(error)
      }
    }
  } catch {
    expectReadable(error)
  }
}

private func write(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
  let file = try OutputFile(path: path)
  try file.write(bytes, at: 0)
  try file.commit()
}

/// Texts between NULs: the first line is the label and the second the name of the file.
private func writeFolder(_ bytes: [UInt8]) throws(CheckpointError) {
  try Directory.makeAll(folder)
  for text in bytes.split(separator: 0, maxSplits: 7) {
    let lines = text.split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
    guard lines.count == 3 else { continue }
    let names = lines[..<2].map { String(decoding: $0.prefix(40), as: UTF8.self) }
    guard names.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0x2F) })
    else { continue }
    try Directory.makeAll(Directory.join(folder, names[0]))
    try write(Array(lines[2]), to: Directory.join(Directory.join(folder, names[0]), names[1]))
  }
}

private func removeFolder() throws(CheckpointError) {
  guard try PathKind(path: folder) == .directory else { return }
  for label in try Directory.names(in: folder) {
    let directory = Directory.join(folder, label)
    for name in try Directory.names(in: directory) {
      try Directory.removeFile(Directory.join(directory, name))
    }
    Directory.removeIfEmpty(directory)
  }
  Directory.removeIfEmpty(folder)
}

/// What holds of examples of a task, whatever the rows are.
private func check(
  _ example: TrainingExample, of task: TrainingTask, length: Int, _ tokenizer: Tokenizer
) {
  let count = example.ids.count
  expect(count <= length, "an example is no longer than it may be")
  expect(example.typeIDs.map { $0.count == count } ?? true, "each token has a type")
  switch example.label {
  case .text(let label): expect(task.labels.names.indices.contains(label), "the class is one")
  case .numbers(let numbers):
    expect(numbers.allSatisfy(\.isFinite), "labels are numbers")
    expect(numbers.count == task.labels.count, "there is a number for each label")
  case .tokens(let labels):
    expect(labels.count == count, "each token has a label, or none")
    expect(
      labels.allSatisfy { $0 == ignoredLabel || task.labels.names.indices.contains($0) },
      "labels of tokens are classes")
  case .span(let start, let end):
    expect(
      0 <= start && start <= end && (end < count || count == 0 && end == 0),
      "an answer lies in the tokens")
  case .nextSentence(let label): expect(label == 0 || label == 1, "the second text follows or not")
  case .none: break
  }
  guard task.kind == .maskedLM || task.kind == .preTraining else { return }
  var masking = Masking(maskID: 3, vocabularyCount: tokenizer.vocabularyCount)
  masking.takesWholeWords = true
  var generator = CounterGenerator(seed: 1, .masking)
  let masked = masking(example, &generator)
  let words = example.maskedTogether
  expect(words.count == count && masked.ids.count == count, "each token may be hidden or not")
  for (place, label) in masked.labels.enumerated() {
    expect(label == ignoredLabel || label == example.ids[place], "what is hidden is the label")
    expect(label == ignoredLabel || words[place] != nil, "special tokens are not hidden")
    expect(
      (0..<tokenizer.vocabularyCount).contains(masked.ids[place]), "what stands there is a token")
  }
}
