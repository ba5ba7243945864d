import CheckpointBytes
import LayoutRules
import ModelFamilies
import TestSupport
import Testing

@Suite struct QuantizationSettingsTests {
  private func settings(_ text: String) throws -> QuantizationSettings? {
    let document = try JSONValue(parsing: Array(text.utf8), context: "settings")
    return try QuantizationSettings(SettingsReader(document, file: "config.json"))
  }

  private let weights =
    #"{"num_bits": 8, "type": "int", "symmetric": true, "strategy": "channel", "dynamic": false}"#
  private let rows =
    #"{"num_bits": 8, "type": "int", "symmetric": true, "strategy": "token", "dynamic": true}"#

  private func configuration(
    _ weights: String, _ rows: String, format: String = "int-quantized", more: String = ""
  ) -> String {
    """
    {"quantization_config": {"quant_method": "compressed-tensors", "format": "\(format)", \
    "config_groups": {"group_0": {"targets": ["Linear"], "weights": \(weights), \
    "input_activations": \(rows)}}\(more)}}
    """
  }

  @Test("What compressed-tensors writes is read, and what is not there is nothing")
  func read() throws {
    let file = try Fixture("quantized/bert/config.json").bytes()
    let document = try JSONValue(parsing: file, context: "config.json")
    let found = try QuantizationSettings(SettingsReader(document, file: nil))
    #expect(found?.activations == .steps)
    #expect(try settings("{}") == nil)
    #expect(try settings(#"{"quantization_config": null}"#) == nil)
    #expect(try settings(configuration(weights, rows))?.activations == .steps)
    #expect(try settings(configuration(weights, "null"))?.activations == .numbers)
  }

  @Test("Other schemes are refused, with the key and what was found")
  func refused() throws {
    for (text, found) in [
      (#"{"quantization_config": {"quant_method": "gptq", "bits": 4}}"#, "quant_method \"gptq\""),
      (#"{"quantization_config": {"quant_method": "compressed-tensors"}}"#, "no scheme"),
      (#"{"quantization_config": 8}"#, "quant_method null"),
      (configuration(weights, rows, format: "pack-quantized"), "format \"pack-quantized\""),
      (configuration(weights.replacing("8", with: "4"), rows), "the scheme"),
      (configuration(weights.replacing("true", with: "false"), rows), "the scheme"),
      (configuration(weights.replacing("channel", with: "group"), rows), "the scheme"),
      (configuration(weights, rows.replacing("token", with: "tensor")), "input_activations"),
      (
        configuration(weights, rows.replacing("\"dynamic\": true", with: "\"dynamic\": false")),
        "input_activations"
      ),
      (configuration(weights, rows, more: #", "kv_cache_scheme": {"num_bits": 8}"#), "kv_cache"),
    ] {
      let error = #expect(throws: CheckpointError.self) { try settings(text) }
      #expect(error?.kind == .unsupported)
      #expect(error?.site.field == "quantization_config" && error?.site.file == "config.json")
      #expect(error?.problem.hasPrefix(found) == true, "\(text): \(error?.problem ?? "")")
    }
  }

  @Test(
    "Six matrices of each BERT layer are quantised, four of a GPT-2's, and what is written is read")
  func written() throws {
    let sizes = ModelSizes(
      hidden: 12, layers: 2, intermediate: 20, vocabulary: 11, positions: 7, tokenTypes: 2,
      labels: 3, heads: 3)
    for (family, head, count, axis) in [
      (ModelFamily.bert, ModelHead.maskedLM, 12, 0), (.bert, .base, 12, 0),
      (.gpt2, .causalLM, 8, 1),
    ] {
      let architecture = try ModelArchitecture(family: family, head: head, sizes: sizes)
      let matrices = architecture.layerMatrices
      #expect(matrices.count == count && matrices.allSatisfy { $0.outputAxis == axis })
      let output = architecture.outputMatrix
      #expect((output?.name == "lm_head.weight") == (family == .gpt2))
      #expect((output?.words == "transformer.wte.weight") == (family == .gpt2))
      let names = Set(architecture.parameters.map(\.name))
      #expect(matrices.allSatisfy { names.contains($0.name) })
      let document = QuantizationSettings.document(
        of: architecture, quantized: Set(matrices.map(\.name)))
      let whole = JSONValue.object([JSONValue.Member("quantization_config", document)])
      let read = try QuantizationSettings(SettingsReader(whole, file: nil))
      #expect(read?.activations == .steps)
      let ignored = document["ignore"]?.elements?.compactMap(\.string) ?? []
      #expect(ignored.contains(#"re:(.*\.)?pooler\.dense$"#) == (axis == 0))
      #expect(ignored.contains(#"re:(.*\.)?cls\.predictions\.decoder$"#) == (axis == 0))
      #expect(!ignored.contains { $0.contains("layer") })
      // One that is none any more is told.
      let fewer = QuantizationSettings.document(
        of: architecture, quantized: Set(matrices.dropFirst().map(\.name)))
      let told = fewer["ignore"]?.elements?.compactMap(\.string) ?? []
      #expect(told.contains { $0.contains("layer\\.0\\.") } == (axis == 0))
    }
  }
}
