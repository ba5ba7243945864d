internal import Synchronization

/// Workspaces that are not in use, so that the words that one text has taught are known to the next. What they hold changes
/// how fast an answer is found, never the answer.
final class WorkspacePool: Sendable {
  private let spare = Mutex<[Workspace]>([])
  /// As many as there may be threads on a large machine.
  private static let greatestCount = 32

  /// Takes a workspace, or makes one.
  func take() -> Workspace {
    spare.withLock { $0.popLast() } ?? Workspace()
  }

  /// Gives a workspace back.
  func giveBack(_ workspace: consuming Workspace) {
    let workspace = workspace
    spare.withLock { if $0.count < Self.greatestCount { $0.append(workspace) } }
  }
}
