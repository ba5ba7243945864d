package import CheckpointBytes

/// What training leaves in a checkpoint beside the model, wherever the model's names stand: told by the first component of a
/// name.
package enum TrainingState {
  /// What of training a name belongs to, whatever the model's architecture; nil if it is none of those that training leaves.
  package static func reason(for name: ExactName) -> String? {
    let bytes = name.string.utf8
    guard beginnings.contains(beginning(of: bytes)) else { return nil }
    let border = bytes.firstIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }
    guard let border else { return reasons[name] }
    return reasons[ExactName(String(name.string[...border]))]
  }

  static let reasonOfOptimizer = "the state of an optimizer"

  /// By the first component with what stands behind it: `optimizer` in torch is followed by `.`, in Keras 3 by `/`.
  private static let reasons: [ExactName: String] = {
    var reasons: [ExactName: String] = [:]
    for (names, reason) in groups {
      for name in names { reasons[name] = reason }
    }
    return reasons
  }()

  /// The first bytes of all of them: most names have others, and need not be cut.
  private static let beginnings = Set(reasons.keys.map { beginning(of: $0.string.utf8) })

  private static func beginning(of bytes: String.UTF8View) -> UInt32 {
    bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  private static let groups: [(names: [ExactName], reason: String)] = [
    (
      [
        // torch and Lightning, fairseq
        "optimizer.", "optimizer_state.", "optimizer_states.", "optimizer_state_dict.",
        "optimizers.", "last_optimizer_state.",
        // Keras 3, and Keras 2 beside `model_weights`
        "optimizer/", "optimizer_weights/",
      ], reasonOfOptimizer
    ),
    (
      [
        // Lightning 2.5 (`pytorch_lightning/trainer/connectors/checkpoint_connector.py`), torch's recipes, timm
        "callbacks.", "loops.", "lr_schedulers.", "lr_scheduler.", "lr_scheduler_state_dict.",
        "scheduler_state_dict.", "amp_scaler.", "grad_scaler.", "native_amp_scaling_state.",
        "MixedPrecision.", "MixedPrecisionPlugin.",
        "NativeMixedPrecisionPlugin.", "hyper_parameters.", "datamodule_hyper_parameters.",
        // fairseq
        "optimizer_history.", "task_state.", "train_iterator.",
      ], "the state of the training loop"
    ),
    (
      [
        "rng_state", "rng_state.", "rng_states.", "cuda_rng_state", "cuda_rng_state.",
        "cuda_rng_state_all.", "torch_rng_state", "random_rng_state.", "np_rng_state.",
      ], "the state of random numbers"
    ),
    // Keras 2.15 and 3
    (["metrics/"], "the state of a metric"),
  ]
}
