import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

/// `config.json` of 2018 and 2019 has neither `model_type` nor `architectures`.
@Suite("Configurations that name no model")
struct UnnamedConfigurationTests {
  private func model(_ name: String) -> String { Fixtures.path("cases/models/" + name) }

  private func outputs(
    _ model: String, in directory: TemporaryDirectory, _ options: String...
  ) throws -> [UInt8] {
    let output = directory.file("out.safetensors")
    let run = ToolRun(
      arguments: [
        "run", model, "--inputs", model + "/in.safetensors", "--output", output,
      ] + options)
    #expect(run.code == 0, "\(run.error)")
    let file = try SourceFile(path: output)
    return try file.bytes(at: 0, count: file.size)
  }

  @Test(
    "Weights with a head name the class by themselves",
    arguments: [
      ("config-old-bert", "BertForMaskedLM"), ("config-old-roberta", "RobertaForMaskedLM"),
      ("config-old-gpt2", "GPT2LMHeadModel"),
    ])
  func certain(_ name: String, _ className: String) throws {
    let directory = try TemporaryDirectory()
    let stated = try outputs(model(name), in: directory, "--architecture", className)
    #expect(try outputs(model(name), in: directory) == stated)
    // The run is a record that the same model is verified by, with the class and without.
    let record = [
      "--golden", directory.file("out.safetensors"), "--inputs", model(name) + "/in.safetensors",
    ]
    for options in [[], ["--architecture", className]] {
      let verified = ToolRun(arguments: ["verify", model(name)] + record + options)
      #expect(verified.code == 0, "\(verified.output)\(verified.error)")
    }
  }

  @Test("The body alone of a BERT or RoBERTa does not, and the message names the way out")
  func open() throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun(
      "run", model("config-old-bert-body"), "--inputs",
      model("config-old-bert-body") + "/in.safetensors", "--output",
      directory.file("out.safetensors"))
    #expect(run.code == 65)
    #expect(run.error.contains("--architecture BertModel"), "\(run.error)")
  }

  @Test("A class that is not what a command is for is refused")
  func otherHead() throws {
    let run = ToolRun(
      "classify", model("config-old-bert"), "text", "--architecture", "BertForMaskedLM")
    #expect(run.code == 65)
    #expect(run.error.contains("BertForMaskedLM is no model of the kind"), "\(run.error)")
  }

  @Test(
    "Directories are converted, and compute the same",
    arguments: ["config-old-bert", "config-old-roberta", "config-old-gpt2"],
    ["safetensors", "pytorch", "hdf5"])
  func conversion(_ name: String, _ format: String) throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun(
      "convert", model(name), directory.file("out") + "/", "--format", format, "--verify-forward")
    #expect(run.code == 0, "\(run.error)")
    let before = try outputs(model(name), in: directory)
    let copy = ToolRun(
      "run", directory.file("out"), "--inputs", model(name) + "/in.safetensors", "--output",
      directory.file("after.safetensors"))
    #expect(copy.code == 0, "\(copy.error)")
    let after = try SourceFile(path: directory.file("after.safetensors"))
    #expect(try after.bytes(at: 0, count: after.size) == before)
  }

  @Test("Layers that the configuration does not count are left aside, and said to be")
  func fewerLayers() throws {
    let directory = try TemporaryDirectory()
    let name = model("config-fewer-layers-gpt2")
    let run = ToolRun(
      "run", name, "--inputs", name + "/in.safetensors", "--output",
      directory.file("out.safetensors"))
    #expect(run.code == 0)
    #expect(
      run.error
        == "note: the configuration has 1 of the 3 layers that the weights have; layers 1 to 2 are left aside\n"
    )
    let conversion = ToolRun(
      "convert", name, directory.file("out") + "/", "--layout", "transformers")
    #expect(conversion.code == 65)
    #expect(conversion.error.contains("n_layer 1, but the weights have 3 layers"))
    let left = ToolRun(
      "convert", name, directory.file("out") + "/", "--layout", "transformers", "--exclude",
      "h.1.*", "--exclude", "h.2.*")
    #expect(left.code == 0, "\(left.error)")
  }
}
