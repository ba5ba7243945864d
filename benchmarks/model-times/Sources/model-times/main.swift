// model-times DIRECTORY
//
// For each line of standard input one line of standard output: the seconds that it took, and a number by which the caller
// sees that the same was computed.
//
//   forward BATCH LENGTH      one pass over tokens 1000, 1001, …; the last number of the first output
//   quantise TO               stores the model as int8 in a directory; 0
//   generate TOKENS           greedy, after the tokens 1000…1007; the last token
//   encode documents|lines ids|offsets PATH
//                             a file's lines, or its pieces of 10,000 bytes, as one batch; the sum of ids, and of the
//                             offsets' ends
//
// The model, or the tokenizer, is loaded when it is first needed.

import Foundation
import Weighbridge

struct UsageError: Error {}

struct Subject {
  let directory: String
  private var loadedModel: (any LanguageModel)?
  private var loadedTokenizer: Tokenizer?

  init(directory: String) { self.directory = directory }

  private mutating func model() throws -> any LanguageModel {
    if let loadedModel { return loadedModel }
    let model = try loadLanguageModel(from: directory)
    loadedModel = model
    return model
  }

  private mutating func tokenizer() throws -> Tokenizer {
    if let loadedTokenizer { return loadedTokenizer }
    let tokenizer = try Tokenizer.load(from: directory)
    loadedTokenizer = tokenizer
    return tokenizer
  }

  private func tokens(_ batch: Int, _ length: Int) throws -> ModelInputs {
    ModelInputs(
      inputIDs: try TokenArray((0..<batch).map { _ in (0..<length).map { 1000 + $0 } }))
  }

  private func timed(_ body: () throws -> Double) rethrows -> String {
    let start = ContinuousClock.now
    let result = try body()
    return "\((ContinuousClock.now - start) / .seconds(1)) \(result)"
  }

  mutating func forward(_ batch: Int, _ length: Int) throws -> String {
    let model = try model()
    let inputs = try tokens(batch, length)
    return try timed { Double(try model.run(inputs, RunOptions()).all.first?.values.last ?? .nan) }
  }

  func quantise(to path: String) throws -> String {
    var options = ConversionOptions()
    options.dtype = .i8
    let plan = try ConversionPlan(
      Checkpoint.open(directory), named: directory, to: path, options: options)
    return try timed {
      _ = try plan.run()
      return 0
    }
  }

  mutating func generate(_ count: Int) throws -> String {
    guard let model = try model() as? any CausalLanguageModel else { throw UsageError() }
    var settings = try model.defaultSettings
    settings.maxNewTokens = count
    settings.eosTokenIDs = []
    let inputs = try tokens(1, 8)
    return try timed { Double(try model.generate(inputs, settings).first?.last ?? -1) }
  }

  mutating func encode(_ kind: String, _ fields: String, _ path: String) throws -> String {
    let tokenizer = try tokenizer()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let texts = kind == "lines" ? lines(of: bytes) : documents(of: bytes)
    return try timed {
      let rows = try tokenizer.encodeRows(texts, placesTokens: fields == "offsets")
      let ids = rows.ids.reduce(0) { $0 + Int($1) }
      return Double(rows.offsets?.reduce(ids) { $0 + Int($1.upperBound) } ?? ids)
    }
  }
}

func lines(of bytes: [UInt8]) -> [String] {
  bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
}

/// Pieces of ten thousand bytes, cut between characters.
func documents(of bytes: [UInt8]) -> [String] {
  var texts: [String] = []
  var start = 0
  while start < bytes.count {
    var end = min(start + 10_000, bytes.count)
    while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
    texts.append(String(decoding: bytes[start..<end], as: UTF8.self))
    start = end
  }
  return texts
}

var subject = Subject(directory: CommandLine.arguments.dropFirst().first ?? ".")
while let line = readLine() {
  let words = line.split(separator: " ").map(String.init)
  let numbers = words.compactMap { Int($0) }
  switch (words.first, numbers.count) {
  case ("forward", 2): print(try subject.forward(numbers[0], numbers[1]))
  case ("quantise", _) where words.count == 2: print(try subject.quantise(to: words[1]))
  case ("generate", 1): print(try subject.generate(numbers[0]))
  case ("encode", _) where words.count == 4:
    print(try subject.encode(words[1], words[2], words[3]))
  default: throw UsageError()
  }
  fflush(nil)
}
