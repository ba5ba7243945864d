public import CheckpointBytes
internal import LayoutRules
internal import ModelFamilies
internal import OrderedCollections
public import TensorValues
public import WeightGraph

/// A model's weights with an adapter.
public struct AdaptedWeights: Sendable {
  /// The weights. What factors are added to is computed when it is read (`Weight/merging(_:)`).
  public let graph: WeightGraph
  /// The weights that factors are added to, by their names in ``graph``.
  public let adapted: [ExactName]
  /// The weights that others took the place of, in whole or in rows.
  public let replaced: [ExactName]
  /// The weights that the model did not have.
  public let added: [ExactName]
  /// True if a weight that the model has under two names is now two weights.
  package let isUntied: Bool
}

extension AdaptedWeights {
  /// Refuses a head that is added to a body in part.
  fileprivate func requireHead() throws(CheckpointError) {
    guard let model = try? Recognition(graph).model() else { return }
    let known = Set(model.architecture.parameters.map(\.name))
    guard let other = added.first(where: { !known.contains($0) }) else { return }
    throw CheckpointError(
      .inconsistent, tensor: other.string,
      "the adapter has a part of a head, and the model is a body alone",
      remedy: "put it on a model with this head")
  }
}

extension LowRankAdapter {
  /// The weights of a model with the adapter: what PEFT's `merge_and_unload` makes of them.
  ///
  /// The adapter's names are those of Transformers' classes. Where they and the model's differ by what stands in front of all of them
  /// (`bert.`), that is allowed for; weights in another framework's layout are taken by Transformers' names. Where the adapter is of a
  /// head too, and the model is a body alone, the body's names get what they have beside a head.
  /// - Parameters:
  ///   - weights: The model's.
  ///   - dtype: The type that they are to get afterwards. What changes is computed in it where it is wider than the weight's own, as if the
  ///     model had been loaded so; nil for the weight's own.
  /// - Returns: The weights, and what became of which.
  /// - Throws: `notFound` for a module or weight that the model does not have, unless it is of `modules_to_save`; `mismatch` for one of
  ///   another shape; `inconsistent` for a part of a head that a body alone is to get; `unsupported` for 8-bit floats whose scales
  ///   are of no known form.
  public func applied(
    to weights: WeightGraph, as dtype: DType? = nil
  ) throws(CheckpointError) -> AdaptedWeights {
    do throws(CheckpointError) {
      let graph = try weights.joiningScales()
      // What is added to steps would be another thing.
      try graph.checkNoScalesAreLeft()
      let ties = graph.impliedTies
      if let place = place(in: graph, ties) { return try applied(to: graph, place, ties, dtype) }
      if let model = try? Recognition(graph).model(), model.layout != .transformers {
        let bound = try BoundModel(weights, as: model)
        if let place = place(in: bound.graph, [:]) {
          return try applied(to: bound.graph, place, [:], dtype)
        }
      }
      return try applied(to: graph, Place(), ties, dtype)
    } catch {
      throw error.site.file == nil ? error.inFile(path) : error
    }
  }

  private func applied(
    to graph: WeightGraph, _ place: Place, _ ties: [ExactName: ExactName], _ dtype: DType?
  ) throws(CheckpointError) -> AdaptedWeights {
    if !place.removed.isEmpty {
      let headed = try graph.renamed { ExactName(place.removed + $0.string) }
      let shared = headed.impliedTies
      // A head, or a table that is one as well, and is a copy of its own from now on: `wte` of GPT-2.
      let isOfHead =
        (targets + replacements.map(\.name)).contains(where: place.isBeside)
        || replacements.contains { configuration.saves($0.name) && shared.values.contains($0.name) }
      if isOfHead {
        let result = try applied(to: headed, Place(), shared, dtype)
        try result.requireHead()
        return result
      }
    }
    var application = Application(self, graph, place, ties, dtype)
    return try application.run()
  }

