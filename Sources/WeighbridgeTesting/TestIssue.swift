#if canImport(Testing)
  internal import Testing
#endif
#if canImport(XCTest)
  internal import XCTest
#endif

/// Where an expectation stands in the source of a test.
struct SourcePlace {
  let fileID: StaticString
  let filePath: StaticString
  let line: Int
  let column: Int
}

/// Reports a failure to the library that runs the test.
///
/// Swift Testing knows whether it runs the current task. Where it does not (a test of XCTest, or a detached task of either
/// library) both are told: each runs in a process of its own and ignores what it hears in the other's, so that no failure is
/// lost and none counts twice (Swift 6.3, Linux).
func recordIssue(_ message: String, at place: SourcePlace) {
  #if canImport(Testing)
    let location = SourceLocation(
      fileID: "\(place.fileID)", filePath: "\(place.filePath)", line: place.line,
      column: place.column)
    Issue.record(Comment(rawValue: message), sourceLocation: location)
    if Test.current != nil { return }
  #endif
  #if canImport(XCTest)
    XCTFail(message, file: place.filePath, line: UInt(clamping: place.line))
  #endif
}
