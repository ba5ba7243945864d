internal import ArgumentParser
internal import Weighbridge

/// How encodings are cut and filled up, in the words of Transformers.
struct EncodingArguments: ParsableArguments {
  /// What is done to texts that are too long.
  enum TruncationChoice: String, ExpressibleByArgument, CaseIterable {
    case longestFirst = "longest_first"
    case onlyFirst = "only_first"
    case onlySecond = "only_second"
    case none = "do_not_truncate"
  }

  /// What encodings are filled up to.
  enum PaddingChoice: String, ExpressibleByArgument, CaseIterable {
    case longest
    case maximum = "max_length"
    case none = "do_not_pad"
  }

  /// An end of a text.
  enum SideChoice: String, ExpressibleByArgument, CaseIterable {
    case left
    case right

    var side: TextSide { self == .left ? .left : .right }
  }

  @Flag(help: "Leave out the special tokens that the model wants around a text.")
  var noSpecialTokens = false

  @Option(
    help: ArgumentHelp(
      "The greatest number of tokens; without --padding and --truncation, cut to it.",
      valueName: "count"))
  var maxLength: Int?

  @Option(help: "Which text is cut.")
  var truncation: TruncationChoice?

  @Option(help: "The side where texts are cut; by default the tokenizer's own.")
  var truncationSide: SideChoice?

  @Option(help: "What is filled up to; by default nothing.")
  var padding: PaddingChoice?

  @Option(help: "The side where padding is put; by default the tokenizer's own.")
  var paddingSide: SideChoice?

  @Option(help: ArgumentHelp("Fill up to a multiple of this.", valueName: "number"))
  var padToMultipleOf: Int?

  @Option(
    help: ArgumentHelp("The padding token's id; by default the tokenizer's own.", valueName: "id"))
  var padTokenID: Int?

  @Option(
    help: ArgumentHelp("How many tokens parts that are cut off have in common.", valueName: "count")
  )
  var stride: Int?

  func validate() throws {
    for (name, value) in [
      ("max-length", maxLength), ("pad-to-multiple-of", padToMultipleOf), ("stride", stride),
      ("pad-token-id", padTokenID),
    ] where value.map({ $0 < 0 }) ?? false {
      throw ValidationError("--\(name) cannot be negative.")
    }
  }

  /// The options for a tokenizer: its usual ones, and what is asked for. Without a length its model's own counts, and
  /// without that nothing is cut or filled up to a maximum, as in Transformers.
  func options(for tokenizer: Tokenizer) -> EncodingOptions {
    var options = tokenizer.usualOptions
    options.addsSpecialTokens = !noSpecialTokens
    let length = maxLength ?? options.truncation?.maximumLength ?? tokenizer.maximumLength
    if let choice = truncation ?? (maxLength != nil && padding == nil ? .longestFirst : nil) {
      let strategy = Truncation.Strategy(rawValue: choice.rawValue)
      let overlap = options.truncation?.stride ?? 0
      options.truncation = length.flatMap { length in
        strategy.map {
          Truncation(
            maximumLength: length, strategy: $0, side: tokenizer.truncationSide, stride: overlap)
        }
      }
    }
    if let truncationSide { options.truncation?.side = truncationSide.side }
    if let stride { options.truncation?.stride = stride }

    let filling = options.padding ?? Padding(side: tokenizer.paddingSide)
    switch padding {
    case nil: break
    case .some(.none): options.padding = nil
    case .longest: options.padding = filling.filling(up: .longest)
    case .maximum: options.padding = length.map { filling.filling(up: .fixed($0)) }
    }
    if let paddingSide { options.padding?.side = paddingSide.side }
    if let padToMultipleOf { options.padding?.multiple = padToMultipleOf }
    if let padTokenID {
      options.padding?.id = padTokenID
      options.padding?.token = nil
    }
    return options
  }
}

extension Padding {
  /// The same padding to another length.
  fileprivate func filling(up length: Length) -> Padding {
    var padding = self
    padding.length = length
    return padding
  }
}
