package import CheckpointBytes
internal import OrderedCollections
package import TensorValues

// How the compressed-tensors package (0.20, formats int-quantized and float-quantized) stores a matrix of 8 bits:
//
//   X.weight         I8 or F8_E4M3  [rows, columns]   steps
//   X.weight_scale   F32, BF16, F16 [rows, 1]         what a step of each row is worth; [1] for the whole matrix
//
// and how DeepSeek does (Transformers 5.23, `finegrained_fp8.py`):
//
//   X.weight            F8_E4M3 [rows, columns]                                  steps
//   X.weight_scale_inv  F32     [⌈rows ÷ block⌉, ⌈columns ÷ block⌉], or one      what a step of each block is worth
//
// Scales of columns, [1, columns], are ours: those of the matrices that Transformers stores the other way round (Conv1D of GPT-2). Which
// they belong to is the scales' shape in both.

extension WeightGraph {
  /// For each matrix of steps the name of its scales. Matrices that have a zero point too are none: their values are others.
  package var scaleNames: [ExactName: ExactName] {
    var names: [ExactName: ExactName] = [:]
    for (scaleName, _) in weights {
      guard let name = scaleName.ofSteps, let steps = weights[name], scaled(steps, name) != nil
      else { continue }
      names[name] = scaleName
    }
    return names
  }

  /// The graph in which steps and their scales are one weight, of the values that they stand for (``Weight/scaled(_:by:)``).
  package func joiningScales() throws(CheckpointError) -> WeightGraph {
    let scaleNames = scaleNames
    if scaleNames.isEmpty { return self }
    let scales = Set(scaleNames.values)
    return try renamed { scales.contains($0) ? nil : $0 }.mapWeights { (name, weight) in
      scaleNames[name] == nil ? weight : scaled(weight, name) ?? weight
    }
  }

  /// The graph in which steps and scales are weights of their own again, one behind the other.
  ///
  /// - Throws: `inconsistent` if the name of the scales is taken.
  package func splittingScales() throws(CheckpointError) -> WeightGraph {
    guard weights.values.contains(where: { $0.scaledParts != nil }) else { return self }
    var graph = WeightGraph()
    graph.facts = facts
    for (name, weight) in weights {
      guard let (steps, scales) = weight.scaledParts else {
        try graph.insert(weight, as: name)
        continue
      }
      try graph.insert(steps, as: name)
      try graph.insert(scales, as: name.ofScales)
    }
    return graph
  }

  private func scaled(_ steps: Weight, _ name: ExactName) -> Weight? {
    guard weights[ExactName(name.string + "_zero_point")] == nil,
      let scales = weights[name.ofScales]
    else { return nil }
    return try? Weight.scaled(steps, by: scales.asMatrixOfScales)
  }

  /// True if 8-bit floats have scales of blocks beside them, by their names.
  package var mayHaveScaledBlocks: Bool {
    weights.contains { $1.dtype == .f8E4M3 && weights[$0.ofBlockScales] != nil }
  }

  /// The graph in which 8-bit floats and the scales of their blocks are one weight. Where the two do not fit they stay what they are.
  package func joiningScales(of block: ScaleBlock) throws(CheckpointError) -> WeightGraph {
    var joined: [ExactName: Weight] = [:]
    var scaleNames: Set<ExactName> = []
    for (name, steps) in weights where steps.dtype == .f8E4M3 {
      let scaleName = name.ofBlockScales
      guard let scales = weights[scaleName]?.asMatrixOfScales else { continue }
      let block = scales.shape.elementCount == 1 ? .whole : block
      guard let weight = try? Weight.scaled(steps, by: scales, of: block) else { continue }
      joined[name] = weight
      scaleNames.insert(scaleName)
    }
    return try renamed { scaleNames.contains($0) ? nil : $0 }.mapWeights { (name, weight) in
      joined[name] ?? weight
    }
  }

