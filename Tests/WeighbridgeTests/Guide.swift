// swift-format-ignore-file
// Made by scripts/guide of docs/loading-from-swift.md: change the page.

import Testing
import Weighbridge
import WeighbridgeTesting

@Suite("The guide docs/loading-from-swift.md")
struct GuideTests {
  private let guide = GuideModels()

  @Test("A model and its tokenizer (1)")
  func block1() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let model = try BertForMaskedLM.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let output = try model(tokenizer.encode("Paris is the [MASK] of France."))
    let logits = output.logits?.values      // [Float], row-major
    let shape = output.logits?.dimensions   // [1, 12, 240]: batch, sequence, vocabulary
    _ = model
    _ = tokenizer
    _ = output
    _ = logits
    _ = shape
  }

  @Test("A model and its tokenizer (2)")
  func block2() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let options = try LoadOptions(threads: 2)   // models loaded with the same options share them
    let model = try BertForMaskedLM.load(from: directory, options: options)
    _ = options
    _ = model
  }

  @Test("Several texts, several outputs (3)")
  func block3() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let model = try BertModel.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let batch = try tokenizer.encodeBatch(
      ["How heavy is it?", "What does it weigh?"],
      options: EncodingOptions(truncation: Truncation(maximumLength: 64), padding: Padding(.longest)))
    let outputs = try model(batch, options: RunOptions(extras: [.hiddenStates, .attentions]))
    for output in outputs.all { print(output.name, output.dimensions) }
    let first = outputs["hidden_states.0"]   // the embeddings
    _ = model
    _ = tokenizer
    _ = batch
    _ = outputs
    _ = first
  }

  @Test("Several texts, several outputs (4)")
  func block4() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let model = try loadLanguageModel(from: directory)
    let ids = try TokenArray([[2, 57, 14, 99, 8, 3], [2, 40, 71, 3, 0, 0]])
    let mask = try TokenArray([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    let outputs = try model(ModelInputs(inputIDs: ids, attentionMask: mask))
    _ = model
    _ = ids
    _ = mask
    _ = outputs
  }

  @Test("Scores, row by row (5)")
  func block5() async throws {
    let directory = try guide.directory("gpt2", "gpt2")
    let model = try GPT2LMHeadModel.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let encoding = try tokenizer.encode("the scale")
    if let next = try model(encoding).logits?.row(0, encoding.count - 1)?.softmax() {
      for token in next.topK(3) { print(next[token], tokenizer.decode([token])) }
    }
    _ = model
    _ = tokenizer
    _ = encoding
  }

  @Test("Scores, row by row (6)")
  func block6() async throws {
    let directory = try guide.directory("bert-tagger", "bert-uncased")
    let model = try BertForTokenClassification.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let text = "Weigh the truck in Genoa."
    let encoding = try tokenizer.encode(text)
    for (token, row) in (try model(encoding).logits?.rows ?? []).enumerated() {
      guard encoding.wordIDs[token] != nil, let label = row.argmax() else { continue }   // [CLS], [SEP]
      print(
        text[scalars: encoding.offsets[token]], model.configuration.labels.name(of: label),
        row.softmax()[label])
    }
    _ = model
    _ = tokenizer
    _ = text
    _ = encoding
  }

  @Test("Scores, row by row (7)")
  func block7() async throws {
    let directory = try guide.directory("bert-answerer", "bert-uncased")
    let model = try BertForQuestionAnswering.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let context = "The scale shows forty tonnes."
    let encoding = try tokenizer.encode("What does it show?", pair: context)
    let outputs = try model(encoding)
    if let starts = outputs["start_logits"]?.row(0), let ends = outputs["end_logits"]?.row(0) {
      let tokens = encoding.sequenceIDs.indices.filter { encoding.sequenceIDs[$0] == 1 }
      let spans = tokens.flatMap { first in
        tokens.filter { first <= $0 && $0 < first + 15 }.map { first...$0 }
      }
      func score(_ span: ClosedRange<Int>) -> Float { starts[span.lowerBound] + ends[span.upperBound] }
      if let best = spans.max(by: { score($0) < score($1) }) {
        let offsets = encoding.offsets[best]
        let place = (offsets.first?.lowerBound ?? 0)..<(offsets.last?.upperBound ?? 0)
        print(context[scalars: place])
      }
    }
    _ = model
    _ = tokenizer
    _ = context
    _ = encoding
    _ = outputs
  }

  @Test("Masks, labels, vectors (8)")
  func block8() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let model = try BertForMaskedLM.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    for place in try model.fillMasks("the [MASK] of the scale", tokenizer: tokenizer, top: 3) {
      for proposal in place.proposals { print(proposal.probability, proposal.text) }
    }
    _ = model
    _ = tokenizer
  }

  @Test("Masks, labels, vectors (9)")
  func block9() async throws {
    let directory = try guide.directory("bert-classifier", "bert-uncased")
    let model = try BertForSequenceClassification.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let best = try model.classify("the scale is even", tokenizer: tokenizer).first
    print(best?.label ?? "", best?.score ?? 0)   // by id2label and problem_type
    _ = model
    _ = tokenizer
    _ = best
  }

  @Test("Masks, labels, vectors (10)")
  func block10() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let embedder = try SentenceEmbedder.load(from: directory)   // pooling as the directory says
    let vectors = try embedder.embed(["How heavy is it?", "What does it weigh?"]).vectors
    print(vectors[0].cosineSimilarity(to: vectors[1]))
    _ = embedder
    _ = vectors
  }

  @Test("Masks, labels, vectors (11)")
  func block11() async throws {
    let directory = try guide.directory("bert-answerer", "bert-uncased")
    let model = try TextModel.load(from: directory, head: .questionAnswering)
    var task = try QuestionAnswering(model)
    task.top = 2
    let question = Question("What does it show?", context: "The scale shows forty tonnes.")
    for answer in try task.answer(to: question) { print(answer.score, answer.text, answer.place) }
    for result in task.answers(to: [question, Question("", context: "a")]) { print(result) }
    _ = model
    _ = question
  }

  @Test("Going on with a text (12)")
  func block12() async throws {
    let directory = try guide.directory("gpt2", "gpt2")
    let model = try GPT2LMHeadModel.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)

    var settings = try model.defaultSettings         // generation_config.json
    settings.maxNewTokens = 12
    settings.beamCount = 3
    let inputs = try model.inputs([tokenizer.encode("the scale")])
    let texts = try model.generate(inputs, settings)   // prompts included
    print(tokenizer.decode(texts[0], skipSpecialTokens: true))

    settings.beamCount = 1
    var text = tokenizer.streamingDecoder(skipSpecialTokens: true)
    for try await tokens in model.stream(inputs, settings) {
      print(try text.append(tokens[0]), terminator: "")
    }
    print(try text.finish())
    _ = model
    _ = tokenizer
    _ = inputs
    _ = texts
  }

  @Test("Parameters, and saving a model (13)")
  func block13() async throws {
    let directory = try guide.directory("bert-classifier", "bert-uncased")
    let model = try BertForSequenceClassification.load(from: directory)
    for parameter in model.parameters { print(parameter.name, parameter.shape, parameter.dtype) }
    print(model.parameters.elementCount, model.parameters.byteCount)

    try model.parameters.unfreeze(NamePattern("classifier.*"))     // all are frozen when they are loaded
    print(model.parameters.trainableElementCount)

    let norm = model.parameters["bert.embeddings.LayerNorm.weight"]
    let numbers = try norm?.weight.floats()                        // [Float], row-major
    _ = model
    _ = norm
    _ = numbers
  }

  @Test("Parameters, and saving a model (14)")
  func block14() async throws {
    let directory = try guide.directory("bert-classifier", "bert-uncased"), other = try guide.directory("bert-classifier", "bert-uncased"), saved = try guide.newPath("saved")
    let model = try BertForSequenceClassification.load(from: directory)
    let checkpoint = try Checkpoint.open(other)
    if let weight = checkpoint.graph.weights["classifier.weight"] {
      try model.parameters["classifier.weight"]?.replace(with: weight)
    }
    try model.save(to: saved)                                      // model.safetensors, config.json, tokenizer

    var options = ConversionOptions()
    options.format = .hdf5                                         // tf_model.h5, for TFBertForSequenceClassification
    options.dtype = .f16
    let receipt = try model.save(to: saved + "/tensorflow", options: options)
    print(receipt.files.map(\.path))
    _ = model
    _ = checkpoint
    _ = receipt
  }

  @Test("Weights, and converting them (15)")
  func block15() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased"), destination = try guide.newPath("model.h5")
    let checkpoint = try Checkpoint.open(directory)                // structure only, no tensor data
    for (name, weight) in checkpoint.graph.weights { print(name, weight) }   // …LayerNorm.weight F32 [32], 128 B
    let norm = checkpoint.graph.weights["bert.embeddings.LayerNorm.weight"]
    let numbers = try norm?.floats()                               // [Float], row-major

    let plan = try ConversionPlan(
      checkpoint, named: directory, to: destination, options: ConversionOptions())
    print(plan)                                                    // as `convert --dry-run` prints it
    let receipt = try plan.run()
    print(receipt)                                                 // what was carried, changed, left out, verified
    print(receipt.json)                                            // the same for programs
    _ = checkpoint
    _ = norm
    _ = numbers
    _ = plan
    _ = receipt
  }

  @Test("Weights, and converting them (16)")
  func block16() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased"), path = try guide.newPath("manifest.json")
    try CheckpointManifest(of: Checkpoint.open(directory), at: directory).write(to: path)

    var opening = OpenOptions()
    opening.manifest = try CheckpointManifest(contentsOf: path)
    let model = try BertForMaskedLM.load(from: directory, opening: opening)
    _ = model
  }

  @Test("Weights, and converting them (17)")
  func block17() async throws {
    let path = try guide.newPath("mine.safetensors")
    var graph = WeightGraph()
    try graph.insert(try Weight([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]), as: "scale")
    try graph.insert(try Weight([7, 8] as [Int64]), as: "ids")
    try graph.write(to: path)
    let half = try graph["scale"]?.cast(to: .f16)
    _ = half
  }

  @Test("When something is wrong (18)")
  func block18() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    do {
      _ = try BertForQuestionAnswering.load(from: directory)
    } catch {
      print(error.kind, error.site.file ?? "", error.tensor ?? "")
      print(error)   // what, where, expected and found, and what to do
    }
  }

  @Test("In your tests (19)")
  func block19() async throws {
    let directory = guide.path("tiny-bert"), golden = guide.path("golden/tiny-bert.safetensors")
    let model = try loadLanguageModel(from: directory)
    expectMatches(model, golden: golden)
    expectClose([0.1 + 0.2, 1], [0.3, 1])   // a port of your own beside recorded numbers
    _ = model
  }
}
