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
    guard let bytes = try bytes(of: path, limits) else { return }
    let document = try locating(file: path) { () throws(ParseFailure) in
      try JSONValue(parsing: bytes, context: "JSON", limits: limits)
    }
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

  private func bytes(
    of path: String, _ limits: ReadLimits
  ) throws(CheckpointError) -> [UInt8]? {
    guard let file = files.first(where: { $0.path == path }) else { return nil }
    switch file.content {
    case .bytes(let bytes): return bytes
    case .copy(let place, let count):
      guard count <= limits.jsonBytes else {
        throw CheckpointError(
          .limitExceeded, file: place, "\(count) bytes, limit \(limits.jsonBytes)")
      }
      return try SourceFile(path: place).bytes(at: 0, count: count)
    }
  }
}
