// The one place where this package meets the operating system's C interface.

internal import CLinux

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A failed system call: its `errno` and what it was about.
struct SystemFailure: Error {
  let code: CInt
  let call: String

  /// What calls come to that are made while the program is on its way out.
  static let ending = SystemFailure(code: EINTR, call: "create")

  /// True if there is nothing of the name, or at the end of a link.
  var isAbsence: Bool { code == ENOENT }

  /// The system's own words for the code.
  var reason: String {
    unsafe String(cString: strerror(code))
  }
}

/// Sets the C library's heap up for a process that ends soon: memory that was given back is kept for what comes next, and lists
/// that grow need no pages of their own each time. What is larger than a piece of a conversion has such pages, which go back at once.
package func keepHeap() {
  #if canImport(Glibc)
    _ = mallopt(M_MMAP_THRESHOLD, 4 << 20)
    _ = mallopt(M_TRIM_THRESHOLD, 64 << 20)
    _ = mallopt(M_TOP_PAD, 1 << 20)
  #endif
}

/// What `fstat` says of an open file.
struct FileStatus {
  let isRegular: Bool
  let isDirectory: Bool
  let size: Int
  let device: UInt64
  let inode: UInt64
  let permissions: UInt32
  /// When the content was last changed.
  let modified: ModificationTime
}

/// A time as the file system has it.
struct ModificationTime: Equatable, Sendable {
  let seconds: Int
  let nanoseconds: Int
}

/// Thin wrappers over system calls: they retry on `EINTR` and throw ``SystemFailure``.
enum SystemCalls {
  /// True if the system has so many bytes in one piece; not asked for what every machine has.
  static func hasMemory(for count: Int) -> Bool {
    guard count > 1 << 28 else { return true }
    let memory = unsafe mmap(
      nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard unsafe memory != MAP_FAILED else { return false }
    unsafe munmap(memory, count)
    return true
  }

  private static func check(_ result: CInt, _ call: String) throws(SystemFailure) -> CInt {
    guard result >= 0 else { throw SystemFailure(code: errno, call: call) }
    return result
  }

  /// A path as C takes it: NUL would end it early, and another file would be meant.
  private static func whole(_ path: String) throws(SystemFailure) -> String {
    guard !path.utf8.contains(0) else { throw SystemFailure(code: EINVAL, call: "path") }
    return path
  }

  /// Opens for reading. `O_NONBLOCK` so that a FIFO with no writer cannot hold the process.
  static func openForReading(_ path: String) throws(SystemFailure) -> CInt {
    try unsafe check(open(whole(path), O_RDONLY | O_CLOEXEC | O_NONBLOCK), "open")
  }

  /// Creates a file that must not exist yet, with permissions less the process's mask.
  static func create(_ path: String, _ permissions: UInt32) throws(SystemFailure) -> CInt {
    try unsafe check(
      open(
        whole(path), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(permissions)),
      "create")
  }

  static func openDirectory(_ path: String) throws(SystemFailure) -> CInt {
    try unsafe check(open(whole(path), O_RDONLY | O_CLOEXEC | O_DIRECTORY), "open")
  }

  /// Waits until no other process holds an open file or directory, and holds it until it is closed. Where the file system
  /// knows no locks, nothing happens.
  static func lockWhenFree(_ descriptor: CInt) {
    while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
  }

  static func close(_ descriptor: CInt) {
    #if canImport(Glibc)
      _ = Glibc.close(descriptor)
    #elseif canImport(Musl)
      _ = Musl.close(descriptor)
    #elseif canImport(Darwin)
      _ = Darwin.close(descriptor)
    #endif
  }

  static func status(_ descriptor: CInt) throws(SystemFailure) -> FileStatus {
    var record = stat()
    guard unsafe fstat(descriptor, &record) == 0 else {
      throw SystemFailure(code: errno, call: "fstat")
    }
    return FileStatus(record)
  }

  /// The status of what a path names, links followed; nil if there is nothing, as below a file.
  static func status(path: String) throws(SystemFailure) -> FileStatus? {
    var record = stat()
    guard unsafe stat(try whole(path), &record) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw SystemFailure(code: errno, call: "stat")
    }
    return FileStatus(record)
  }

  /// True if a path names a link, wherever that leads.
  static func isLink(_ path: String) -> Bool {
    var record = stat()
    guard let path = try? whole(path), unsafe lstat(path, &record) == 0 else { return false }
    return record.st_mode & S_IFMT == S_IFLNK
  }

