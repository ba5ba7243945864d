/// What a caller can ask for so that a refusal becomes none, as a meaning: a program can act on it, and every way of asking
/// has words of its own for it. ``description`` has those of Swift, the command line has its options.
public enum Remedy: Sendable, Hashable {
  /// Existing files may be replaced.
  case replaceExisting
  /// Tensors are left out, by these names or patterns; empty for the possibility as such.
  case leaveOut([String])
  /// Tensors are left out whose names match a pattern.
  case leaveOutMatching(String)
  /// What is not the model is left aside.
  case weightsOnly
  /// Only some tensors are taken.
  case takeOnly
  /// A parameter may be lost that the destination does not hold; nil for the possibility as such.
  case acceptLoss(String?)
  /// A setting may be lost, which changes what the model computes.
  case acceptSetting(String)
  /// A parameter may be missing; nil for the possibility as such.
  case acceptMissing(String?)
  /// Zeros take the place of a parameter that is not there; nil for the possibility as such.
  case fillZeros(String?)
  /// A tensor gets another name.
  case rename(from: String, to: String)
  /// Tensors are cast to a type.
  case cast(to: String)
  /// The destination's format is named: one of these.
  case format([String])
  /// Names and shapes are written in a layout, or kept (`flat`).
  case layout(String)
  /// A largest size for the files of a checkpoint.
  case shardSize
  /// The number of attention heads.
  case attentionHeads
  /// Of several classification heads one is taken; nil for the possibility as such.
  case task(String?)
  /// What a classifier is for is said: a regression, one class or several.
  case problem
  /// The class of the model, such as this one.
  case modelClass(String)
  /// A model runs with this adapter.
  case adapter(String)
  /// Texts are cut that are longer than the model takes.
  case cutTexts
  /// Objects of unknown classes are kept as inert values.
  case keepUnknownObjects
  /// What a checkpoint's pickles name is listed.
  case scan
  /// What a checkpoint holds is listed.
  case inspect
  /// A model's weights are converted.
  case convert
}

extension Remedy: CustomStringConvertible {
  /// The property, argument or function of this package that does it.
  public var description: String {
    func list(_ names: [String]) -> String {
      names.isEmpty ? "" : " " + names.map { quoted($0) }.joined(separator: ", ")
    }
    return switch self {
    case .replaceExisting: "ConversionOptions.replacesExisting"
    case .leaveOut(let names): "ConversionOptions.exclude" + list(names)
    case .leaveOutMatching(let pattern): "ConversionOptions.exclude" + list([pattern])
    case .weightsOnly: "ConversionOptions.weightsOnly"
    case .takeOnly: "ConversionOptions.include"
    case .acceptLoss(let name): "ConversionOptions.allowLoss" + list(name.map { [$0] } ?? [])
    case .acceptSetting(let key): "ConversionOptions.allowLoss" + list([key])
    case .acceptMissing(let name): "ConversionOptions.allowMissing" + list(name.map { [$0] } ?? [])
    case .fillZeros(let name): "fillZeros" + list(name.map { [$0] } ?? [])
    case .rename(let old, let new): "ConversionOptions.rename" + list([old + "=>" + new])
    case .cast(let type): "ConversionOptions.dtype " + type
    case .format(let names): "ConversionOptions.format " + names.joined(separator: "|")
    case .layout(let name): "ConversionOptions.layout " + name
    case .shardSize: "ConversionOptions.maximumShardSize"
    case .attentionHeads: "attentionHeads"
    case .task(let name): "ConversionOptions.task" + list(name.map { [$0] } ?? [])
    case .problem: "TrainingTask(_:of:problem:known:)"
    case .modelClass(let name): name
    case .adapter(let path): "LowRankAdapter(\(quoted(path)))"
    case .cutTexts: "TextModel.cutsTexts"
    case .keepUnknownObjects: "OpenOptions.keepsUnknownObjects"
    case .scan: "CheckpointScan"
    case .inspect: "CheckpointFacts.others"
    case .convert: "convert (ConversionPlan)"
    }
  }
}

/// Text in which remedies stand as meanings: `"\(remedy: .acceptLoss(name)) leaves it out"`.
public struct Wording: Sendable, Hashable {
  private enum Part: Hashable {
    case text(String)
    case remedy(Remedy)
  }
  /// No two texts stand side by side, so that equal sentences are equal however they were made.
  private var parts: [Part]

  /// Text without remedies.
  public init(_ text: String) { parts = [.text(text)] }

  /// The remedies in it, in order.
  public var remedies: [Remedy] {
    parts.compactMap { if case .remedy(let remedy) = $0 { remedy } else { nil } }
  }

  /// The text, with the caller's own words for remedies.
  public func text(saying words: (Remedy) -> String) -> String {
    parts.reduce(into: "") { text, part in
      switch part {
      case .text(let more): text += more
      case .remedy(let remedy): text += words(remedy)
      }
    }
  }

  /// One text behind another.
  public static func + (left: Wording, right: Wording) -> Wording {
    var sum = left
    for part in right.parts { sum.append(part) }
    return sum
  }

  private mutating func append(_ part: Part) {
    if case .text(let more) = part, case .text(let text)? = parts.last {
      parts[parts.count - 1] = .text(text + more)
    } else {
      parts.append(part)
    }
  }
}

extension Wording: CustomStringConvertible {
  /// The text as a program of this package's users has it.
  public var description: String { text { $0.description } }
}

extension Wording: ExpressibleByStringInterpolation {
  /// Collects the parts of a text.
  public struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var wording = Wording("")

    /// Nothing yet.
    public init(literalCapacity: Int, interpolationCount: Int) {}

    /// Adds text.
    public mutating func appendLiteral(_ text: String) { wording.append(.text(text)) }

    /// Adds a value as text.
    public mutating func appendInterpolation(_ value: some Any) {
      wording.append(.text("\(value)"))
    }

    /// Adds another wording with its remedies.
    public mutating func appendInterpolation(_ other: Wording) { wording = wording + other }

    /// Adds a remedy, for which the caller has the words.
    public mutating func appendInterpolation(remedy: Remedy) { wording.append(.remedy(remedy)) }
  }

  /// Text without remedies.
  public init(stringLiteral text: String) { self.init(text) }

  /// Text with remedies.
  public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.wording }
}
