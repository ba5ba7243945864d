internal import ArgumentParser
internal import Weighbridge

extension ToolCommand {
  /// Does the same for each of several sources, in their order. What is wrong with one is said on standard error, and the next
  /// one is taken; the worst ending is that of all.
  static func forEach<Source>(
    _ sources: [Source], on console: Console, named name: (Source) -> String, asJSON: Bool,
    _ body: (Source) throws -> ToolExit
  ) throws -> ToolExit {
    var worst = ToolExit.done
    for source in sources {
      var exit: ToolExit
      do {
        exit = try body(source)
      } catch let error as CheckpointError {
        console.fail(error, of: sources.count > 1 ? name(source) : nil, asJSON: asJSON)
        exit = ToolExit(error.kind)
      }
      if exit.rawValue > worst.rawValue { worst = exit }
    }
    return worst
  }

  /// The same for paths.
  static func forEach(
    _ sources: [String], on console: Console, asJSON: Bool = false,
    _ body: (String) throws -> ToolExit
  ) throws -> ToolExit {
    try forEach(sources, on: console, named: { $0 }, asJSON: asJSON, body)
  }

  /// The paths that patterns stand for which no shell expanded: `*` and `?` in the last component. A path that is there is
  /// itself, and so is a pattern that nothing matches.
  ///
  /// - Throws: `unsupported` for a name that is no UTF-8 and may be meant: nothing can open it, and it must not be passed over.
  static func expanded(_ sources: [String]) throws(CheckpointError) -> [String] {
    var paths: [String] = []
    for source in sources {
      let (directory, name) = splitPath(source)
      guard name.utf8.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }),
        try PathKind(path: source) == .nothing,
        try PathKind(path: directory.isEmpty ? "." : directory) == .directory
      else {
        paths.append(source)
        continue
      }
      let pattern = NamePattern(name)
      let folder = directory.isEmpty ? "." : directory
      if let other = try Directory.unreadableNames(in: folder).first(where: {
        !$0.hasPrefix(".") && pattern.matches(ExactName($0))
      }) {
        throw CheckpointError(
          .unsupported, file: folder,
          "the pattern \(quoted(name)) stands for \(quoted(other)) too, whose name is no UTF-8",
          remedy: "rename it, or give the files' names")
      }
      let found = try Directory.names(in: folder)
        .filter { !$0.hasPrefix(".") && pattern.matches(ExactName($0)) }
      paths += found.isEmpty ? [source] : found.map { directory + $0 }
    }
    return paths
  }
}

/// Refuses `-` where a checkpoint is read or written: files are read at any place and put in place by renaming.
func refuseStandardStreams(_ paths: [String?]) throws {
  guard paths.contains("-") else { return }
  throw ValidationError(
    "'-' is no file: a checkpoint is read at any place and written beside its destination, so that it cannot be piped; write it to a file first (a file of this name is ./-)"
  )
}
