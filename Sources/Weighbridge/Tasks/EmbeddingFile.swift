package import CheckpointBytes
internal import Synchronization

/// Files of vectors that are being written, one or numbered ones, as ``VectorFormat`` has them. A file is there when it is whole.
///
/// Where numbers become steps of the range that all vectors have, the vectors wait in a file of float32 that nobody sees, unless the
/// range is known beforehand.
package final class EmbeddingFile: Sendable {
  private struct State {
    var part: VectorPart?
    var partCount = 0
    var count = 0
    var width: Int
    /// What the first vector's id is; nil before there is one.
    var idForm: IDForm?
    /// What steps are made of.
    var ranges: EmbeddingRanges
  }

  /// What an id is: all of a table's are of one form, and a row's place is none beside ids that were given.
  private enum IDForm { case place, number, text }

  private let path: String
  private let format: VectorFormat
  private let waiting: OutputFile?
  private let precision: EmbeddingPrecision
  private let rowsPerFile: Int?
  /// Where the ranges of the vectors are written.
  private let rangesPath: String?
  private let hasRanges: Bool
  private let state: Mutex<State>

  /// Makes the first file.
  ///
  /// - Parameters:
  ///   - path: The file, or what the names of numbered files are made of: `out.npy` gives `out-00000.npy` and so on.
  ///   - format: What the files are.
  ///   - precision: What their numbers are; float32 or float16 where there are ids.
  ///   - width: The numbers of a vector, which files without any vector have as well.
  ///   - rowsPerFile: So many vectors are in a numbered file; nil for one file.
  ///   - ranges: What steps are made of; nil for the ranges of the vectors themselves.
  ///   - rangesPath: Where those are written, for other files; nil if nowhere.
  /// - Throws: `inputOutput` if it cannot be made.
  package init(
    path: String, format: VectorFormat, precision: EmbeddingPrecision, width: Int = 0,
    rowsPerFile: Int? = nil,
    ranges: EmbeddingRanges? = nil, rangesPath: String? = nil
  ) throws(CheckpointError) {
    self.path = path
    self.format = format
    self.precision = precision
    self.rowsPerFile = rowsPerFile
    self.rangesPath = rangesPath
    hasRanges = ranges != nil
    // Never committed: it is removed with this object.
    waiting = precision.needsRanges && ranges == nil ? try OutputFile(path: path + ".float32") : nil
    var state = State(width: width, ranges: ranges ?? EmbeddingRanges())
    let first = rowsPerFile == nil ? path : Self.path(path, part: 0)
    state.part = try VectorPart(path: first, format: format, precision: precision, width: width)
    state.partCount = 1
    self.state = Mutex(state)
  }

  /// Appends a vector; all have one width.
  ///
  /// - Parameters:
  ///   - vector: Its numbers.
  ///   - id: A whole number or a string, as that of the first vector; nil, if all are, is its place.
  /// - Throws: `inconsistent`, naming the row, for an id of another form than the first, in a table.
  package func append(_ vector: [Float], id: JSONValue? = nil) throws(CheckpointError) {
    let result = state.withLock { state in
      Result { () throws(CheckpointError) in
        let row = state.count
        if format.hasIDs { try check(id, of: row, &state) }
        state.width = vector.count
        state.count += 1
        if hasRanges {
          guard state.ranges.least.count == vector.count else {
            throw CheckpointError(
              .mismatch, field: "ranges",
              "expected \(vector.count) columns, found \(state.ranges.least.count)")
          }
        } else {
          state.ranges.insert(vector)
        }
        if let waiting {
          let bytes = EmbeddingPrecision.float32.bytes(of: vector)
          try waiting.write(bytes, at: row * bytes.count)
        } else {
          try write(vector, id: id ?? .integer(row), &state)
        }
      }
    }
    try result.get()
  }

  private func check(_ id: JSONValue?, of row: Int, _ state: inout State) throws(CheckpointError) {
    let form: IDForm? =
      switch id {
      case nil: .place
      case .string?: .text
      case .number?: id?.integer == nil ? nil : .number
      default: nil
      }
    guard let form, form == state.idForm ?? form else {
      throw CheckpointError(
        .inconsistent, file: path, field: "id of row \(row)",
        "the ids of a table are all whole numbers, or all strings, or none, as the first row's is; whole numbers are below 2^63"
      )
    }
    state.idForm = form
  }

  /// Puts the last file in its place, and removes numbered ones behind it that an earlier run has left.
  ///
  /// - Parameter idsAreText: What ids a table without rows has.
  /// - Throws: `inconsistent` if there are steps of the range of a single vector, as the reference refuses them.
  package func commit(idsAreText: Bool = false) throws(CheckpointError) {
    let result = state.withLock { state in
      Result { () throws(CheckpointError) in
        if let waiting { try writeWaiting(from: waiting, &state) }
        try commitPart(&state, idsAreText: idsAreText)
        if let rangesPath { try state.ranges.write(to: rangesPath) }
        if rowsPerFile != nil { try removeParts(from: state.partCount) }
      }
    }
    try result.get()
  }

  private func writeWaiting(
    from waiting: OutputFile, _ state: inout State
  ) throws(CheckpointError) {
    guard state.count != 1 else {
      throw CheckpointError(
        .inconsistent, file: path, field: "precision",
        "\(precision.rawValue): a single vector has no range that could be divided into steps")
    }
    let source = try waiting.reopen()
    let byteCount = state.width * 4
    for row in 0..<state.count {
      let bytes = try source.bytes(at: row * byteCount, count: byteCount)
      let vector = stride(from: 0, to: bytes.count, by: 4).map { place -> Float in
        let bits = (0..<4).reduce(0 as UInt32) { bits, byte in
          bits | UInt32(bytes[place + byte]) << UInt32(8 * byte)
        }
        return Float(bitPattern: bits)
      }
      try write(vector, id: .integer(row), &state)
    }
  }

  private func write(
    _ vector: [Float], id: JSONValue, _ state: inout State
  ) throws(CheckpointError) {
    if let rowsPerFile, state.part?.count == rowsPerFile {
      try commitPart(&state)
      guard state.partCount <= Self.greatestPart else {
        throw CheckpointError(
          .limitExceeded, file: path, field: "rows per file",
          "more than \(Self.greatestPart + 1) files would not be in the order of their names")
      }
      state.part = try VectorPart(
        path: Self.path(path, part: state.partCount), format: format, precision: precision,
        width: state.width)
      state.partCount += 1
    }
    try state.part?.append(vector, ranges: state.ranges, id: id)
  }

  /// Puts a file in its place. With the first of numbered ones go those behind it that an earlier run has left: whatever happens, no
  /// two runs' lie beside one another.
  private func commitPart(
    _ state: inout State, idsAreText: Bool = false
  ) throws(CheckpointError) {
    try state.part?.commit(idsAreText: idsAreText)
    state.part = nil
    if rowsPerFile != nil, state.partCount == 1 { try removeParts(from: 1) }
  }

  /// Removes the numbered files that follow one another from a number on.
  private func removeParts(from number: Int) throws(CheckpointError) {
    var next = number
    while try PathKind(path: Self.path(path, part: next)) == .file {
      try Directory.removeFile(Self.path(path, part: next))
      next += 1
    }
  }

  /// The last number that has five digits.
  private static let greatestPart = 99_999

  private static func path(_ path: String, part: Int) -> String {
    let digits = String(part)
    let number = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    let (directory, name) = splitPath(path)
    let stem = name.split(separator: ".", omittingEmptySubsequences: false)
    let base = stem.dropLast().joined(separator: ".")
    return directory + base + "-" + number + "." + (stem.last ?? "")
  }
}
