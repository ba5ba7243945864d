// model-times DIRECTORY [PRECISION]
//
// For each line of standard input one line of standard output: the seconds that it took, and a number by which the caller
// sees that the same was computed.
//
//   forward BATCH LENGTH      one pass over tokens 1000, 1001, …; the last number of the first output
//   ragged LENGTH,LENGTH,…    one pass over texts of these lengths, without their padding; the last number of the last text
//   train BATCH LENGTH        one step of training with labels 0, 1, 0, …: forward, backward, clipping, AdamW; the loss before it
//   train-again BATCH LENGTH  the same, layers computed again on the way back
//   train-ragged LENGTH,LENGTH,…
//                             the same with texts of these lengths, without their padding
//   quantise TO               stores the model as int8 in a directory; 0
//   generate TOKENS PROMPT BATCH BEAMS
//                             so many tokens after each of BATCH prompts of PROMPT tokens, greedy or by beams; the sum of the
//                             tokens. A prompt is 1000, 1001, …, the next begins 37 further on, and so on
//   encode documents|lines ids|offsets PATH
//                             a file's lines, or its pieces of 10,000 bytes, as one batch; the sum of ids, and of the
//                             offsets' ends
//
// The model, or the tokenizer, is loaded when it is first needed. PRECISION is full, high or bfloat16: what products may round.

import Foundation
import TensorEngine
import Weighbridge

struct UsageError: Error {}

struct Subject {
  let directory: String
  let precision: Precision
  private var loadedModel: (any LanguageModel)?
  private var loadedTokenizer: Tokenizer?
  private var learner: (model: any LanguageModel, optimizer: Adam, ExecutionContext)?

  init(directory: String, precision: Precision) {
    self.directory = directory
    self.precision = precision
  }

  private mutating func model() throws -> any LanguageModel {
    if let loadedModel { return loadedModel }
    let context = try ExecutionContext(kernels: .best(at: precision))
    let model = try loadLanguageModel(from: directory, options: LoadOptions(context: context))
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

  /// Rows of other tokens.
  private func prompts(_ batch: Int, _ length: Int) throws -> ModelInputs {
    ModelInputs(
      inputIDs: try TokenArray(
        (0..<batch).map { row in (0..<length).map { 1000 + 37 * row + $0 } }))
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

  mutating func ragged(_ lengths: [Int]) throws -> String {
    let model = try model()
    let longest = lengths.max() ?? 0
    var inputs = try tokens(lengths.count, longest)
    inputs.attentionMask = try TokenArray(
      lengths.map { length in (0..<longest).map { $0 < length ? 1 : 0 } })
    return try timed {
      let output = try model.run(inputs, RunOptions(padding: .skipped)).all.first
      guard let output, let width = output.dimensions.last, let last = lengths.last else {
        return .nan
      }
      return Double(output.values[((lengths.count - 1) * longest + last) * width - 1])
    }
  }

  /// One step as `Trainer` makes it.
  mutating func train(_ lengths: [Int], again: Bool = false) throws -> String {
    if learner == nil {
      let context = try ExecutionContext(kernels: .best(at: precision))
      var options = LoadOptions(context: context)
      options.learns = true
      let model = try loadLanguageModel(from: directory, options: options)
      let groups = ParameterGroup.matrices(of: model.parameters, weightDecay: 0.01)
      learner = (model, Adam(groups, learningRate: 5e-5, in: context), context)
    }
    guard let (model, optimizer, context) = learner else { throw UsageError() }
    let longest = lengths.max() ?? 0
    var inputs = try tokens(lengths.count, longest)
    if lengths.contains(where: { $0 < longest }) {
      inputs.attentionMask = try TokenArray(
        lengths.map { length in (0..<longest).map { $0 < length ? 1 : 0 } })
    }
    inputs.labels.labels = LabelArray(
      try TokenArray(dimensions: [lengths.count], elements: lengths.indices.map { $0 % 2 }))
    return try timed {
      var options = RunOptions(
        padding: .skipped, dropout: RunOptions.Dropout(seed: 0, step: 0))
      options.recomputesLayers = again
      guard let loss = try model.run(inputs, options).loss else { throw UsageError() }
      try loss.backward()
      let norm = gradientNorm(optimizer.parameters, in: context)
      try optimizer.step(gradientFactor: clippingFactor(norm: norm, maximum: 1))
      optimizer.zeroGradients()
      return Double(loss.values.first ?? .nan)
    }
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

  mutating func generate(
    _ count: Int, _ prompt: Int, _ batch: Int, _ beams: Int
  ) throws -> String {
    guard let model = try model() as? any CausalLanguageModel else { throw UsageError() }
    var settings = try model.defaultSettings
    settings.maxNewTokens = count
    settings.minNewTokens = count
    settings.beamCount = beams
    settings.eosTokenIDs = []
    let inputs = try prompts(batch, prompt)
    return try timed {
      let rows = try model.generate(inputs, settings)
      return Double(rows.joined().reduce(0, +))
    }
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

let words = CommandLine.arguments.dropFirst()
guard
  let precision = Precision.allCases.first(where: { "\($0)" == words.dropFirst().first ?? "full" })
else { throw UsageError() }
var subject = Subject(directory: words.first ?? ".", precision: precision)
while let line = readLine() {
  let words = line.split(separator: " ").map(String.init)
  let numbers = words.compactMap { Int($0) }
  switch (words.first, numbers.count) {
  case ("forward", 2): print(try subject.forward(numbers[0], numbers[1]))
  case ("train-again", 2):
    print(try subject.train(Array(repeating: numbers[1], count: numbers[0]), again: true))
  case ("train", 2): print(try subject.train(Array(repeating: numbers[1], count: numbers[0])))
  case ("train-ragged", _) where words.count == 2:
    print(try subject.train(words[1].split(separator: ",").compactMap { Int($0) }))
  case ("quantise", _) where words.count == 2: print(try subject.quantise(to: words[1]))
  case ("ragged", _) where words.count == 2:
    print(try subject.ragged(words[1].split(separator: ",").compactMap { Int($0) }))
  case ("generate", 4):
    print(try subject.generate(numbers[0], numbers[1], numbers[2], numbers[3]))
  case ("encode", _) where words.count == 4:
    print(try subject.encode(words[1], words[2], words[3]))
  default: throw UsageError()
  }
  fflush(nil)
}
