public import CheckpointBytes
internal import OrderedCollections
internal import Synchronization
internal import TensorValues
public import WeightGraph

/// An adapter that makes one checkpoint of another: for each matrix of a layer the best factors of a rank, and everything else that changed
/// whole.
public struct AdapterExtraction: Sendable {
  /// A matrix that became factors.
  public struct Module: Sendable {
    /// The module's name.
    public let name: ExactName
    /// The part of the change, as a sum of squares, that the factors have; 1 is all of it.
    public let share: Double
  }

  /// The rank.
  public let rank: Int
  /// The matrices that became factors.
  public let modules: [Module]
  /// The modules that are stored whole.
  public let wholeModules: [String]
  /// The weights that are in the first checkpoint only, and stay.
  public let left: [ExactName]
  /// What a user should know of the adapter's use with PEFT.
  public let notes: [String]
  /// `adapter_model.safetensors`.
  public let weights: WeightGraph
  /// `adapter_config.json`.
  public let document: JSONValue

  /// The largest rank that is asked for: beyond it whole weights are smaller.
  public static let greatestRank = 1024

  /// Compares two checkpoints and computes the factors.
  ///
  /// The weights of a known model are taken by Transformers' names, whatever layout they are in. Which of its matrices are layers', and
  /// how they lie, the model's kind tells; of any other checkpoint all matrices but those of modules that are called embeddings are taken
  /// for layers' with an output a row. What changed and is tied is stored whole under each of its names: the model that comes out has
  /// them apart, and computes the same.
  /// - Parameters:
  ///   - base: What the adapter is to be put on.
  ///   - tuned: What comes out of it.
  ///   - rank: The rank of each module's factors.
  ///   - baseName: What the settings call the base.
  /// - Throws: `mismatch` for weights of different shapes that no module stored whole can have, or without a name in common;
  ///   `inconsistent` if nothing changed, or a matrix by what is infinite in float32 or no number; `unsupported` for numbers that are
  ///   not real, and for a parameter that changed and is of no module; what reading throws.
  public init(
    from base: WeightGraph, to tuned: WeightGraph, rank: Int, baseName: String? = nil
  ) throws(CheckpointError) {
    guard (1...Self.greatestRank).contains(rank) else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "rank"),
        "expected 1 to \(Self.greatestRank), found \(rank)")
    }
    let models = try ModelPair(base, tuned)
    let (base, tuned) = (models.base, models.tuned)
    let names = Array(tuned.weights.keys)
    let pairs = names.filter { base[$0] != nil }
    // As numbers: a type that holds the same ones is no change.
    let changed = try Self.changed(pairs, base, tuned)
    guard changed.count + names.count - pairs.count > 0 else {
      throw CheckpointError(.inconsistent, "both checkpoints hold the same numbers")
    }
    guard !pairs.isEmpty else {
      throw CheckpointError(.mismatch, "the checkpoints have no weight of the same name")
    }
    // Factors of one of them would change the other as well.
    let shared = Set(base.ties.filter { $0.names.count > 1 }.flatMap(\.names))
    var matrices: [(name: ExactName, isTransposed: Bool)] = []
    for name in pairs where changed.contains(name) {
      guard let weight = tuned[name], let own = base[name] else { continue }
      guard weight.shape == own.shape else {
        throw CheckpointError(
          .mismatch, tensor: name.string,
          "expected \(own.shape), as the base has, found \(weight.shape)")
      }
      if let axis = name.outputAxis(in: models.outputAxes), weight.shape.rank == 2,
        weight.shape.dimensions.allSatisfy({ $0 > rank }), !shared.contains(name)
      {
        matrices.append((name, axis == 1))
      }
    }
    let whole = try Self.wholeModules(
      of: names.filter { changed.contains($0) || base[$0] == nil }, but: matrices.map(\.name),
      models)
    matrices.removeAll { $0.name.isOf(whole) }
    let found = matrices
    let factors = Mutex<[Int: LowRankFactors]>([:])
    try WorkQueue.forEach(matrices.count) { (index, _) throws(CheckpointError) in
      let (name, isTransposed) = found[index]
      guard let own = base[name], let other = tuned[name] else { return }
      do throws(CheckpointError) {
        let pair = try LowRankFactors(from: own, to: other, isTransposed, rank: rank)
        factors.withLock { $0[index] = pair }
      } catch {
        throw error.about(name)
      }
    }
    var graph = WeightGraph()
    graph.facts.metadata = .entries(["format": "pt"])
    var modules: [Module] = []
    for (index, (name, _)) in matrices.enumerated() {
      guard let found = factors.withLock({ $0[index] }), let weight = tuned[name] else { continue }
      let module = name.module
      let dimensions = weight.shape.dimensions
      let (outputs, inputs) =
        matrices[index].isTransposed
        ? (dimensions[1], dimensions[0]) : (dimensions[0], dimensions[1])
      let key = LowRankAdapter.namePrefix + module
      try graph.insert(
        try Weight(floats: found.down, [rank, inputs]), as: ExactName(key + ".lora_A.weight"))
      try graph.insert(
        try Weight(floats: found.up, [outputs, rank]), as: ExactName(key + ".lora_B.weight"))
      modules.append(Module(name: ExactName(module), share: found.share))
    }
    let adapted = Set(modules.map(\.name.string))
    let factored = Set(matrices.map(\.name))
    var hasBias = false
    for name in names where changed.contains(name) && adapted.contains(name.module) {
      guard !factored.contains(name), let weight = tuned[name] else { continue }
      hasBias = true
      try graph.insert(weight, as: LowRankAdapter.storedName(of: name, adapted: adapted))
    }
    // A module is stored whole with all that is in it, as PEFT has it, which looks for each name.
    let aliases = tuned.aliases
    for name in models.names where name.isOf(whole) {
      if let weight = tuned[name] ?? base[name] {
        try graph.insert(
          aliases[name] == nil ? weight : try weight.apart(),
          as: ExactName(LowRankAdapter.namePrefix + name.string))
      }
    }
    self.rank = rank
    self.modules = modules
    wholeModules = Array(whole)
    left = base.weights.keys.filter { tuned[$0] == nil }
    notes =
      models.outputAxes == nil
      ? [
        "the names are those of the files: this is no model that is known, and PEFT goes by the names of its modules, which Transformers may have changed"
      ] : []
    weights = graph
    // α / r is 1: the factors are the change.
    document = AdapterConfiguration.document(
      rank: rank, alpha: Double(rank), targets: modules.map(\.name.string), whole: Array(whole),
      hasBias: hasBias, isTransposed: matrices.contains { $0.isTransposed }, baseModel: baseName)
  }

  /// The modules that are stored whole, those alone that are in no other one of them.
  ///
  /// - Throws: `unsupported` for a parameter that is of no module.
  private static func wholeModules(
    of names: [ExactName], but factored: [ExactName], _ models: ModelPair
  ) throws(CheckpointError) -> OrderedSet<String> {
    let adapted = Set(factored.map(\.module))
    var whole: OrderedSet<String> = []
    for name in names where models.base[name] == nil || !adapted.contains(name.module) {
      guard !name.module.isEmpty else {
        throw CheckpointError(
          .unsupported, tensor: name.string,
          "it changed, and belongs to no module: an adapter of PEFT has modules alone")
      }
      whole.append(name.module)
    }
    // PEFT takes all whose names end so: `classifier` is `pre_classifier` as well.
    let named = whole
    for module in OrderedSet(models.names.flatMap(\.modules)) {
      if named.contains(where: { module.hasSuffix($0) }) { whole.append(module.string) }
    }
    let all = whole
    whole.removeAll { ExactName($0).isOf(all) }
    return whole
  }

  private static func changed(
    _ names: [ExactName], _ base: WeightGraph, _ tuned: WeightGraph
  ) throws(CheckpointError) -> Set<ExactName> {
    let changed = Mutex<Set<ExactName>>([])
    try WorkQueue.forEach(names.count) { (index, _) throws(CheckpointError) in
      let name = names[index]
      guard let own = base[name], let other = tuned[name] else { return }
      do throws(CheckpointError) {
        guard own.shape == other.shape, try own.holdsSameNumbers(as: other) else {
          _ = changed.withLock { $0.insert(name) }
          return
        }
      } catch {
        throw error.about(name)
      }
    }
    return changed.withLock { $0 }
  }
}

