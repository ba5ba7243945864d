import Foundation
import TestSupport
import Testing
import Weighbridge
import WeighbridgeFoundation

@Suite("URLs beside paths")
struct URLTests {
  private let model = URL(filePath: Fixtures.path("tiny-bert"))

  @Test("Models, checkpoints and tokenizers are opened, written and saved by URL")
  func places() throws {
    let directory = try TemporaryDirectory()
    let folder = URL(filePath: directory.path, directoryHint: .isDirectory)
    let loaded = try BertForMaskedLM.load(from: model)
    #expect(try type(of: loadLanguageModel(from: model)).className == "BertForMaskedLM")
    let graph = try Checkpoint.open(model.appending(path: "model.safetensors")).graph
    #expect(graph.weights.count > 0)
    // A name that a URL writes otherwise.
    let place = folder.appending(path: "ein Gewicht %20ü.safetensors")
    try graph.write(to: place)
    #expect(try Checkpoint.open(place).graph.weights.count == graph.weights.count)
    let saved = folder.appending(path: "saved")
    try loaded.save(to: saved)
    #expect(try BertForMaskedLM.load(from: saved).parameters.count == loaded.parameters.count)
    let converted = folder.appending(path: "model.pt")
    let plan = try ConversionPlan(
      try Checkpoint.open(place), at: place, to: converted)
    _ = try plan.run()
    #expect(FileManager.default.fileExists(atPath: converted.path(percentEncoded: false)))
    let golden = URL(filePath: Fixtures.path("golden/tiny-bert.safetensors"))
    #expect(try verify(loaded, against: GoldenRecord(opening: golden)).isEqual)
  }

  @Test("What is no file is refused by name")
  func others() throws {
    let url = try #require(URL(string: "https://example.org/model.safetensors"))
    #expect {
      try Checkpoint.open(url)
    } throws: { error in
      guard let error = error as? CheckpointError else { return false }
      return error.kind == .unsupported && error.site.file == url.absoluteString
    }
  }
}
