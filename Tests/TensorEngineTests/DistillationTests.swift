import CheckpointBytes
import TensorEngine
import Testing

/// What a pupil learns of a teacher, against torch.
@Suite struct DistillationTests {
  @Test("The loss of distillation and its gradient are torch's")
  func reference() throws {
    let reference = try ReferenceResults("engine/distillation.safetensors")
    for (number, (rows, columns, temperature)) in [(5, 7, 2.0), (3, 37, 1.0), (4, 3, 4.5)]
      .enumerated()
    {
      for kernels in KernelSet.available {
        let context = try ExecutionContext(threads: 2, kernels: kernels)
        let logits = try ReferenceResults.tensor(70 + UInt64(number), rows, columns, times: 6)
          .requiringGradient(in: context)
        let teacher = try ReferenceResults.tensor(80 + UInt64(number), rows, columns, times: 6)
        let loss = try distillation(
          logits, teacher: teacher, temperature: temperature, in: context)
        try reference.expect(loss.values, "\(number)", "\(kernels)")
        let gradient = try #require(try gradients(of: loss, for: [logits])[0])
        try reference.expect(gradient.values, "\(number).gradient", "\(kernels)")
      }
    }
  }

  @Test("Other shapes, and temperatures that are none, are refused")
  func refusals() throws {
    let context = try ExecutionContext(threads: 1)
    let logits = try ReferenceResults.tensor(1, 2, 3)
    #expect(throws: CheckpointError.self) {
      try distillation(
        logits, teacher: ReferenceResults.tensor(1, 2, 4), temperature: 1, in: context)
    }
    for temperature in [0, -1, .infinity, .nan] {
      #expect(throws: CheckpointError.self) {
        try distillation(logits, teacher: logits, temperature: temperature, in: context)
      }
    }
  }
}
