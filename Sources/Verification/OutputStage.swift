public import CheckpointBytes

/// Where in a model an output comes from. Stages are ordered as they are computed, so that the first that differs is where a
/// search for the cause begins.
public enum OutputStage: Sendable, Hashable {
  /// `hidden_states.0`: what goes into the first layer.
  case embeddings
  /// `attentions.N`: the weights of keys in layer N, counted from 0.
  case attention(layer: Int)
  /// `hidden_states.N+1`: what comes out of layer N, counted from 0.
  case layer(Int)
  /// `last_hidden_state`: the body's result.
  case body
  /// Everything else: the pooler, logits.
  case head
  /// `NAME:input`, `NAME:output.0`: what a module within a model was given or gave.
  case module(String)

  /// The stage of an output, by the name that Transformers gives it.
  public init(of name: ExactName) {
    if name == "last_hidden_state" {
      self = .body
    } else if let state = OutputStage.number(name, after: "hidden_states.") {
      self = state == 0 ? .embeddings : .layer(state - 1)
    } else if let layer = OutputStage.number(name, after: "attentions.") {
      self = .attention(layer: layer)
    } else if let colon = name.string.lastIndex(of: ":"),
      OutputStage.isSide(name.string[name.string.index(after: colon)...])
    {
      self = .module(String(name.string[..<colon]))
    } else {
      self = .head
    }
  }

  private static func isSide(_ text: Substring) -> Bool {
    let side = text.prefix { $0 != "." }
    return side == "input" || side == "output"
  }

  private static func number(_ name: ExactName, after prefix: String) -> Int? {
    guard name.string.hasPrefix(prefix) else { return nil }
    let digits = name.string.dropFirst(prefix.count)
    guard let number = Int(digits), number >= 0, String(number) == digits else { return nil }
    return number
  }
}

extension OutputStage: Comparable {
  /// In order of computation; the outputs of a head, and modules, are not ordered among themselves.
  public static func < (left: OutputStage, right: OutputStage) -> Bool { left.key < right.key }

  private var key: (Int, Int, Int) {
    switch self {
    case .embeddings: (0, 0, 0)
    case .attention(let layer): (1, layer, 0)
    case .layer(let layer): (1, layer, 1)
    case .body: (2, 0, 0)
    case .head, .module: (3, 0, 0)
    }
  }
}

extension OutputStage: CustomStringConvertible {
  /// For people: `layer 3`. Layers count from 0, as they do in the names of their weights.
  public var description: String {
    switch self {
    case .embeddings: "embeddings"
    case .attention(let layer): "attention of layer \(layer)"
    case .layer(let layer): "layer \(layer)"
    case .body: "last hidden state"
    case .head: "head"
    case .module(let name): name
    }
  }
}
