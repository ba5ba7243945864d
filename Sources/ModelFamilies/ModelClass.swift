public import CheckpointBytes
public import LanguageModels
public import LayoutRules
public import WeightGraph

/// One of Transformers' classes, by its name.
public struct ModelClass: Sendable {
  /// The class's name in Transformers.
  public var name: String { type.className }
  /// The family.
  public var family: ModelFamily { type.family }
  /// The type of the models.
  public let type: any LanguageModel.Type

  /// The class of a name; nil if it is none of these.
  public init?(named name: String) {
    guard let type = Self.types.first(where: { $0.className == name }) else { return nil }
    self.type = type
  }

  /// The first class that a configuration names (`architectures`), as `AutoModel…` take it.
  ///
  /// - Throws: `notFound` if it names none, `unsupported` if it is none of these.
  public init(configuration: JSONValue, file: String? = nil) throws(CheckpointError) {
    let reader = try SettingsReader(configuration, file: file)
    let names = try reader.strings("architectures")
    guard let first = names.first else {
      throw reader.failure(
        .notFound, "architectures", "the configuration names no class", remedy: "name the class")
    }
    guard let found = ModelClass(named: first) else {
      throw reader.failure(
        .unsupported, "architectures", "no class \(quoted(first)) here",
        remedy:
          "supported are Transformers' classes of \(FamilyList.all.families.map(\.name).joined(separator: ", "))"
      )
    }
    self = found
  }

  /// The names of all classes.
  public static var names: [String] { types.map { $0.className } }

  /// What helps against a name that is none of these: the one that was meant, if it is as good as that one, else those of the
  /// family.
  package static func remedy(for name: String, of family: ModelFamily) -> Wording {
    let wanted = ExactName(name.lowercased())
    let near = names.map { (name: $0, distance: ExactName($0.lowercased()).distance(to: wanted)) }
      .min { $0.distance < $1.distance }
    if let near, near.distance * 4 <= near.name.utf8.count {
      return "did you mean \(near.name)?"
    }
    let own = types.filter { $0.family == family }.map { $0.className }
    return "there are \(own.joined(separator: ", "))"
  }

  private static let types = FamilyList.known.flatMap { $0.classes }

  /// Loads a model of the class from a checkpoint's weights and its `config.json`.
  ///
  /// - Throws: what `ModelConfig/init(_:file:)` and `LanguageModel/init(weights:configuration:options:)` throw.
  public func load(
    weights: WeightGraph, configuration: JSONValue, file: String? = nil,
    options: LoadOptions = LoadOptions()
  ) throws(CheckpointError) -> any LanguageModel {
    try type.init(
      weights: weights, document: configuration, file: file, options: options)
  }
}
