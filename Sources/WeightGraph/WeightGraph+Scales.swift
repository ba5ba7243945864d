package import CheckpointBytes
internal import OrderedCollections
internal import TensorValues

// How the compressed-tensors package (0.20, formats int-quantized and float-quantized) stores a matrix of 8 bits:
//
//   X.weight         I8 or F8_E4M3  [rows, columns]   steps
//   X.weight_scale   F32, BF16, F16 [rows, 1]         what a step of each row is worth; [1] for the whole matrix
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
      var scales = weights[name.ofScales]
    else { return nil }
    if scales.shape.elementCount == 1, scales.shape.rank < 2, let one = Shape([1, 1]),
      let whole = try? scales.reshaped(one)
    {
      scales = whole
    }
    return try? Weight.scaled(steps, by: scales)
  }
}

extension ExactName {
  private static let scaleEnd = "_scale"

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
