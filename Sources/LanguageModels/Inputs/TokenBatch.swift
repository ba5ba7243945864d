internal import CheckpointBytes

/// Inputs that a body can take as they are: every index is in its table's range, every array as long as the ids.
struct TokenBatch {
  /// The extents of the ids.
  let dimensions: [Int]
  /// The number of sequences; choices count as sequences.
  let sequenceCount: Int
  /// Their length.
  let length: Int
  /// Rows of the word embeddings, `[sequence, token]`.
  let ids: [Int]
  /// Rows of the token type embeddings; nil if nothing is added.
  let types: [Int]?
  /// Rows of the position embeddings.
  let positions: [Int]
  /// Which tokens are to be seen; nil if all are.
  let isSeen: [Bool]?

  /// The number of rows of each table.
  struct Tables: Sendable {
    var vocabulary: Int
    var positions: Int
    var types: Int
  }

  /// Checks inputs and fills in what is not stated.
  ///
  /// - Parameters:
  ///   - typesWithout: The type of every token if none are stated; nil adds nothing.
  ///   - positionsAfterPadding: The padding token, if positions are counted from it; nil counts from 0.
  /// - Throws: `mismatch` for a shape, `unsupported` for `mc_token_ids`, which one head alone takes, `inconsistent` for an index outside its table or an empty batch.
  init(
    _ inputs: ModelInputs, tables: Tables, typesWithout: Int?, positionsAfterPadding: Int?
  ) throws(CheckpointError) {
    let ids = inputs.inputIDs
    guard ids.dimensions.count >= 2 else {
      throw inputFailure(
        .mismatch, "input_ids", "extents \(ids.dimensions), expected [batch, sequence]")
    }
    guard !ids.elements.isEmpty else {
      throw inputFailure(.inconsistent, "input_ids", "extents \(ids.dimensions): there is no token")
    }
    guard inputs.choiceTokenIDs == nil else {
      throw inputFailure(
        .unsupported, "mc_token_ids", "only a model that chooses by places takes them",
        remedy: "leave them out")
    }
    dimensions = ids.dimensions
    sequenceCount = ids.sequenceCount
    length = ids.length
    self.ids = try Self.rows(ids, "input_ids", below: tables.vocabulary, "the vocabulary")
    if let mask = inputs.attentionMask {
      try Self.requireExtents(mask, of: ids, "attention_mask")
      if let place = mask.elements.firstIndex(where: { $0 != 0 && $0 != 1 }) {
        throw inputFailure(
          .inconsistent, "attention_mask" + mask.place(of: place),
          "expected 0 or 1, found \(mask.elements[place])")
      }
      isSeen = mask.elements.contains(0) ? mask.elements.map { $0 != 0 } : nil
    } else {
      isSeen = nil
    }
    if let types = inputs.tokenTypeIDs {
      guard tables.types > 0 else {
        throw inputFailure(
          .unsupported, "token_type_ids", "the model has no token types", remedy: "leave them out")
      }
      try Self.requireExtents(types, of: ids, "token_type_ids")
      self.types = try Self.rows(types, "token_type_ids", below: tables.types, "the token types")
    } else {
      types = typesWithout.map { Array(repeating: $0, count: ids.elements.count) }
    }
    if let stated = inputs.positionIDs {
      let rows = try Self.rows(stated, "position_ids", below: tables.positions, "the positions")
      if stated.dimensions == [1, ids.length] {
        positions = Array(repeatElement(rows, count: ids.sequenceCount).joined())
      } else {
        try Self.requireExtents(stated, of: ids, "position_ids")
        positions = rows
      }
    } else {
      positions = try Self.counted(ids, tables.positions, after: positionsAfterPadding)
    }
  }

  private static func requireExtents(
    _ array: TokenArray, of ids: TokenArray, _ argument: String
  ) throws(CheckpointError) {
    guard array.dimensions == ids.dimensions else {
      throw inputFailure(
        .mismatch, argument, "extents \(array.dimensions), input_ids have \(ids.dimensions)")
    }
  }

  private static func rows(
    _ array: TokenArray, _ argument: String, below count: Int, _ table: String
  ) throws(CheckpointError) -> [Int] {
    if let place = array.elements.firstIndex(where: { $0 < 0 || $0 >= count }) {
      throw inputFailure(
        .inconsistent, argument + array.place(of: place),
        "\(array.elements[place]) is outside \(table) of \(count) rows")
    }
    return array.elements
  }

  /// `create_position_ids_from_input_ids` of `modeling_roberta.py` if there is a padding token to count from.
  private static func counted(
    _ ids: TokenArray, _ positionCount: Int, after padding: Int?
  ) throws(CheckpointError) -> [Int] {
    var positions: [Int] = []
    positions.reserveCapacity(ids.elements.count)
    for sequence in 0..<ids.sequenceCount {
      var next = (padding ?? -1) + 1
      for token in ids.sequence(sequence) {
        let position = token == padding ? token : next
        guard (0..<positionCount).contains(position) else {
          throw inputFailure(
            .inconsistent, "input_ids",
            "sequence \(sequence) of \(ids.length) tokens needs position \(position), the model has "
              + "\(positionCount) rows of them",
            remedy: "shorten the text")
        }
        positions.append(position)
        if token != padding { next += 1 }
      }
    }
    return positions
  }
}
