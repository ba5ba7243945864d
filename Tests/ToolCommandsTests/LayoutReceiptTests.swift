import CheckpointBytes
import LayoutRules
import ModelFamilies
import TestSupport
import Testing
import ToolCommands

/// What a receipt says of names, what a digest says of a model, and what comes back of a journey.
@Suite("weighbridge convert --layout, whole files")
struct LayoutReceiptTests {
  /// True if the layout's names are another family's, which they are taken for without a configuration.
  private func isTakenForAnother(_ model: SmallModel, in layout: String) -> Bool {
    layout == "keras-hub" && model.architecture.family == .distilBert
      && model.architecture.head == .base
  }

  /// Every head of a family in a layout that has it: what KerasHub and fairseq hold of RoBERTa without its pooler.
  private func samples(_ family: ModelFamily, in layout: Layout) throws -> [SmallModel] {
    try family.heads.compactMap { head in
      let lacksPooler = family == .roberta && (layout == .kerasHub || layout == .fairseq)
      let model = try SmallModel(
        family, head, zerosWhereUnused: true, hasPooler: lacksPooler && head == .base ? false : nil)
      return (try? model.file(in: layout)) == nil ? nil : model
    }
  }

  @Test(
    "A dry run lists every name of the source, every parameter and every written name once",
    arguments: Layout.allCases, ownFamilies)
  func everyName(layout: Layout, family: ModelFamily) throws {
    for model in try samples(family, in: layout) {
      let directory = try TemporaryDirectory()
      let file = try model.file(in: layout)
      let source = try directory.write(file)
      for (target, path) in [
        ("transformers", "o.safetensors"), ("tf", "o.h5"), ("keras-hub", "o.h5"),
      ] {
        let run = ToolRun(
          "convert", source + "/model.safetensors", directory.file(path), "--layout", target,
          "--allow-loss", "*", "--fill-zeros", "*position_embeddings*", "--attention-heads", "3",
          "--json", "--force")
        // KerasHub and TensorFlow have no class for some heads.
        if run.code == 65, target != "transformers", run.error.contains("cannot be written") {
          continue
        }
        let text = "\(family) \(model.architecture.head) \(layout) to \(target): \(run.error)"
        #expect(run.code == 0, "\(text)")
        let dry = ToolRun(
          "convert", source + "/model.safetensors", directory.file(path), "--layout", target,
          "--allow-loss", "*", "--fill-zeros", "*position_embeddings*", "--attention-heads", "3",
          "--json", "--force", "--dry-run")
        let receipt = try JSONValue(parsing: Array(dry.output.utf8), context: "output")
        let change = try #require(receipt["layout"], "\(text)")
        let ran = try JSONValue(parsing: Array(run.output.utf8), context: "output")
        #expect(ran["layout"] == change, "\(text)")
        func names(_ half: String, _ side: String) -> [String] {
          (change[ExactName(half)]?.elements ?? []).flatMap { entry in
            (entry[ExactName(side)]?.elements ?? []).compactMap(\.string)
          }.sorted()
        }
        #expect(names("report", "stored") == file.tensors.map(\.name).sorted(), "\(text)")
        let parameters = names("report", "parameters")
        #expect(Set(parameters).count == parameters.count, "\(text)")
        #expect(names("written", "parameters") == parameters, "\(text)")
        let listed = ToolRun("inspect", directory.file(path), "--json")
        let tensors =
          try JSONValue(parsing: Array(listed.output.utf8), context: "output")["tensors"]?
          .elements ?? []
        let written = tensors.flatMap { tensor in
          [tensor["name"]] + (tensor["links"]?.elements ?? [])
        }.compactMap { $0?.string }.sorted()
        #expect(names("written", "stored") == written, "\(text)")
      }
    }
  }

  /// The model digest of a checkpoint.
  private func digest(_ path: String) throws -> String {
    let run = ToolRun("inspect", path, "--digests", "--json")
    #expect(run.code == 0, "\(run.error)")
    let document = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    return try #require(document["model_sha256"]?.string)
  }

