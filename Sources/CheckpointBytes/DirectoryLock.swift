/// A directory that one process at a time puts files in place in, so that of two that write one checkpoint of several files
/// one whole result is left. It is released when the object goes away, and by the system when the process ends.
///
/// Only processes that ask are kept out; where the file system knows no locks, or the directory cannot be opened, nobody is.
package final class DirectoryLock: Sendable {
  private let descriptor: CInt?

  /// Waits until the directory is free.
  package init(_ directory: String) {
    descriptor = try? SystemCalls.openDirectory(directory.isEmpty ? "." : directory)
    if let descriptor { SystemCalls.lockWhenFree(descriptor) }
  }

  deinit {
    if let descriptor { SystemCalls.close(descriptor) }
  }
}
