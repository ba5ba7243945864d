internal import ArgumentParser
internal import Weighbridge

extension ToolCommand {
  /// Does the same for each of several sources, in their order. What is wrong with one is said on standard error, and the next
  /// one is taken; the worst ending is that of all.
  static func forEach(
    _ sources: [String], on console: Console, _ body: (String) throws -> ToolExit
  ) throws -> ToolExit {
    var worst = ToolExit.done
    for source in sources {
      var exit: ToolExit
      do {
        exit = try body(source)
      } catch let error as CheckpointError where sources.count > 1 {
        console.writeError("weighbridge: \(error.toolLine)\n")
        exit = ToolExit(error.kind)
      }
      if exit.rawValue > worst.rawValue { worst = exit }
    }
    return worst
  }

  /// Refuses `-` where a checkpoint is read or written: files are read at any place and put in place by renaming.
  static func refuseStandardStreams(_ paths: [String]) throws {
    guard paths.contains("-") else { return }
    throw ValidationError(
      "'-' is no file: a checkpoint is read at any place and written beside its destination, so that it cannot be piped; write it to a file first (a file of this name is ./-)"
    )
  }
}