extension LowRankFactors {
  fileprivate init(
    from base: Weight, to tuned: Weight, _ isTransposed: Bool, rank: Int
  ) throws(CheckpointError) {
    let order = isTransposed ? [1, 0] : [0, 1]
    let (own, other) = (try base.transposed(order), try tuned.transposed(order))
    let (before, after) = (try own.float64Values(), try other.float64Values())
    let change = zip(after, before).map { $0 - $1 }
    let columns = own.shape.dimensions[1]
    // Factors and what they add up to are of float32.
    if let place = change.firstIndex(where: { !Float($0).isFinite }) {
      let indices = [place / columns, place % columns]
      throw CheckpointError(
        .inconsistent,
        "element \(order.map { indices[$0] }) becomes \(after[place]) from \(before[place]), which no factors do"
      )
    }
    self.init(of: change, rows: own.shape.dimensions[0], columns: columns, rank: rank)
  }
}

extension Weight {
  fileprivate init(floats values: [Double], _ dimensions: [Int]) throws(CheckpointError) {
    let numbers = values.map { Float($0) }
    guard let shape = Shape(dimensions) else {
      throw CheckpointError(.unsupported, "the extents \(dimensions) are too large")
    }
    self.init(
      try StoredTensor(
        source: MemoryBytes(
          unsafe numbers.withUnsafeBytes { unsafe Array($0) }, origin: "a factor"),
        dtype: .f32, layout: StridedLayout(packed: shape)))
  }

