internal import CHDF5
internal import CheckpointBytes
internal import Synchronization

/// The only door to libhdf5, which the package's own reader and writer are held against. The library is not thread-safe as
/// most systems install it, so that one call runs at a time.
enum HDF5Library {
  private static let isStarted = Mutex(false)

  /// Runs `body` while no other thread uses the library.
  static func run<Value: Sendable>(
    _ path: String, _ body: () throws(CheckpointError) -> Value
  ) throws(CheckpointError) -> Value {
    // Typed throws do not pass through `withLock`.
    let result: Result<Value, CheckpointError> = isStarted.withLock { isStarted in
      if !isStarted {
        guard H5open() >= 0 else {
          return .failure(
            CheckpointError(.inputOutput, file: path, "the HDF5 library cannot be started"))
        }
        isStarted = true
      }
      let printing = unsafe weighbridge_hdf5_be_silent()
      defer { unsafe weighbridge_hdf5_print_again(printing) }
      do throws(CheckpointError) {
        return .success(try body())
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// What the library says of its last failure, on one line.
  static func takeError() -> String {
    var text = weighbridge_hdf5_error()
    unsafe weighbridge_hdf5_take_error(&text)
    let outermost = unsafe withUnsafeBytes(of: &text.outermost) { unsafe terminated($0) }
    let innermost = unsafe withUnsafeBytes(of: &text.innermost) { unsafe terminated($0) }
    if outermost.isEmpty { return "no reason given" }
    return outermost == innermost ? outermost : "\(outermost): \(innermost)"
  }

  /// The library that is installed: `libhdf5 1.10.8`.
  static let name: String = {
    var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
    guard unsafe H5get_libversion(&major, &minor, &release) >= 0 else { return "libhdf5" }
    return "libhdf5 \(major).\(minor).\(release)"
  }()

  private static func terminated(_ buffer: UnsafeRawBufferPointer) -> String {
    let bytes = unsafe Array(buffer)
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// An open identifier of the library, closed at the end.
final class HDF5Handle {
  let identifier: hid_t
  private let close: (hid_t) -> Void

  /// Takes an identifier; nil if it is the library's sign of failure.
  init?(_ identifier: hid_t, _ close: @escaping (hid_t) -> Void) {
    guard identifier >= 0 else { return nil }
    self.identifier = identifier
    self.close = close
  }

  /// Closing is a call like any other, after which the library would not know what failed before.
  deinit {
    let pending = weighbridge_hdf5_pending_error()
    close(identifier)
    weighbridge_hdf5_put_back_error(pending)
  }

  static func datatype(_ identifier: hid_t) -> HDF5Handle? {
    HDF5Handle(identifier) { _ = H5Tclose($0) }
  }
  static func dataspace(_ identifier: hid_t) -> HDF5Handle? {
    HDF5Handle(identifier) { _ = H5Sclose($0) }
  }
  static func object(_ identifier: hid_t) -> HDF5Handle? {
    HDF5Handle(identifier) { _ = H5Oclose($0) }
  }
  static func attribute(_ identifier: hid_t) -> HDF5Handle? {
    HDF5Handle(identifier) { _ = H5Aclose($0) }
  }
  static func properties(_ identifier: hid_t) -> HDF5Handle? {
    HDF5Handle(identifier) { _ = H5Pclose($0) }
  }
  static func file(_ identifier: hid_t) -> HDF5Handle? {
    HDF5Handle(identifier) { _ = H5Fclose($0) }
  }
}
