/// The ways in which PyTorch has stored checkpoints.
package enum TorchContainer: String, Sendable, Hashable, CaseIterable {
  /// A ZIP archive with `data.pkl` and one record a storage: `torch.save` since 1.6.
  case zip
  /// Five pickles and the storages behind one another: `torch.save` from 0.1.10 on, and on request until today.
  case legacyStream
  /// A tar archive: `torch.save` before 0.1.10.
  case tar
  /// A ZIP archive that `torch.jit.save` wrote.
  case torchScript
}

extension TorchContainer {
  /// How many bytes of the beginning of a file are enough to tell.
  package static let prefixLength = 512

  /// The container that a file's first bytes (``prefixLength`` of them, or the whole file) announce; nil if none.
  ///
  /// A ZIP archive need not be PyTorch's: that is known when it is opened.
  package static func announced(by prefix: [UInt8]) -> TorchContainer? {
    if prefix.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return .zip }
    if TarHeader.isPlausible(prefix) { return .tar }
    return LegacyStream.begins(prefix) ? .legacyStream : nil
  }

  /// True if a file begins as a pickle of protocol 2 or later does.
  static func looksLikePickle(_ prefix: [UInt8]) -> Bool {
    prefix.count >= 2 && prefix[0] == 0x80 && (2...5).contains(prefix[1])
  }
}
