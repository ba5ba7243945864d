#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension TemporaryDirectory {
  /// A call of the operating system that failed.
  public struct Failure: Error {
    /// The call.
    public let call: String
  }

  /// Makes a symbolic link in the directory and returns its path.
  public func link(to target: String, as name: String) throws -> String {
    guard unsafe symlink(target, file(name)) == 0 else { throw Failure(call: "symlink") }
    return file(name)
  }

  /// Makes a FIFO in the directory and returns its path.
  public func makeFIFO(as name: String) throws -> String {
    guard unsafe mkfifo(file(name), 0o600) == 0 else { throw Failure(call: "mkfifo") }
    return file(name)
  }

  /// Sets the permissions of a file in the directory.
  public func setPermissions(_ permissions: UInt32, of name: String) throws {
    guard unsafe chmod(file(name), mode_t(permissions)) == 0 else { throw Failure(call: "chmod") }
  }

  /// The permissions of a file in the directory.
  public func permissions(of name: String) throws -> UInt32 {
    var record = stat()
    guard unsafe stat(file(name), &record) == 0 else { throw Failure(call: "stat") }
    return UInt32(record.st_mode) & 0o777
  }

  /// Cuts a file in the directory, or makes it longer.
  public func setSize(_ size: Int, of name: String) throws {
    guard unsafe truncate(file(name), off_t(size)) == 0 else { throw Failure(call: "truncate") }
  }
}