  /// Reads up to `count` bytes at `offset`; returns how many, 0 at the end of the file.
  static func read(
    _ descriptor: CInt, at offset: Int, into destination: UnsafeMutableRawPointer, count: Int
  ) throws(SystemFailure) -> Int {
    while true {
      let got = unsafe pread(descriptor, destination, count, off_t(offset))
      if got >= 0 { return got }
      if errno != EINTR { throw SystemFailure(code: errno, call: "read") }
    }
  }

  /// Writes all `count` bytes at `offset`.
  static func write(
    _ descriptor: CInt, at offset: Int, from source: UnsafeRawPointer, count: Int
  ) throws(SystemFailure) {
    var done = 0
    while done < count {
      let put = unsafe pwrite(descriptor, source + done, count - done, off_t(offset + done))
      if put < 0 {
        if errno == EINTR { continue }
        throw SystemFailure(code: errno, call: "write")
      }
      done += put
    }
  }

  static func setSize(_ descriptor: CInt, _ size: Int) throws(SystemFailure) {
    _ = try check(ftruncate(descriptor, off_t(size)), "ftruncate")
  }

  /// Reserves space, so that a full disk is found before the work and not in the middle of it. Where the file system
  /// cannot do that, nothing happens.
  static func reserve(_ descriptor: CInt, _ size: Int) throws(SystemFailure) {
    #if os(Linux)
      guard size > 0 else { return }
      let result = posix_fallocate(descriptor, 0, off_t(size))
      if result == ENOSPC || result == EFBIG || result == EDQUOT {
        throw SystemFailure(code: result, call: "reserve space")
      }
    #endif
  }

  /// Asks the kernel to begin writing a range to disk, so that dirty pages do not pile up until the final flush.
  static func startWriteback(_ descriptor: CInt, at offset: Int, count: Int) {
    #if os(Linux)
      // SYNC_FILE_RANGE_WRITE
      _ = sync_file_range(descriptor, Int64(offset), Int64(count), 2)
    #endif
  }

  /// Asks the kernel to read a range into its cache, as far as it is not there.
  static func startReading(_ descriptor: CInt, at offset: Int, count: Int) {
    #if os(Linux)
      _ = posix_fadvise(descriptor, off_t(offset), off_t(count), POSIX_FADV_WILLNEED)
    #endif
  }

  static func flush(_ descriptor: CInt) throws(SystemFailure) {
    _ = try check(fsync(descriptor), "fsync")
  }

  static func setPermissions(_ descriptor: CInt, _ permissions: UInt32) throws(SystemFailure) {
    _ = try check(fchmod(descriptor, mode_t(permissions)), "fchmod")
  }

  static func rename(_ old: String, to new: String) throws(SystemFailure) {
    #if canImport(Glibc)
      let result = unsafe Glibc.rename(try whole(old), try whole(new))
    #elseif canImport(Musl)
      let result = unsafe Musl.rename(try whole(old), try whole(new))
    #elseif canImport(Darwin)
      let result = unsafe Darwin.rename(try whole(old), try whole(new))
    #endif
    _ = try check(result, "rename")
  }

  static func remove(_ path: String) {
    guard let path = try? whole(path) else { return }
    _ = unsafe unlink(path)
  }

  static func makeDirectory(_ path: String) throws(SystemFailure) {
    _ = try unsafe check(mkdir(whole(path), 0o777), "mkdir")
  }

  static func removeDirectory(_ path: String) {
    guard let path = try? whole(path) else { return }
    _ = unsafe rmdir(path)
  }

