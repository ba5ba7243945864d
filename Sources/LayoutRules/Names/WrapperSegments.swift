internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues

/// The names of a checkpoint without the components that wrapped modules add.
///
/// A module that trains in parallel, in shards, compiled or with recomputation is an object around the module, which puts a
/// component of its own into the names: in front of all, or wherever a part of the model was wrapped. No parameter of a
/// known model has such a component, so that taking it out wherever it stands is no guess.
struct WrapperSegments: Sendable {
  /// What the wrappers of torch and its companions call the module inside.
  static let known: [ExactName] = [
    // DataParallel, DistributedDataParallel, AveragedModel, DeepSpeed
    "module",
    // torch.compile
    "_orig_mod",
    // FullyShardedDataParallel, and its flattened parts (torch 1.11 to 1.13, fairscale)
    "_fsdp_wrapped_module", "_fpw_module",
    // checkpoint_wrapper
    "_checkpoint_wrapped_module",
    // Lightning's strategies
    "_forward_module",
  ]

  /// The names as they are stored, by those without wrappers: of the names that have any.
  private var storedNames: [ExactName: ExactName] = [:]
  private var bareNames: [ExactName: ExactName] = [:]

  init(_ names: OrderedSet<ExactName>) {
    for name in names {
      // Of two names that would be one the second stays as it is, and is one too many.
      guard let bare = Self.unwrapped(name), !names.contains(bare), storedNames[bare] == nil else {
        continue
      }
      storedNames[bare] = name
      bareNames[name] = bare
    }
  }

  /// The name without wrappers; as it is if another name would be the same.
  func bare(_ name: ExactName) -> ExactName { bareNames[name] ?? name }

  /// The name in the checkpoint of one without wrappers.
  func stored(_ bare: ExactName) -> ExactName { storedNames[bare] ?? bare }

  /// What stands before a model's names in the checkpoint, wrappers included.
  ///
  /// - Parameters:
  ///   - anchor: A name of the model, without wrappers.
  ///   - front: What stands before it, without wrappers.
  func wrapper(of anchor: ExactName, front: String) -> String {
    // Keras's paths hold no wrappers of torch.
    if let last = front.utf8.last, last != Self.dot { return front }
    let segments = stored(anchor).string.utf8.split(
      separator: Self.dot, omittingEmptySubsequences: false)
    var rest = front.utf8.split(separator: Self.dot, omittingEmptySubsequences: false).dropLast()
    var wrapper = ""
    for segment in segments {
      let text = String(Substring(segment))
      if !Self.known.contains(ExactName(text)) {
        guard rest.popFirst() != nil else { break }
      }
      wrapper += text + "."
    }
    return wrapper
  }

  /// The wrappers that stand inside the names of a model.
  ///
  /// - Parameter wrapper: What stands before its names in the checkpoint.
  func inside(_ wrapper: String) -> [String] {
    var found: Set<ExactName> = []
    for name in storedNames.values where name.string.utf8.starts(with: wrapper.utf8) {
      let rest = name.string.utf8.dropFirst(wrapper.utf8.count)
      for segment in rest.split(separator: Self.dot) {
        let segment = ExactName(String(Substring(segment)))
        if Self.known.contains(segment) { found.insert(segment) }
      }
    }
    return found.sorted().map(\.string)
  }

  private static let dot = UInt8(ascii: ".")

  /// The name without wrappers; nil if it has none. The last component is the parameter and never a wrapper.
  static func unwrapped(_ name: ExactName) -> ExactName? {
    guard name.hasComponent(among: known) else { return nil }
    let segments = name.string.utf8.split(separator: dot, omittingEmptySubsequences: false)
    guard segments.count > 1 else { return nil }
    let kept = segments.dropLast().filter { !known.contains(ExactName(String(Substring($0)))) }
    guard kept.count < segments.count - 1 else { return nil }
    return ExactName(
      (kept + segments.suffix(1)).map { String(Substring($0)) }.joined(separator: "."))
  }
}

extension WrapperSegments {
  /// The shapes under the names without wrappers.
  func shapes(
    _ shapes: OrderedDictionary<ExactName, Shape>
  ) -> OrderedDictionary<ExactName, Shape> {
    if bareNames.isEmpty { return shapes }
    return OrderedDictionary(
      shapes.map { (bare($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
  }
}
