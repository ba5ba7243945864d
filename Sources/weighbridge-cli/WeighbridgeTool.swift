internal import ToolCommands

@main
enum WeighbridgeTool {
  static func main() {
    Tool.runAndExit(CommandLine.arguments)
  }
}
