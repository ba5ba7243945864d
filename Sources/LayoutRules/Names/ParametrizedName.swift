internal import CheckpointBytes

/// A name that torch gives a part of what a module's parameter is computed from: of a pruned, weight-normed or
/// spectral-normed one, or of one with a parametrization of its own. No such part is the parameter.
struct ParametrizedName {
  /// How torch makes one tensor of the parts.
  enum Kind {
    /// `weight_orig` and `weight_mask` (`torch/nn/utils/prune.py`), or `weight_orig` with `weight_u` and `weight_v`
    /// (`torch/nn/utils/spectral_norm.py`).
    case original
    /// `weight_g` and `weight_v` (`torch/nn/utils/weight_norm.py`).
    case direction
    /// `parametrizations.weight.original`, `….original0`, `….0.base` (`torch/nn/utils/parametrize.py`, 2.13).
    case parametrization
  }

  /// The name of the module's parameter: `….query.weight`.
  let parameter: ExactName
  let kind: Kind

  /// Reads a name; nil if it is none of a part.
  init?(_ name: ExactName) {
    if name.hasComponent(among: [Self.module]) {
      let segments = name.string.utf8.split(
        separator: UInt8(ascii: "."), omittingEmptySubsequences: false
      ).map { String(Substring($0)) }
      if let place = segments.lastIndex(where: { ExactName($0) == Self.module }),
        place + 2 < segments.count
      {
        parameter = ExactName(
          (segments[..<place] + [segments[place + 1]]).joined(separator: "."))
        kind = .parametrization
        return
      }
    }
    guard let number = Self.nameEnds.numbers(of: name).first else { return nil }
    let (end, kind) = Self.ends[number]
    let front = name.string.utf8.dropLast(end.count)
    if front.isEmpty { return nil }
    parameter = ExactName(String(Substring(front)))
    self.kind = kind
  }

  private static let module: ExactName = "parametrizations"
  private static let ends: [([UInt8], Kind)] = [
    (Array("_orig".utf8), .original), (Array("_mask".utf8), .original),
    (Array("_u".utf8), .original), (Array("_g".utf8), .direction),
    (Array("_v".utf8), .direction),
  ]
  private static let nameEnds = NameEnds(ends.map(\.0))
}

/// The parameters of which a checkpoint holds parts instead.
struct ParametrizedNames {
  private var parts: [ExactName: [ExactName]] = [:]
  private var kinds: [ExactName: ParametrizedName.Kind] = [:]

  init(_ names: some Sequence<ExactName>) {
    for name in names {
      guard let part = ParametrizedName(name) else { continue }
      parts[part.parameter, default: []].append(name)
      // With `weight_orig` beside it, `weight_v` is a vector of a spectral norm.
      if kinds[part.parameter] != .original { kinds[part.parameter] = part.kind }
    }
  }

  /// Why a parameter is not there, and what helps; nil if it is simply missing.
  subscript(parameter: ExactName) -> (reason: String, remedy: String)? {
    guard let parts = parts[parameter], let kind = kinds[parameter] else { return nil }
    let shown = parts.prefix(3).map { quoted($0.string) }.joined(separator: ", ")
    let leaf = String(parameter.string.split(separator: ".").last ?? "weight")
    let call =
      switch kind {
      case .original:
        parts.contains { $0.string.utf8.suffix(5).elementsEqual("_mask".utf8) }
          ? "torch.nn.utils.prune.remove(module, \"\(leaf)\")"
          : "torch.nn.utils.remove_spectral_norm(module, \"\(leaf)\")"
      case .direction: "torch.nn.utils.remove_weight_norm(module, \"\(leaf)\")"
      case .parametrization:
        "torch.nn.utils.parametrize.remove_parametrizations(module, \"\(leaf)\")"
      }
    return (
      "the module is parametrised: its \(leaf) is computed from \(shown), and is none of them",
      "\(call) makes one tensor of them, before the model is saved"
    )
  }

  /// The first parameter whose name ends so, of those that there are parts of.
  func first(endingIn ends: NameEnds) -> ExactName? {
    parts.keys.filter { !ends.numbers(of: $0).isEmpty }.min()
  }
}
