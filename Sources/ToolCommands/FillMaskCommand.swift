internal import ArgumentParser
internal import Weighbridge

/// `weighbridge fill-mask`: what may stand where a text has a mask.
struct FillMaskCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "fill-mask",
    abstract: "Fills the masks of a text, as Transformers' pipeline does.",
    discussion: """
      The masked language model of the family is run, whatever class the configuration names. Masks are written as \
      the tokenizer's mask token, mostly [MASK] or <mask>.
      """)

  @OptionGroup var model: ModelArguments

  @Argument(help: "A text with a mask, or several.")
  var text: String

  @Option(name: .customLong("top-k"), help: "How many tokens are proposed for each mask.")
  var count = 5

  @Flag(help: "Print everything as one JSON object.")
  var json = false

  func validate() throws {
    guard count > 0 else { throw ValidationError("--top-k must be above 0.") }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let source = try model.open(console)
    let loaded = try model.load(try source.modelClass(of: .maskedLM), of: source, console)
    guard let filler = loaded as? any MaskFiller else {
      throw model.unsuitable(loaded, source, "does not fill masks")
    }
    let places = try filler.fillMasks(text, tokenizer: try source.tokenizer(), top: count)
    console.write(json ? JSONWriter.text(report(places)) + "\n" : description(places))
    return .done
  }

  private func description(_ places: [MaskedPlace]) -> String {
    var lines: [String] = []
    for place in places {
      if places.count > 1 { lines.append("mask at token \(place.position)") }
      for proposal in place.proposals {
        lines.append(
          NumberText.fixed(proposal.probability, digits: 4) + "  " + singleLine(proposal.token)
            + "  " + singleLine(proposal.text))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func report(_ places: [MaskedPlace]) -> JSONValue {
    let masks = places.map { place in
      JSONValue.object([
        JSONValue.Member("position", .integer(place.position)),
        JSONValue.Member(
          "proposals",
          .array(
            place.proposals.map { proposal in
              .object([
                JSONValue.Member("score", .double(proposal.probability)),
                JSONValue.Member("token", .integer(proposal.tokenID)),
                JSONValue.Member("token_str", .string(proposal.token)),
                JSONValue.Member("sequence", .string(proposal.text)),
              ])
            })),
      ])
    }
    return .object([JSONValue.Member("masks", .array(masks))])
  }
}
