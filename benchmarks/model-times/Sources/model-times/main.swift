// model-times DIRECTORY
//
// For each line of standard input one line of standard output: the seconds that it took, and a number by which the caller
// sees that the same was computed.
//
//   forward BATCH LENGTH      one pass over tokens 1000, 1001, …; the last number of the first output
//   generate TOKENS           greedy, after the tokens 1000…1007; the last token
//   encode PATH               every line of a file, as one batch; the number of tokens
//
// The model, or the tokenizer, is loaded when it is first needed.

import Weighbridge

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

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

  mutating func generate(_ count: Int) throws -> String {
    guard let model = try model() as? any CausalLanguageModel else { throw UsageError() }
    var settings = try model.defaultSettings
    settings.maxNewTokens = count
    settings.eosTokenIDs = []
    let inputs = try tokens(1, 8)
    return try timed { Double(try model.generate(inputs, settings).first?.last ?? -1) }
  }

  mutating func encode(_ path: String) throws -> String {
    let tokenizer = try tokenizer()
    let file = try SourceFile(path: path)
    let text = String(decoding: try file.bytes(at: 0, count: file.size), as: UTF8.self)
    let lines = text.split(separator: "\n").map { TokenizerInput(String($0)) }
    return try timed {
      Double(try tokenizer.encodeBatch(lines).reduce(0) { $0 + $1.ids.count })
    }
  }
}

var subject = Subject(directory: CommandLine.arguments.dropFirst().first ?? ".")
while let line = readLine() {
  let words = line.split(separator: " ").map(String.init)
  let numbers = words.compactMap { Int($0) }
  switch (words.first, numbers.count) {
  case ("forward", 2): print(try subject.forward(numbers[0], numbers[1]))
  case ("generate", 1): print(try subject.generate(numbers[0]))
  case ("encode", _) where words.count == 2: print(try subject.encode(words[1]))
  default: throw UsageError()
  }
  fflush(nil)
}
