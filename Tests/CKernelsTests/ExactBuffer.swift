/// Floats in memory of their own, not one more than asked for: under the address sanitizer (`scripts/sanitize`) a loop that
/// reads or writes beyond them ends the test.
@safe final class ExactBuffer {
  private let memory: UnsafeMutableBufferPointer<Float>

  init(_ values: [Float]) {
    unsafe memory = .allocate(capacity: values.count)
    _ = unsafe memory.initialize(from: values)
  }

  deinit { unsafe memory.deallocate() }

  /// The first float; an address that must not be used if there is none. Valid while the buffer lives:
  /// whoever uses it extends the buffer's lifetime to the end of the use.
  @unsafe var base: UnsafeMutablePointer<Float> {
    unsafe memory.baseAddress ?? UnsafeMutablePointer(bitPattern: 64).unsafelyUnwrapped
  }

  var values: [Float] { unsafe Array(memory) }
}
