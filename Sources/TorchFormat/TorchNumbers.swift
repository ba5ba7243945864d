package import CheckpointBytes

/// Where numbers lie among the pickles of PyTorch's older containers, which put one behind the other: between these
/// ranges is nothing but elements, sizes and counts.
package struct TorchNumbers: Sendable {
  /// The file of a legacy stream, or a member of a tar archive.
  package struct Part: Sendable {
    /// Where it lies in the file.
    package let range: Range<Int>
    /// Where its pickles lie in the file.
    package let pickles: [Range<Int>]
    /// Where the last of pickles and numbers ends. What follows is neither.
    package let end: Int
  }

  /// The parts that mix pickles and numbers.
  package let parts: [Part]

  /// Follows the numbers of a legacy stream.
  ///
  /// - Throws: What reading such a file throws; then nothing is known of it.
  package init(
    ofLegacyStream file: SourceFile, limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) {
    let (_, stream) = try LegacyStream(file, limits: limits, isInert: true).parts(LegacyStorages())
    parts = [Part(range: 0..<file.size, pickles: stream.pickles, end: stream.position)]
  }

  /// Follows the numbers of a tar archive: of its members `storages` and `tensors`.
  ///
  /// - Throws: What reading such a file throws; then nothing is known of it.
  package init(ofTar file: SourceFile, limits: ReadLimits = ReadLimits()) throws(CheckpointError) {
    parts = try TarContent(file, limits: limits, isInert: true)
      .parts(TarObjects(limits: limits))
      .map { Part(range: $0.range, pickles: $0.pickles, end: $0.position) }
  }
}