  /// The path with all links followed; nil if it leads nowhere.
  static func resolved(_ path: String) -> String? {
    guard let path = try? whole(path), let text = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(text) }
    return unsafe String(validatingCString: text)
  }

  static func environment(_ name: String) -> String? {
    unsafe getenv(name).flatMap { unsafe String(validatingCString: $0) }
  }

  static func processIdentifier() -> CInt { getpid() }

  /// Whether a process is there, of whoever.
  static func isRunning(_ process: CInt) -> Bool { kill(process, 0) == 0 || errno != ESRCH }

  /// Takes a file for as long as it is open, and says whether another process has it. Where the file system knows no locks,
  /// nobody has it.
  static func lock(_ descriptor: CInt) -> Bool {
    flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
  }

  /// How many processors there are, at least one.
  static func processorCount() -> Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }

  /// Reads what is there, up to `count` bytes, and waits if nothing is; returns how many, 0 at the end.
  static func readNext(
    _ descriptor: CInt, into destination: UnsafeMutableRawPointer, count: Int
  ) throws(SystemFailure) -> Int {
    while true {
      let got = unsafe Self.readStream(descriptor, destination, count)
      if got >= 0 { return got }
      // A stream that somebody else has made non-blocking is waited for all the same.
      if errno == EAGAIN {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&wanted, 1, -1)
      } else if errno != EINTR {
        throw SystemFailure(code: errno, call: "read")
      }
    }
  }

  private static func readStream(
    _ descriptor: CInt, _ destination: UnsafeMutableRawPointer, _ count: Int
  ) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.read(descriptor, destination, count)
    #elseif canImport(Musl)
      unsafe Musl.read(descriptor, destination, count)
    #elseif canImport(Darwin)
      unsafe Darwin.read(descriptor, destination, count)
    #endif
  }

  /// What a file of the kernel's says, which has no size; nil if there is none.
  static func text(ofKernelFile path: String) -> String? {
    guard let descriptor = try? openForReading(path) else { return nil }
    defer { close(descriptor) }
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    let got = unsafe piece.withUnsafeMutableBytes { buffer -> Int? in
      guard let start = buffer.baseAddress else { return nil }
      return unsafe try? read(descriptor, at: 0, into: start, count: buffer.count)
    }
    return got.map { String(decoding: piece[..<$0], as: UTF8.self) }
  }

  /// The names in a directory, without `.` and `..`, in byte order.
  static func names(inDirectory path: String) throws(SystemFailure) -> [String] {
    try entries(ofDirectory: path).texts
  }

  /// The names in a directory, in byte order; those that are no UTF-8 are none of this package's, and stand apart, as near
  /// as text can spell them.
  static func entries(
    ofDirectory path: String
  ) throws(SystemFailure) -> (texts: [String], others: [String]) {
    guard let stream = unsafe opendir(try whole(path)) else {
      throw SystemFailure(code: errno, call: "open")
    }
    defer { unsafe closedir(stream) }
    var names: [ExactName] = []
    var others: [ExactName] = []
    while true {
      // Only this tells a list that breaks off from one that ends.
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
        unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { text in
          guard let name = unsafe String(validatingCString: text) else {
            unsafe others.append(ExactName(String(cString: text)))
            return
          }
          if name != ".", name != ".." { names.append(ExactName(name)) }
        }
      }
    }
    guard errno == 0 else { throw SystemFailure(code: errno, call: "read") }
    return (names.sorted().map(\.string), others.sorted().map(\.string))
  }
}

extension FileStatus {
  fileprivate init(_ record: stat) {
    isRegular = record.st_mode & S_IFMT == S_IFREG
    isDirectory = record.st_mode & S_IFMT == S_IFDIR
    size = Int(record.st_size)
    device = UInt64(truncatingIfNeeded: record.st_dev)
    inode = UInt64(truncatingIfNeeded: record.st_ino)
    permissions = UInt32(record.st_mode) & 0o777
    #if canImport(Darwin)
      let time = record.st_mtimespec
    #else
      let time = record.st_mtim
    #endif
    modified = ModificationTime(seconds: Int(time.tv_sec), nanoseconds: Int(time.tv_nsec))
  }
}

extension UnsafeRawBufferPointer {
  /// True if both hold the same bytes; as fast as the C library compares.
  package func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    guard let left = baseAddress, let right = other.baseAddress else { return true }
    return unsafe memcmp(left, right, count) == 0
  }

  /// True if the bytes come before those of another buffer: a beginning comes before the whole.
  package func precedes(_ other: UnsafeRawBufferPointer) -> Bool {
    guard let left = baseAddress, let right = other.baseAddress else { return count < other.count }
    let order = unsafe memcmp(left, right, Swift.min(count, other.count))
    return order < 0 || (order == 0 && count < other.count)
  }

  /// Where a byte is first; as fast as the C library looks.
  func firstIndex(ofByte byte: UInt8) -> Int? {
    guard let start = baseAddress, let found = unsafe memchr(start, CInt(byte), count) else {
      return nil
    }
    return unsafe UnsafeRawPointer(found) - start
  }
}

extension [UInt8] {
  /// Where some bytes are first, from a place on; nil for none, and for no bytes.
  package func index(of word: [UInt8], from start: Int = 0) -> Int? {
    guard let first = word.first else { return nil }
    return unsafe withUnsafeBytes { all in
      var place = start
      while place <= all.count - word.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: all[place...])
        guard let found = unsafe rest.firstIndex(ofByte: first) else { return nil }
        place += found
        if unsafe rest[found...].starts(with: word) { return place }
        place += 1
      }
      return nil
    }
  }
}
