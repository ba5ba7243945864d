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

  @Test("Several texts, several outputs (2)")
  func block2() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let model = try BertModel.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let batch = try tokenizer.encodeBatch(
      [TokenizerInput("How heavy is it?"), TokenizerInput("What does it weigh?", pair: "A tonne.")],
      options: EncodingOptions(padding: Padding(.longest)))
    let outputs = try model(batch, options: RunOptions(extras: [.hiddenStates, .attentions]))
    for output in outputs.all { print(output.name, output.dimensions) }
    let first = outputs["hidden_states.0"]   // the embeddings
    _ = model
    _ = tokenizer
    _ = batch
    _ = outputs
    _ = first
  }

  @Test("Several texts, several outputs (3)")
  func block3() async throws {
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

  @Test("Masks, labels, vectors (4)")
  func block4() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let model = try BertForMaskedLM.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    for place in try model.fillMasks("the [MASK] of the scale", tokenizer: tokenizer, top: 3) {
      for proposal in place.proposals { print(proposal.probability, proposal.text) }
    }
    _ = model
    _ = tokenizer
  }

  @Test("Masks, labels, vectors (5)")
  func block5() async throws {
    let directory = try guide.directory("bert-classifier", "bert-uncased")
    let model = try BertForSequenceClassification.load(from: directory)
    let tokenizer = try Tokenizer.load(from: directory)
    let best = try model.classify("the scale is even", tokenizer: tokenizer).first
    print(best?.label ?? "", best?.score ?? 0)   // by id2label and problem_type
    _ = model
    _ = tokenizer
    _ = best
  }

  @Test("Masks, labels, vectors (6)")
  func block6() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    let embedder = try SentenceEmbedder.load(from: directory)   // pooling as the directory says
    let vectors = try embedder.embed(["How heavy is it?", "What does it weigh?"]).vectors
    _ = embedder
    _ = vectors
  }

  @Test("Going on with a text (7)")
  func block7() async throws {
    let directory = try guide.directory("gpt2", "gpt2")
    let source = try ModelSource(directory)
    let model = try source.load(GPT2LMHeadModel.self)
    let tokenizer = try source.tokenizer()

    var settings = try source.generationSettings(for: model)   // generation_config.json
    settings.maxNewTokens = 12
    settings.beamCount = 3
    let inputs = try model.inputs([tokenizer.encode("the scale")])
    let texts = try model.generate(inputs, settings)           // prompts included
    print(tokenizer.decode(texts[0], skipSpecialTokens: true))

    settings.beamCount = 1
    var text = tokenizer.streamingDecoder(skipSpecialTokens: true)
    for try await tokens in model.stream(inputs, settings) {
      print(try text.append(tokens[0]), terminator: "")
    }
    print(try text.finish())
    _ = source
    _ = model
    _ = tokenizer
    _ = inputs
    _ = texts
  }

  @Test("When something is wrong (8)")
  func block8() async throws {
    let directory = try guide.directory("bert-masked", "bert-uncased")
    do {
      _ = try BertForQuestionAnswering.load(from: directory)
    } catch {
      print(error.kind, error.site.file ?? "", error.tensor ?? "")
      print(error)   // what, where, expected and found, and what to do
    }
  }

  @Test("In your tests (9)")
  func block9() async throws {
    let directory = guide.path("tiny-bert"), golden = guide.path("golden/tiny-bert.safetensors")
    let model = try loadLanguageModel(from: directory)
    expectMatches(model, golden: golden)
    _ = model
  }
}
