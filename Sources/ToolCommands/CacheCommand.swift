internal import ArgumentParser
internal import Weighbridge

/// `weighbridge cache`: the models that Hugging Face's libraries have downloaded.
struct CacheCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Lists the models in the Hub's cache on this machine.",
    discussion: """
      A model there is named like a file wherever one is taken: org/name, or org/name@revision with a branch, a tag or a \
      commit. HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME say where the cache is. Nothing is downloaded.

      Examples:
        weighbridge cache
        weighbridge inspect google-bert/bert-base-uncased
      """)

  @Flag(help: "Print everything as one JSON object, errors included (docs/json.md).")
  var json = false

  @OptionGroup var consoleOptions: ConsoleOptions

  mutating func run(on console: Console) throws -> ToolExit {
    guard let cache = HubCache.standard else {
      throw CheckpointError(.notFound, "the environment has no HOME, and HF_HUB_CACHE is not set")
    }
    let models = try cache.models()
    console.write(
      json
        ? JSONWriter.text(Self.json(cache, models)) + "\n" : Self.text(cache, models, console.style)
    )
    return .done
  }

  private static func text(
    _ cache: HubCache, _ models: [HubCache.Model], _ style: TextStyle
  ) -> String {
    var lines = ["\(singleLine(cache.directory)): \(counted(models.count, "model"))"]
    var table = TextTable(.name("model"), .name("revision"), .text("commit"))
    for model in models {
      for snapshot in model.snapshots {
        table.add([
          singleLine(model.name),
          snapshot.references.map { singleLine($0) }.joined(separator: ", "),
          singleLine(snapshot.commit),
        ])
      }
    }
    let listed = table.lines(style)
    if !listed.isEmpty { lines += [""] + listed }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func json(_ cache: HubCache, _ models: [HubCache.Model]) -> JSONValue {
    .object([
      JSONValue.Member("directory", .string(cache.directory)),
      JSONValue.Member(
        "models",
        .array(
          models.map { model in
            .object([
              JSONValue.Member("name", .string(model.name)),
              JSONValue.Member(
                "snapshots",
                .array(
                  model.snapshots.map { snapshot in
                    .object([
                      JSONValue.Member("commit", .string(snapshot.commit)),
                      JSONValue.Member(
                        "references", .array(snapshot.references.map { .string($0) })),
                      JSONValue.Member("directory", .string(snapshot.directory)),
                    ])
                  })),
            ])
          })),
    ])
  }
}