  /// What the model's names have in front and the adapter's have not, and the other way round.
  fileprivate struct Place {
    var added = ""
    var removed = ""

    func callAsFunction(_ name: ExactName) -> ExactName {
      isBeside(name)
        ? name
        : ExactName(added + String(Substring(name.string.utf8.dropFirst(removed.utf8.count))))
    }

    /// True for a name of a head, which does not have in front what the model's names lack.
    func isBeside(_ name: ExactName) -> Bool { !name.hasPrefix(removed) }
  }

  /// The weights that factors or rows belong to.
  private var targets: [ExactName] { (modules.map(\.name) + tokens.map(\.module)).map(\.weight) }

  private func place(in graph: WeightGraph, _ ties: [ExactName: ExactName]) -> Place? {
    let targets = targets
    let weights = targets.isEmpty ? replacements.map(\.name) : targets
    // The longest is one of a layer, whatever heads there are.
    guard let first = weights.max(by: { $0.byteCount < $1.byteCount }) else { return Place() }
    func fits(_ place: Place) -> Bool {
      weights.allSatisfy {
        place.isBeside($0) || graph[place($0)] != nil || ties[place($0)] != nil
      }
    }
    if fits(Place()) { return Place() }
    // Models have one prefix or none, those of several parts some; each takes a look at all weights.
    var left = 64
    for name in graph.weights.keys where left > 0 {
      var place = Place()
      if name.hasSuffix("." + first.string) {
        place.added = String(Substring(name.string.utf8.dropLast(first.byteCount)))
      } else if first.hasSuffix("." + name.string) {
        place.removed = String(Substring(first.string.utf8.dropLast(name.byteCount)))
      } else {
        continue
      }
      if fits(place) { return place }
      left -= 1
    }
    return nil
  }

