extension SourceFile {
  /// The bytes of a file that is taken apart in memory: settings, a vocabulary, an index of shards.
  ///
  /// - Throws: `limitExceeded` for more than ``ReadLimits/jsonBytes``, what reading throws.
  package func documentBytes(
    _ limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) -> [UInt8] {
    guard size <= limits.jsonBytes else {
      throw CheckpointError(
        .limitExceeded, file: path, "\(size) bytes, limit \(limits.jsonBytes)")
    }
    return try bytes(at: 0, count: size)
  }

  /// The JSON document that the file is.
  ///
  /// - Throws: `malformed` if it is none, what ``documentBytes(_:)`` throws.
  package func document(
    context: String = "JSON", limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) -> JSONValue {
    try JSONValue(
      parsing: try documentBytes(limits), file: path, context: context, limits: limits)
  }
}

extension JSONValue {
  /// Reads the document that a file, or a member of one, holds; duplicate keys are malformed.
  ///
  /// - Throws: `malformed` with the place.
  package init(
    parsing bytes: [UInt8], file: String, member: String? = nil, context: String = "JSON",
    limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) {
    self = try locating(file: file, member: member) { () throws(ParseFailure) in
      try JSONValue(parsing: bytes, context: context, limits: limits)
    }
  }
}