  /// True if both hold the same numbers, in whatever types. NaN is the same as NaN.
  fileprivate func holdsSameNumbers(as other: Weight) throws(CheckpointError) -> Bool {
    guard dtype.category == .real, other.dtype.category == .real else {
      guard dtype == other.dtype else { return false }
      return try bytes(at: 0, count: byteCount) == other.bytes(at: 0, count: byteCount)
    }
    for first in stride(from: 0, to: shape.elementCount, by: 1 << 18) {
      let range = first..<min(first + 1 << 18, shape.elementCount)
      let (own, others) = (try float64Values(range), try other.float64Values(range))
      if zip(own, others).contains(where: { $0 != $1 && !($0.isNaN && $1.isNaN) }) { return false }
    }
    return true
  }

  private func bytes(at offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    try unsafe withNewBytes(count: count) { (buffer) throws(CheckpointError) in
      try unsafe read(at: offset, into: buffer)
    }
  }
}

extension ExactName {
  /// The name without its last component.
  var module: String {
    let bytes = string.utf8
    guard let dot = bytes.lastIndex(of: 0x2E) else { return "" }
    return String(Substring(bytes[..<dot]))
  }

  /// The modules that it is in, the outermost first.
  fileprivate var modules: [ExactName] {
    let bytes = string.utf8
    return bytes.indices.filter { bytes[$0] == 0x2E }.map {
      ExactName(String(Substring(bytes[..<$0])))
    }
  }

  /// True if it is in one of some modules.
  fileprivate func isOf(_ whole: OrderedSet<String>) -> Bool {
    modules.contains { whole.contains($0.string) }
  }

  /// The dimension of the outputs, if it is a matrix of a layer.
  fileprivate func outputAxis(in known: [ExactName: Int]?) -> Int? {
    if let known { return known[self] }
    guard hasSuffix(".weight") else { return nil }
    let last = module.utf8.split(separator: 0x2E).last.map { String(Substring($0)) } ?? ""
    let isTable = last.contains("embed") || ["wte", "wpe", "shared"].contains(last)
    return isTable ? nil : 0
  }
}
