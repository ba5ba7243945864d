import Synchronization
import TestSupport
import ToolCommands
import Weighbridge

/// One run of the tool inside the test process.
struct ToolRun {
  let code: Int32
  let output: String
  let error: String

  init(_ arguments: String...) {
    self.init(arguments: arguments)
  }

  init(arguments: [String], style: TextStyle = .plain) {
    let output = Mutex("")
    let error = Mutex("")
    let console = Console(
      output: { text in output.withLock { $0 += text } },
      error: { text in error.withLock { $0 += text } }, style: style)
    code = Tool.run(arguments, console: console)
    self.output = output.withLock { $0 }
    self.error = error.withLock { $0 }
  }
}
