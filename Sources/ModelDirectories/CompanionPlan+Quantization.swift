package import CheckpointBytes
package import LayoutRules

/// What becomes of `quantization_config`.
package enum QuantizationChange: Sendable {
  /// The weights are what they were.
  case kept
  /// Steps became numbers: there is nothing to be said any more.
  case removed
  /// These matrices of a model are stored as int8. What says so already stays, unless more of them are than before.
  case stated(ModelArchitecture, quantized: Set<ExactName>, hasMore: Bool)
}

extension CompanionPlan {
  /// Has the settings say what the weights are.
  package mutating func apply(
    _ change: QuantizationChange, _ limits: ReadLimits
  ) throws(CheckpointError) {
    let path = "config.json"
    guard let bytes = try bytes(path, limits) else { return }
    let document = try JSONValue(parsing: bytes, file: path, limits: limits)
    let known = document[QuantizationSettings.key]
    let isKnown = known != nil && known != .null
    switch change {
    case .kept: return
    case .removed:
      guard isKnown else { return }
      put(
        path, document.setting(QuantizationSettings.key, to: nil),
        note: "without quantization_config, since weights are numbers again")
    case .stated(let architecture, let quantized, let hasMore):
      guard hasMore || !isKnown else { return }
      let value = QuantizationSettings.document(of: architecture, quantized: quantized)
      put(
        path, document.setting(QuantizationSettings.key, to: value),
        note: "quantization_config says which weights are int8, and how")
    }
    sort()
  }
}
