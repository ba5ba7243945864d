import CheckpointBytes
import Testing
import Verification

@Suite("Stages of a model")
struct OutputStageTests {
  @Test("Names are ordered as the model computes them, numbers by value")
  func order() {
    let names: [ExactName] = [
      "hidden_states.0", "attentions.0", "hidden_states.1", "attentions.1", "hidden_states.2",
      "attentions.9", "hidden_states.10", "attentions.10", "last_hidden_state", "logits",
    ]
    let sorted = names.reversed().sorted { OutputStage(of: $0) < OutputStage(of: $1) }
    #expect(sorted == names)
  }

  @Test(
    "Layers count from 0; the hidden state after layer N has the number N + 1",
    arguments: [
      ("hidden_states.0", "embeddings"), ("attentions.3", "attention of layer 3"),
      ("hidden_states.4", "layer 3"), ("last_hidden_state", "last hidden state"),
      ("pooler_output", "head"), ("mc_logits", "head"),
      // What only looks like a number is a name like any other.
      ("hidden_states.x", "head"), ("hidden_states.01", "head"), ("attentions.-1", "head"),
    ] as [(ExactName, String)])
  func names(_ name: ExactName, _ expected: String) {
    #expect(OutputStage(of: name).description == expected)
  }
}
