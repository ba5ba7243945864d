internal import CheckpointBytes
internal import PickleFormat

/// A persistent id of a storage: `('storage', <storage class>, '<key>', '<location>', <number of elements>)`, in the legacy
/// stream with the view as a sixth part: `None` or `(view key, offset, number of elements)`.
struct StorageIdentifier {
  /// A part of a storage with a key of its own.
  struct View {
    let offset: Int
    let count: Int
  }

  let type: StorageType
  let key: String
  /// The number of elements of the whole storage.
  let count: Int
  /// The bytes of the whole storage.
  let byteCount: Int
  let view: View?
}

extension StorageIdentifier {
  private static let field = "persistent id"

  /// Reads an id whose first part is `'storage'`.
  init(
    _ reference: PickleReference, in document: PickleDocument, hasView: Bool,
    failing failure: (FailureKind, String) -> CheckpointError
  ) throws(CheckpointError) {
    let expected = hasView ? 6 : 5
    guard case .tuple(let parts) = document[reference] else {
      throw failure(.malformed, "expected a tuple, found \(document.kind(of: reference))")
    }
    guard parts.count == expected, case .string("storage") = document[parts[0]] else {
      throw failure(.malformed, "expected ('storage', …) of \(expected) parts")
    }
    guard let name = document.global(parts[1]),
      case .storage(let type)? = AllowedGlobals.role(of: name)
    else {
      throw failure(
        .malformed, "expected a storage class, found \(document.kind(of: parts[1]))")
    }
    guard case .string(let key) = document[parts[2]], !key.isEmpty,
      !key.utf8.contains(where: { $0 < 0x20 || $0 == 0x2F || $0 == 0x5C })
    else { throw failure(.malformed, "the storage's key is not a plain name") }
    guard case .string = document[parts[3]] else {
      throw failure(
        .malformed, "expected a location, found \(document.kind(of: parts[3]))")
    }
    guard case .integer(let count) = document[parts[4]], count >= 0 else {
      throw failure(.malformed, "the number of elements is not a natural number")
    }
    let (byteCount, overflow) = Int(count).multipliedReportingOverflow(by: type.element.byteWidth)
    guard !overflow else {
      throw failure(.malformed, "a storage of \(count) elements cannot exist")
    }
    self.type = type
    self.key = key
    self.count = Int(count)
    self.byteCount = byteCount
    view =
      hasView
      ? try StorageIdentifier.view(parts[5], in: document, of: Int(count), failing: failure) : nil
  }

  private static func view(
    _ reference: PickleReference, in document: PickleDocument, of count: Int,
    failing failure: (FailureKind, String) -> CheckpointError
  ) throws(CheckpointError) -> View? {
    if case .none = document[reference] { return nil }
    guard case .tuple(let parts) = document[reference], parts.count == 3,
      case .string = document[parts[0]], case .integer(let offset) = document[parts[1]],
      case .integer(let length) = document[parts[2]], offset >= 0, length >= 0
    else { throw failure(.malformed, "expected a view (key, offset, number of elements)") }
    guard offset <= count, length <= Int64(count) - offset else {
      throw failure(
        .malformed, "a view of \(length) elements at \(offset) of a storage of \(count)")
    }
    return View(offset: Int(offset), count: Int(length))
  }
}

extension StorageView {
  /// The part of a storage that an id names.
  init(_ storage: TorchStorage, _ identifier: StorageIdentifier) {
    self.init(
      storage: storage, type: identifier.type, offset: identifier.view?.offset ?? 0,
      count: identifier.view?.count ?? identifier.count)
  }
}
