internal import CAllocations

/// What a thread asks of the system's memory.
public struct Allocations: Equatable, Sendable {
  /// How often it asks.
  public let count: Int
  /// How many bytes it asks for, all together.
  public let byteCount: Int

  /// True if calls are counted at all: not on systems without glibc, and not under a sanitizer.
  public static var areCounted: Bool { allocations_are_counted() != 0 }

  /// What the calling thread asks for while it does something.
  public static func made<Failure: Error>(
    by body: () throws(Failure) -> Void
  ) throws(Failure) -> Allocations {
    let (count, bytes) = (allocations_count(), allocations_bytes())
    try body()
    return Allocations(
      count: Int(allocations_count() - count), byteCount: Int(allocations_bytes() - bytes))
  }
}
