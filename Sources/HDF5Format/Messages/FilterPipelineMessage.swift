internal import CheckpointBytes

/// The filters that chunks went through (HDF5 specification IV.A.2.l).
struct FilterPipelineMessage {
  let filters: [HDF5Filter]

  /// More than any pipeline that HDF5 makes.
  private static let mostFilters = 32

  init(_ body: inout ByteCursor) throws(ParseFailure) {
    let field = "filter pipeline"
    let start = body.offset
    let version = try body.readVersion(1...2, field)
    let count = Int(try body.readByte(field))
    guard count <= Self.mostFilters else {
      throw ParseFailure(.malformed, at: start, field, "\(count) filters")
    }
    if version == 1 { try body.skip(6, field) }
    var filters: [HDF5Filter] = []
    for _ in 0..<count { filters.append(try Self.filter(&body, version)) }
    self.filters = filters
  }

  private static func filter(
    _ body: inout ByteCursor, _ version: UInt8
  ) throws(ParseFailure) -> HDF5Filter {
    let field = "filter pipeline"
    let identifier = Int(try body.read(UInt16.self, .little, field))
    // The library's own filters have no name in the newer form.
    let hasName = version == 1 || identifier >= 256
    let nameByteCount = hasName ? Int(try body.read(UInt16.self, .little, field)) : 0
    try body.skip(2, field)
    let count = Int(try body.read(UInt16.self, .little, field))
    let start = body.offset
    guard version == 2 || nameByteCount.isMultiple(of: 8) else {
      throw ParseFailure(.malformed, at: start, field, "a name of \(nameByteCount) bytes")
    }
    let name = try body.readBytes(nameByteCount, field).prefix { $0 != 0 }
    var parameters: [UInt32] = []
    for _ in 0..<count { parameters.append(try body.read(UInt32.self, .little, field)) }
    if version == 1, !count.isMultiple(of: 2) { try body.skip(min(4, body.remaining), field) }
    return HDF5Filter(
      identifier: identifier,
      name: name.isEmpty
        ? HDF5Filter.standardNames[identifier] ?? "" : String(decoding: name, as: UTF8.self),
      parameters: parameters)
  }
}

extension HDF5Filter {
  /// The names of the filters that HDF5 itself has.
  fileprivate static let standardNames = [
    1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset",
  ]
}
