internal import LayoutRules

extension LayoutTable {
  /// The names of OpenAI's GPT-2 (`model.py` of `openai/gpt-2`): a Conv1D is `[1, in, out]`, and the output is tied.
  static let openAI: LayoutTable = {
    let layer = "{body}h.{layer}."
    let block = "model/h{layer}/"
    func norm(_ canonical: String, _ foreign: String) -> [LayoutRule] {
      LayoutRule.pair(canonical, foreign + "/g", foreign + "/b")
    }
    func convolution(_ name: String, _ input: Extent, _ output: Extent) -> [LayoutRule] {
      let foreign = block + String(name.map { $0 == "." ? "/" : $0 })
      return [
        LayoutRule(
          layer + name + ".weight", foreign + "/w",
          LayoutOperation(shape: [.fixed(1), input, output])),
        LayoutRule(layer + name + ".bias", foreign + "/b"),
      ]
    }
    let rules =
      [
        LayoutRule("{body}wte.weight", "model/wte"),
        LayoutRule("{body}wpe.weight", "model/wpe"),
      ] + norm(layer + "ln_1", block + "ln_1") + convolution("attn.c_attn", .hidden, .tripleHidden)
      + convolution("attn.c_proj", .hidden, .hidden) + norm(layer + "ln_2", block + "ln_2")
      + convolution("mlp.c_fc", .hidden, .intermediate)
      + convolution("mlp.c_proj", .intermediate, .hidden) + norm("{body}ln_f", "model/ln_f")
    return LayoutTable(
      layout: .openAI, rules: rules, heads: [.base, .causalLM],
      taskHeads: [.causalLM])
  }()
}
