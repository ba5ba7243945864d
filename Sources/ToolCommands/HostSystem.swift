internal import Weighbridge

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What the operating system says of itself and of this process.
struct HostSystem {
  /// The system with its version: `Linux 6.1.0 (Debian GNU/Linux 12)`.
  let name: String
  /// `x86_64`.
  let machine: String
  /// The processor's own name, where the system tells it.
  let processor: String?
  let processors: Int
  /// Bytes of memory, and what this process may take of it where that is less.
  let memory: Int?
  let memoryLimit: Int?
  /// How many files may be open at a time.
  let openFiles: Int?
  let scratchDirectory: String
  let canWriteScratch: Bool
  let scratchRoom: Int?
  /// The shared libraries that are loaded, by their files' names.
  let libraries: [String]

  init() {
    var names = utsname()
    _ = unsafe uname(&names)
    let system = Self.text(of: names.sysname) + " " + Self.text(of: names.release)
    machine = Self.text(of: names.machine)
    let release = Self.lines(of: "/etc/os-release").first { $0.hasPrefix("PRETTY_NAME=") }
    name = system + (release.map { " (" + $0.dropFirst(12).filter { $0 != "\"" } + ")" } ?? "")
    processor = Self.lines(of: "/proc/cpuinfo").first { $0.hasPrefix("model name") }
      .flatMap { $0.split(separator: ":").last }.map { String($0.drop { $0 == " " }) }
    processors = max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))))
    let (pages, size) = (Int(sysconf(CInt(_SC_PHYS_PAGES))), Int(sysconf(CInt(_SC_PAGESIZE))))
    memory = pages > 0 && size > 0 ? pages * size : nil
    memoryLimit = Self.lines(of: "/sys/fs/cgroup/memory.max").first.flatMap { Int($0) }
    var limit = rlimit()
    #if canImport(Glibc)
      let got = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    #else
      let got = unsafe getrlimit(RLIMIT_NOFILE, &limit)
    #endif
    openFiles = got == 0 ? Int(clamping: limit.rlim_cur) : nil
    scratchDirectory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    canWriteScratch = unsafe access(scratchDirectory, W_OK | X_OK) == 0
    var room = statvfs()
    scratchRoom =
      unsafe statvfs(scratchDirectory, &room) == 0
      ? Int(clamping: UInt64(room.f_bavail) * UInt64(room.f_frsize)) : nil
    var libraries: [String] = []
    for line in Self.lines(of: "/proc/self/maps") {
      guard let slash = line.lastIndex(of: "/"), line.contains(".so") else { continue }
      let file = String(line[line.index(after: slash)...])
      if !libraries.contains(file) { libraries.append(file) }
    }
    self.libraries = libraries.sorted()
  }

  /// The lines of a small file of the system's; none if it is not there.
  private static func lines(of path: String) -> [String] {
    guard let file = unsafe fopen(path, "r") else { return [] }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var byte = unsafe fgetc(file)
    while byte >= 0, bytes.count < 1 << 20 {
      bytes.append(UInt8(truncatingIfNeeded: byte))
      byte = unsafe fgetc(file)
    }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The text in an array of characters that C ends with a zero.
  private static func text<Field>(of field: Field) -> String {
    unsafe withUnsafeBytes(of: field) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