  /// Refuses matrices of small floats and of integers, packed ones too, beside which scales of theirs stand, after those that are understood
  /// were joined: without them the values are others, and scales of another type make others of packed ones as well.
  ///
  /// - Parameter types: True for the types of steps that are asked about.
  /// - Throws: `unsupported`, naming both, without a remedy.
  package func checkNoScalesAreLeft(
    beside types: (DType) -> Bool = { _ in true }
  ) throws(CheckpointError) {
    var scales: [ExactName: ExactName] = [:]
    for name in weights.keys {
      if let stem = name.stemOfScales, scales[stem] == nil { scales[stem] = name }
    }
    guard !scales.isEmpty else { return }
    for (name, weight) in weights
    where weight.dtype.mayBeSteps && weight.shape.rank > 1 && types(weight.dtype) {
      guard let found = name.stemsOfItsScales.lazy.compactMap({ scales[$0] }).first,
        let own = weights[found]
      else { continue }
      throw CheckpointError(
        .unsupported, tensor: name.string,
        "\(weight.dtype) \(weight.shape) are steps of scales, \(quoted(found.string)) \(own.dtype) \(own.shape), and which of them belongs to which is not known"
      )
    }
  }
}

extension Weight {
  /// A single scale as a matrix.
  fileprivate var asMatrixOfScales: Weight {
    guard shape.elementCount == 1, shape.rank < 2, let one = Shape([1, 1]) else { return self }
    return (try? reshaped(one)) ?? self
  }
}

extension DType {
  /// True for int8, floats of at most 8 bits, and what steps of fewer bits are packed into; a type of scales is none.
  fileprivate var mayBeSteps: Bool {
    switch self {
    case .i8, .u8, .i16, .i32: true
    case .f8E8M0: false
    default: category == .real && bitWidth <= 8
    }
  }
}

extension ExactName {
  private static let scaleEnd = "_scale"
  /// The name of the scales of blocks of a matrix of this name. They are multiplied with, whatever the name says.
  fileprivate var ofBlockScales: ExactName { ExactName(string + "_scale_inv") }

  /// What scales are called: `SCB` and `absmax` by bitsandbytes (Transformers 5.23, `quantizer_bnb_8bit.py`, `quantizer_bnb_4bit.py`).
  private static let wordsOfScales = ["scale", "SCB", "absmax"].map { Array($0.utf8) }

  /// Of a name of scales, in whatever convention, what stands before the word: `X.weight_` of `X.weight_scale_2`, `X.` of `X.scale`; nil
  /// of others.
  fileprivate var stemOfScales: ExactName? {
    let bytes = Array(string.utf8)
    let start = (bytes.lastIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") } ?? -1) + 1
    for place in bytes[start...].indices
    where Self.wordsOfScales.contains(where: bytes[place...].starts) {
      return ExactName(String(decoding: bytes[..<place], as: UTF8.self))
    }
    return nil
  }

  /// What the names of steps end with, of which scales have the rest: `X.weight` and `X.scale`; the parts of quanto's and torchao's
  /// tensors, `X.weight._data` and `X._weight_qdata`; `X.qweight` of GPTQ and AWQ, `X.weight_packed` of compressed-tensors, `X.W_q` of HQQ,
  /// `X_blocks` of MXFP4 (Transformers 5.23, `integrations/`).
  private static let endsOfSteps = [
    "weight", "qdata", "data", "qweight", "packed", "W_q", "blocks",
  ]

  /// What may stand before the word in the names of its scales: `X.weight_`, `X.weight.`, and the name without what steps end with.
  fileprivate var stemsOfItsScales: [ExactName] {
    let bytes = string.utf8
    let ends = Self.endsOfSteps.filter(hasSuffix)
    return [ExactName(string + "_"), ExactName(string + ".")]
      + ends.map { ExactName(String(Substring(bytes.dropLast($0.utf8.count)))) }
  }

  /// The name of the scales of a matrix of this name.
  package var ofScales: ExactName { ExactName(string + Self.scaleEnd) }

  /// The name of the matrix that has scales of this name; nil if it is none of scales.
  fileprivate var ofSteps: ExactName? {
    let bytes = string.utf8
    guard bytes.count > Self.scaleEnd.utf8.count, hasSuffix("weight" + Self.scaleEnd) else {
      return nil
    }
    return ExactName(String(Substring(bytes.dropLast(Self.scaleEnd.utf8.count))))
  }
}