  /// An adapter put on a model.
  fileprivate struct Application {
    private let adapter: LowRankAdapter
    private let place: Place
    private var weights: OrderedDictionary<ExactName, Weight>
    /// For each name those that are the same weight.
    private let ties: [ExactName: [ExactName]]
    /// Names that the graph leaves out since they are another weight.
    private let impliedTies: [ExactName: ExactName]
    private let graph: WeightGraph
    /// What weights are cast to afterwards.
    private let dtype: DType?
    /// Where the matrices of a known model have their outputs. Shapes tell it of all that are not square.
    private lazy var outputAxes: [ExactName: Int] = {
      let matrices =
        (try? Recognition(graph).model())?.architecture.layerMatrices ?? []
      return Dictionary(
        matrices.map { ($0.name, $0.outputAxis) }, uniquingKeysWith: { $1 })
    }()
    private var adapted: [ExactName] = []
    private var replaced: [ExactName] = []
    private var added: [ExactName] = []
    private var isUntied = false
    /// How often a weight with several names was set: what it was before is computed when it is read, and so on.
    private var depths: [ExactName: Int] = [:]
    /// A weight that two modules share, and are both adapted, is known; the stack has an end.
    private static let greatestDepth = 16

    init(
      _ adapter: LowRankAdapter, _ graph: WeightGraph, _ place: Place,
      _ impliedTies: [ExactName: ExactName], _ dtype: DType?
    ) {
      self.adapter = adapter
      self.impliedTies = impliedTies
      self.dtype = dtype
      self.place = place
      self.graph = graph
      weights = graph.weights
      var ties: [ExactName: [ExactName]] = [:]
      for tie in graph.ties where tie.names.count > 1 {
        for name in tie.names { ties[name] = tie.names }
      }
      self.ties = ties
    }

    mutating func run() throws(CheckpointError) -> AdaptedWeights {
      for (name, weight) in adapter.replacements { try replace(place(name), weight) }
      for rows in adapter.tokens { try replaceRows(rows) }
      for module in adapter.modules { try adapt(module) }
      if isUntied { try addTiedParts() }
      var graph = WeightGraph()
      graph.facts = self.graph.facts
      if !added.isEmpty { graph.facts.tree = nil }
      for (name, weight) in weights { try graph.insert(weight, as: name) }
      return AdaptedWeights(
        graph: graph, adapted: adapted, replaced: replaced, added: added, isUntied: isUntied)
    }

    /// Why the model may lack what the adapter is of. Of a known one the names of Transformers' modules are known, too.
    private var otherModel: Wording {
      let question = "is it the model that the adapter was trained on?"
      guard (try? Recognition(graph).model()) == nil else { return Wording(question) }
      return Wording(
        question
          + " Transformers may name the modules of this model, which is none that is known, otherwise than its files do"
      )
    }

    /// The name that the graph has a weight under.
    private func stored(_ name: ExactName) -> ExactName {
      weights[name] == nil ? impliedTies[name] ?? name : name
    }

    private mutating func replace(
      _ name: ExactName, _ weight: Weight
    ) throws(CheckpointError) {
      // What is stored below factors, or is a bias, belongs to the weight that the module shares with another.
      let isWhole = adapter.configuration.saves(name)
      let name = isWhole ? name : stored(name)
      guard let own = weights[name] else {
        guard isWhole else {
          throw CheckpointError(
            .notFound, tensor: name.string,
            "the model has no such weight, and modules_to_save does not name it",
            remedy: otherModel)
        }
        weights[name] = weight
        added.append(name)
        if impliedTies[name] != nil { isUntied = true }
        return
      }
      guard own.shape == weight.shape || isWhole else {
        throw CheckpointError(
          .mismatch, tensor: name.string, "expected \(own.shape), found \(weight.shape)")
      }
      replaced.append(name)
      guard isWhole else {
        for name in ties[name] ?? [name] { weights[name] = weight }
        return
      }
      weights[name] = weight
      try keepTied(to: name, own)
    }

    /// What was the same weight as a module that is stored whole stays what it was: the module is a copy.
    ///
    /// A head that the adapter brings takes the place of the one that shares the weight.
    private mutating func keepTied(
      to name: ExactName, _ weight: Weight
    ) throws(CheckpointError) {
      let names = Set(adapter.replacements.map { place($0.name) })
      let same = (ties[name] ?? []).filter { $0 != name && !names.contains($0) }
      if !same.isEmpty { isUntied = true }
      // No loader takes one of them for another from now on: in files each stands on its own.
      for other in same.dropFirst() { weights[other] = try weight.apart() }
      guard names.allSatisfy({ graph[$0] != nil || impliedTies[$0] != nil }) else { return }
      var isHeld = !same.isEmpty
      for other in impliedTies.keys.sorted()
      where impliedTies[other] == name && !names.contains(other) {
        weights[other] = isHeld ? try weight.apart() : weight
        isHeld = true
        added.append(other)
        isUntied = true
      }
    }

    /// What shared a weight that is still there gets its own, as settings say of all or none that they are tied: a head's bias
    /// (`cls.predictions.decoder.bias`), the tables of an encoder and a decoder.
    private mutating func addTiedParts() throws(CheckpointError) {
      for name in impliedTies.keys.sorted() where weights[name] == nil {
        guard let weight = impliedTies[name].flatMap({ weights[$0] }) else { continue }
        // Of its own, or a file has it once.
        weights[name] = try weight.apart()
        added.append(name)
      }
    }

    private mutating func replaceRows(_ tokens: TokenRows) throws(CheckpointError) {
      let (name, table) = try weight(of: tokens.module)
      let columns = tokens.values.shape.dimensions[1]
      guard table.shape.rank == 2, table.shape.dimensions[1] == columns,
        let last = tokens.rows.max(), last < table.shape.dimensions[0]
      else {
        throw CheckpointError(
          .mismatch, tensor: name.string,
          "a table \(table.shape) has no place for rows of \(columns) numbers up to number \(tokens.rows.max() ?? 0)"
        )
      }
      var parts: [Weight] = []
      var start = 0
      let values = try tokens.values.cast(to: table.dtype)
      for (row, place) in zip(tokens.rows, tokens.rows.indices).sorted(by: { $0.0 < $1.0 }) {
        if start < row { parts.append(try table.sliced(axis: 0, start..<row)) }
        parts.append(try values.sliced(axis: 0, place..<place + 1))
        start = row + 1
      }
      if start < table.shape.dimensions[0] {
        parts.append(try table.sliced(axis: 0, start..<table.shape.dimensions[0]))
      }
      try set(name, try Weight.concatenated(parts, axis: 0))
      replaced.append(name)
    }

    private mutating func adapt(_ module: Module) throws(CheckpointError) {
      let (name, weight) = try weight(of: module.name)
      do throws(CheckpointError) {
        let update = try LowRankUpdate(
          down: module.down, up: module.up, scale: module.scale,
          isTransposed: module.isTable || isTransposed(weight, name, module),
          magnitude: module.magnitude)
        try set(name, try weight.merging(update))
      } catch {
        throw error.about(name)
      }
      adapted.append(name)
      guard let bias = module.bias else { return }
      let biasName = stored(place(ExactName(module.name.string + ".bias")))
      guard let own = weights[biasName], own.shape.rank == 1 else {
        throw CheckpointError(
          .notFound, tensor: biasName.string,
          "the adapter adds to the bias of this module, and the model has none")
      }
      do throws(CheckpointError) {
        try set(biasName, try widened(own).adding(bias, times: module.scale))
      } catch {
        throw error.about(biasName)
      }
      adapted.append(biasName)
    }

    /// True if the weight has its inputs in rows. Where its shape fits both ways the model's kind says it, or else the settings.
    private mutating func isTransposed(_ weight: Weight, _ name: ExactName, _ module: Module)
      -> Bool
    {
      if adapter.configuration.targetsWeight(of: module.name.string) { return false }
      let (down, up) = (module.down.shape.dimensions, module.up.shape.dimensions)
      guard weight.shape.rank == 2, down.count == 2, up.count == 2 else { return false }
      let upright = [up[0], down[1]]
      guard weight.shape.dimensions == upright.reversed() else { return false }
      guard upright[0] == upright[1] else { return true }
      return outputAxes[name].map { $0 == 1 } ?? adapter.configuration.statesInputsInRows
    }

    private func weight(
      of module: ExactName
    ) throws(CheckpointError) -> (name: ExactName, weight: Weight) {
      let name = stored(place(module.weight))
      guard let weight = weights[name] else {
        throw CheckpointError(
          .notFound, tensor: name.string,
          "the adapter is of a module \(quoted(module.string)), and the model has no such weight",
          remedy: otherModel)
      }
      return (name, try widened(weight))
    }

    /// The weight in the type that it gets afterwards, if that holds more: what is added would lose it in the weight's own.
    private func widened(_ weight: Weight) throws(CheckpointError) -> Weight {
      guard let dtype, dtype.category == weight.dtype.category,
        dtype.bitWidth > weight.dtype.bitWidth
      else { return weight }
      return try weight.cast(to: dtype)
    }

    /// Sets a weight under all its names.
    ///
    /// - Throws: `limitExceeded` for one that more modules share than in any model.
    private mutating func set(_ name: ExactName, _ weight: Weight) throws(CheckpointError) {
      let names = ties[name] ?? [name]
      for name in names { weights[name] = weight }
      depths[names[0], default: 0] += 1
      guard depths[names[0], default: 0] <= Self.greatestDepth else {
        throw CheckpointError(
          .limitExceeded, tensor: name.string,
          "more than \(Self.greatestDepth) modules that are adapted share the weight")
      }
    }
  }
}

extension WeightGraph {
  /// Weights of a model that the graph leaves out since they are others, which it has: `lm_head.weight`.
  fileprivate var impliedTies: [ExactName: ExactName] {
    guard let model = try? Recognition(self).model(), !model.hasUnusualWrapper else {
      return namedTies
    }
    guard model.layout == .transformers else { return [:] }
    var ties: [ExactName: ExactName] = [:]
    for parameter in model.architecture.parameters where self[parameter.name] == nil {
      if let target = parameter.tiedTo, self[target] != nil { ties[parameter.name] = target }
    }
    return ties
  }
}

extension AdapterConfiguration {
  /// What `fan_in_fan_out` says.
  var statesInputsInRows: Bool { document["fan_in_fan_out"] == .boolean(true) }
}

extension ExactName {
  /// The name of a module's weight.
  fileprivate var weight: ExactName { ExactName(string + ".weight") }
}
