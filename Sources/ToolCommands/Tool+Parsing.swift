internal import ArgumentParser
package import Weighbridge

extension Tool {
  /// The names of all commands.
  package static var commandNames: [String] {
    WeighbridgeCommand.configuration.subcommands.map { $0._commandName }
  }

  /// Takes a command line apart and runs nothing.
  ///
  /// - Throws: what the parser says to a slip.
  package static func parse(_ arguments: [String]) throws {
    _ = try WeighbridgeCommand.parseAsRoot(arguments)
  }

  /// What the arguments of `convert` mean.
  ///
  /// - Throws: what the parser says to a slip.
  package static func conversionOptions(_ arguments: [String]) throws -> ConversionOptions {
    try ConvertCommand.parse(arguments).options()
  }

  /// What the help of a command says beside its options; nil if there is no such command.
  package static func discussion(of command: String) -> String? {
    WeighbridgeCommand.configuration.subcommands.first { $0._commandName == command }?
      .configuration.discussion
  }
}
