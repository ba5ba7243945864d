import TestSupport
import Testing
import Weighbridge

@Suite("What print says of values")
struct PrintingTests {
  @Test("Checkpoints, graphs and weights say what they are")
  func checkpoints() throws {
    let path = Fixtures.path("tiny-bert/model.safetensors")
    let checkpoint = try Checkpoint.open(path)
    #expect("\(checkpoint.graph)" == "42 tensors, 91.8 KB")
    #expect("\(checkpoint)" == "\(path): safetensors (safetensors), 42 tensors, 91.8 KB")
    let weight = try #require(checkpoint.graph["bert.embeddings.position_embeddings.weight"])
    #expect("\(weight)" == "F32 [40, 32], 5.12 KB")
    #expect("\(WeightGraph())" == "0 tensors, 0 B")
    #expect("\(try Weight([1] as [Float]))" == "F32 [1], 4 B")
  }

  @Test("Models, what they are made of and what they give")
  func models() throws {
    let model = try BertForMaskedLM.load(from: Fixtures.path("tiny-bert"))
    #expect("\(model)" == "BertForMaskedLM, \(model.parameters.elementCount) parameters")
    let bias = try #require(model.parameters["bert.embeddings.LayerNorm.bias"])
    #expect("\(bias)" == "bert.embeddings.LayerNorm.bias [32] float32, frozen")
    let outputs = try model(ModelInputs(inputIDs: try TokenArray([[1, 2, 3]])))
    #expect("\(outputs)" == outputs.all.map { "\($0)" }.joined(separator: "\n"))
    let logits = try #require(outputs.logits)
    #expect("\(logits)" == "logits \(logits.dimensions)")
    let tokenizer = try Tokenizer.load(from: Fixtures.path("tokenizers/bert-uncased"))
    #expect("\(tokenizer)" == "WordPiece, \(tokenizer.vocabularyCount) tokens")
  }

  @Test("A tensor shows its edges")
  func tensors() throws {
    #expect("\(try Tensor(rows: 1, columns: 2, [0.25, -1]))" == "Tensor [1, 2]\n  [0.25, -1.0]")
    #expect("\(try Tensor(rows: 0, columns: 2, []))" == "Tensor [0, 2]")
    let square = try Tensor(rows: 7, columns: 7, (0..<49).map { Float($0) })
    #expect(
      "\(square)".split(separator: "\n") == [
        "Tensor [7, 7]",
        "  [0.0, 1.0, 2.0, …, 4.0, 5.0, 6.0]",
        "  [7.0, 8.0, 9.0, …, 11.0, 12.0, 13.0]",
        "  [14.0, 15.0, 16.0, …, 18.0, 19.0, 20.0]",
        "  …",
        "  [28.0, 29.0, 30.0, …, 32.0, 33.0, 34.0]",
        "  [35.0, 36.0, 37.0, …, 39.0, 40.0, 41.0]",
        "  [42.0, 43.0, 44.0, …, 46.0, 47.0, 48.0]",
      ])
  }
}
