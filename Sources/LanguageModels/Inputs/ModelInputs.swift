public import CheckpointBytes

/// What a model is given, under Transformers' names. All arrays are `[batch, sequence]`; for choices
/// `[batch, choices, sequence]`.
public struct ModelInputs: Sendable, Hashable {
  /// `input_ids`: rows of the word embeddings.
  public var inputIDs: TokenArray
  /// `attention_mask`: 0 where a token is not to be seen; all are if there is none. Any pattern, holes too.
  public var attentionMask: TokenArray?
  /// `token_type_ids`: rows of the token type embeddings, of the word embeddings for GPT-2. Without them BERT and RoBERTa
  /// take type 0, GPT-2 adds nothing.
  public var tokenTypeIDs: TokenArray?
  /// `position_ids`: rows of the position embeddings; also `[1, sequence]` for all. Without them tokens are counted from 0,
  /// whatever the mask; RoBERTa counts those that are no padding, from the padding token's id plus 1.
  public var positionIDs: TokenArray?
  /// `mc_token_ids` of `GPT2DoubleHeadsModel`, `[batch, choices]` or `[batch]`: the place of the token that stands for the
  /// sequence, the last if there is none.
  public var choiceTokenIDs: TokenArray?
  /// What the outputs should have been; a model that gets them gives `loss`.
  public var labels = ModelLabels()

  /// Makes inputs of their parts.
  public init(
    inputIDs: TokenArray, attentionMask: TokenArray? = nil, tokenTypeIDs: TokenArray? = nil,
    positionIDs: TokenArray? = nil, choiceTokenIDs: TokenArray? = nil
  ) {
    self.inputIDs = inputIDs
    self.attentionMask = attentionMask
    self.tokenTypeIDs = tokenTypeIDs
    self.positionIDs = positionIDs
    self.choiceTokenIDs = choiceTokenIDs
  }
}

extension ModelInputs {
  /// Inputs by Transformers' names of the arguments: `input_ids`, `attention_mask`, `token_type_ids`, `position_ids`,
  /// `mc_token_ids`.
  ///
  /// - Throws: `notFound` without `input_ids`, `unsupported` for any other argument, naming it.
  public init(arguments: [String: TokenArray]) throws(CheckpointError) {
    guard let inputIDs = arguments["input_ids"] else {
      throw inputFailure(.notFound, "input_ids", "there is no such input")
    }
    self.init(inputIDs: inputIDs)
    for (name, array) in arguments.sorted(by: { $0.key < $1.key }) {
      switch name {
      case "input_ids": break
      case "attention_mask": attentionMask = array
      case "token_type_ids": tokenTypeIDs = array
      case "position_ids": positionIDs = array
      case "mc_token_ids": choiceTokenIDs = array
      case _ where labels.take(name, LabelArray(array)): break
      default:
        throw inputFailure(
          .unsupported, name, "no model takes such an input",
          remedy: "there are \((Self.argumentNames + ModelLabels.names).joined(separator: ", "))")
      }
    }
  }

  /// The names of all inputs.
  public static let argumentNames = [
    "input_ids", "attention_mask", "token_type_ids", "position_ids", "mc_token_ids",
  ]
}
