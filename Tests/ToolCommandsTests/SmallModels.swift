import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import WeightGraph

/// Models small enough to be made in a test: three heads, odd sizes.
struct SmallModel {
  let architecture: ModelArchitecture
  /// The parameters under Transformers' names, in the order of `state_dict`; tied ones once.
  var file = TensorFile()

  init(
    _ family: ModelFamily = .bert, _ head: ModelHead = .maskedLM, layers: Int = 2,
    isUntied: Bool = false, zerosWhereUnused: Bool = false, hasPooler: Bool? = nil
  ) throws {
    let sizes = ModelSizes(
      hidden: 6, embedding: family.definition.settings.embedding == nil ? nil : 4, layers: layers,
      intermediate: 10, vocabulary: 11, positions: 7,
      tokenTypes: tokenTypes(of: family), labels: 4, heads: 3)
    architecture = try ModelArchitecture(
      family: family, head: head, sizes: sizes, hasPooler: hasPooler)
    for (seed, parameter) in architecture.parameters.enumerated() {
      if parameter.tiedTo != nil && !isUntied { continue }
      file.add(parameter.name.string, parameter.shape.dimensions, seed: seed + 1)
      let row = (parameter.shape.dimensions.last ?? 1) * 4
      let zeroRows =
        !zerosWhereUnused || family.unusedPositions == 0
        ? 0
        : parameter.name.string.contains("position_embeddings")
          ? 2
          : parameter.name.string.contains("token_type_embeddings") ? 1 : 0
      for place in 0..<(zeroRows * row) { file.tensors[file.tensors.count - 1].bytes[place] = 0 }
    }
  }

  /// The text of a `config.json`; further members are text that follows a comma.
  func configuration(
    heads: Int = 3, layers: Int? = nil, vocabulary: Int = 11, and more: String = ""
  )
    -> String
  {
    let name = architecture.head.className(in: architecture.family) ?? ""
    let layers = layers ?? architecture.sizes.layers
    let table = architecture.family.definition.settings
    var sizes: [(String, Int)] = [
      (table.hidden.key, 6), (table.layers.key, layers), (table.heads.key, heads),
      (table.intermediate.key, 10), (table.positions.key, 7),
    ]
    if let types = table.tokenTypes { sizes.append((types.key, architecture.sizes.tokenTypes)) }
    let texts = sizes.map { "\"\($0)\": \($1)" }.joined(separator: ", ")
    return """
      {"model_type": "\(architecture.family.name)", "architectures": ["\(name)"], \
      "vocab_size": \(vocabulary), \(texts)\(more)}
      """
  }

  /// The weights in a layout, as a safetensors file.
  func file(in layout: Layout) throws -> TensorFile {
    var canonical = WeightGraph()
    for parameter in architecture.parameters {
      let name = file[parameter.name.string] == nil ? parameter.tiedTo : parameter.name
      guard let name, let tensor = file[name.string] else { continue }
      let source = MemoryBytes(tensor.bytes, origin: tensor.name)
      let layout = StridedLayout(packed: parameter.shape)
      try canonical.insert(
        Weight(try StoredTensor(source: source, dtype: .f32, layout: layout)), as: parameter.name)
    }
    let tied = Set(architecture.parameters.filter { $0.tiedTo != nil }.map(\.name))
    let plan = try SavePlan(
      canonical, of: architecture, in: layout, mayLose: [NamePattern("*")],
      tied: layout == .transformers ? tied : [])
    var result = TensorFile()
    for (name, weight) in plan.graph.weights {
      let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: weight.byteCount, alignment: 1)
      defer { unsafe buffer.deallocate() }
      try unsafe weight.read(at: 0, into: buffer)
      result.tensors.append(
        TensorFile.Tensor(name.string, weight.shape.dimensions, unsafe Array(buffer)))
    }
    return result
  }
}

extension TemporaryDirectory {
  /// Writes a model's file, and its configuration where one is given; the directory's path is the result.
  @discardableResult
  func write(_ file: TensorFile, configuration: String? = nil) throws -> String {
    _ = try write(file.bytes, as: "model.safetensors")
    if let configuration { _ = try write(Array(configuration.utf8), as: "config.json") }
    return path
  }
}

/// The families whose weights are their own: those of a variant are taken for the family that it is one of.
let ownFamilies = FamilyList.all.families.filter { $0.definition.variantOf == nil }

/// A number of token types that the family's weights are recognised by.
func tokenTypes(of family: ModelFamily) -> Int {
  guard family.definition.body.hasTokenTypes else { return 0 }
  return family.definition.usualSizes[.tokenTypes] ?? 2
}
