/// The processors that this process may use.
package enum Processors {
  /// How many: those that its affinity allows, and no more than the quota of its control group (`cpu.max`, or
  /// `cpu.cfs_quota_us` of version 1) or of one above, rounded down. At least one.
  package static let granted: Int = {
    let allowed = allowedByAffinity() ?? SystemCalls.processorCount()
    return max(1, min(allowed, quota() ?? allowed))
  }()

  /// `Cpus_allowed` of `/proc/self/status`: a mask in hexadecimal digits, with commas between groups.
  private static func allowedByAffinity() -> Int? {
    guard let status = SystemCalls.text(ofKernelFile: "/proc/self/status") else { return nil }
    for line in status.split(separator: "\n") where line.hasPrefix("Cpus_allowed:") {
      let count = line.dropFirst("Cpus_allowed:".count)
        .reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
      return count > 0 ? count : nil
    }
    return nil
  }

  /// The least quota of the process's group and those above it, in processors.
  private static func quota() -> Int? {
    guard let groups = SystemCalls.text(ofKernelFile: "/proc/self/cgroup") else { return nil }
    return groups.split(separator: "\n").compactMap { quota(of: $0) }.min()
  }

  /// The quota that a line of `/proc/self/cgroup` leads to: `0::/path` of version 2, `4:cpu,cpuacct:/path` of version 1.
  private static func quota(of line: Substring) -> Int? {
    let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard fields.count == 3 else { return nil }
    let controllers = fields[1].split(separator: ",")
    var least: Int?
    // A container sees its own group as the root, whatever the path says.
    var path = fields[2]
    while true {
      let found =
        fields[1].isEmpty
        ? unifiedQuota("/sys/fs/cgroup\(path)")
        : controllers.contains("cpu")
          ? quotaOfVersion1("/sys/fs/cgroup/cpu\(path)")
            ?? quotaOfVersion1("/sys/fs/cgroup/\(fields[1])\(path)")
          : nil
      if let found { least = min(least ?? found, found) }
      guard let slash = path.lastIndex(of: "/") else { return least }
      path = path[..<slash]
    }
  }

  /// `cpu.max`: quota and period, or `max` and period.
  private static func unifiedQuota(_ group: String) -> Int? {
    guard let text = SystemCalls.text(ofKernelFile: group + "/cpu.max") else { return nil }
    let numbers = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map { Int($0) }
    guard numbers.count == 2, let quota = numbers[0], let period = numbers[1] else { return nil }
    return processors(quota, period)
  }

  private static func quotaOfVersion1(_ group: String) -> Int? {
    func number(_ name: String) -> Int? {
      SystemCalls.text(ofKernelFile: group + "/" + name)
        .flatMap { Int($0.prefix(while: { $0 != "\n" })) }
    }
    guard let quota = number("cpu.cfs_quota_us"), let period = number("cpu.cfs_period_us") else {
      return nil
    }
    return processors(quota, period)
  }

  /// Nil where nothing is stated: version 1 says -1.
  private static func processors(_ quota: Int, _ period: Int) -> Int? {
    quota > 0 && period > 0 ? max(1, quota / period) : nil
  }
}