  @Test(
    "A model has one digest in every container, order, wrapper and layout that holds it all",
    arguments: ownFamilies)
  func oneDigest(family: ModelFamily) throws {
    var fromTensorFlow = 0
    var fromKerasHub = 0
    for model in try samples(family, in: .transformers) {
      let directory = try TemporaryDirectory()
      let source = try directory.write(model.file) + "/model.safetensors"
      let own = try digest(source)
      let name = "\(family) \(model.architecture.head)"
      for (path, layout, more) in [
        ("a.bin", "flat", []), ("b.h5", "flat", []), ("c.h5", "tf", []),
        ("d.weights.h5", "keras-hub", ["--attention-heads", "3"]),
        ("shards/", "flat", ["--max-shard-size", "1KB"]),
      ] {
        let run = ToolRun(
          arguments: ["convert", source, directory.file(path), "--layout", layout] + more)
        // What a layout does not hold, all of it, has another digest, or none.
        if run.code == 65, layout == "tf" || layout == "keras-hub" { continue }
        #expect(run.code == 0, "\(name) \(path): \(run.error)")
        if isTakenForAnother(model, in: layout) { continue }
        #expect(try digest(directory.file(path)) == own, "\(name) \(path)")
        fromTensorFlow += layout == "tf" ? 1 : 0
        fromKerasHub += layout == "keras-hub" ? 1 : 0
      }
      var other = TensorFile()
      other.tensors = model.file.tensors.reversed().map {
        .init("model.module." + $0.name, $0.shape, $0.bytes)
      }
      #expect(try digest(try directory.write(other)) == own, "\(name) wrapped")
      let prefix = family.bodyPrefix
      if model.architecture.head == .base {
        other.tensors = model.file.tensors.map { .init(prefix + $0.name, $0.shape, $0.bytes) }
        #expect(try digest(try directory.write(other)) == own, "\(name) with its prefix")
      }
      // Any bit, name or shape.
      var generator = SeededGenerator(seed: 7)
      let place = generator.number(0...(model.file.tensors.count - 1))
      var bit = model.file
      bit.tensors[place].bytes[3] ^= 0x10
      #expect(try digest(try directory.write(bit)) != own, "\(name) \(bit.tensors[place].name)")
      var renamed = model.file
      renamed.tensors[place].name += "x"
      #expect(try digest(try directory.write(renamed)) != own, "\(name)")
      var reshaped = model.file
      reshaped.tensors[place].shape.append(1)
      #expect(try digest(try directory.write(reshaped)) != own, "\(name)")
    }
    // TensorFlow has no class for two of GPT-2's heads, nor for ELECTRA's next token, whose weights are the generator's.
    let classes = family.definition.heads.values.count { $0.hasTensorFlow }
    #expect(fromTensorFlow == classes + (family == .electra ? 1 : 0))
    // KerasHub holds RoBERTa's positions in part only, and asks for a pooler that ELECTRA has not.
    #expect((fromKerasHub > 0) == ![.roberta, .electra].contains(family))
  }

  @Test(
    "To a layout and back gives the same file, for one layer, three heads and an inner width",
    arguments: ownFamilies)
  func thereAndBack(family: ModelFamily) throws {
    var journeys = 0
    for head in family.heads {
      for isUntied in [false, true] {
        let model = try SmallModel(
          family, head, layers: 1, isUntied: isUntied, zerosWhereUnused: true)
        let directory = try TemporaryDirectory()
        let source = directory.file("a.safetensors")
        _ = try directory.write(model.file.bytes, as: "raw.safetensors")
        // In the order that Transformers writes.
        #expect(ToolRun("convert", directory.file("raw.safetensors"), source).code == 0)
        for layout in ["tf", "keras-hub"] {
          let there = directory.file("b.h5")
          let back = directory.file("c.safetensors")
          let out = ToolRun(
            "convert", source, there, "--layout", layout, "--attention-heads", "3", "--allow-loss",
            "*position_embeddings*", "--force")
          if out.code == 65 || isTakenForAnother(model, in: layout) { continue }
          let home = ToolRun(
            "convert", there, back, "--layout", "transformers", "--fill-zeros",
            "*position_embeddings*", "--force")
          let text = "\(family) \(head) \(layout)\(isUntied ? ", untied" : ""): \(home.error)"
          #expect(home.code == 0, "\(text)")
          let difference = ToolRun("diff", source, back)
          #expect(difference.code == 0, "\(text) \(difference.output)")
          journeys += 1
        }
      }
    }
    #expect(journeys >= 4)
  }
}
