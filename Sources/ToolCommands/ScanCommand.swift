internal import ArgumentParser
internal import Weighbridge
struct ScanCommand: ToolCommand {
  static let configuration = CommandConfiguration(commandName: "scan")
  mutating func run(on console: Console) throws -> ToolExit { .done }
}
