public import Weighbridge

/// Expects a tensor's values to be close to those of another.
///
/// For tests of Swift Testing and of XCTest alike; a failure is reported at the caller's line. Values are judged as
/// `Weighbridge/Tolerance` says, the scale being the root mean square of the expected ones. NaN equals NaN.
///
/// - Parameters:
///   - actual: The values found, in row-major order.
///   - expected: The values expected.
///   - shape: The extents of both, for the place of a difference; one dimension unless stated.
///   - name: What a failure calls them, where one line compares several.
///   - tolerance: What counts as equal.
///   - fileID: Where the expectation stands.
///   - filePath: Where the expectation stands.
///   - line: Where the expectation stands.
///   - column: Where the expectation stands.
/// - Returns: True if they are close.
@discardableResult
public func expectClose(
  _ actual: [Float], _ expected: [Float], shape: [Int]? = nil, name: String? = nil,
  tolerance: Tolerance = .float32, fileID: StaticString = #fileID,
  filePath: StaticString = #filePath,
  line: Int = #line, column: Int = #column
) -> Bool {
  let place = SourcePlace(fileID: fileID, filePath: filePath, line: line, column: column)
  let prefix = name.map { $0 + ": " } ?? ""
  guard actual.count == expected.count else {
    recordIssue("\(prefix)\(actual.count) values, expected \(expected.count)", at: place)
    return false
  }
  guard let shape = Shape(shape ?? [actual.count]), shape.elementCount == actual.count else {
    recordIssue("\(prefix)\(actual.count) values have no shape \(shape ?? [])", at: place)
    return false
  }
  let difference = TensorDifference(
    name: "tensor", found: actual, foundShape: shape, expected: expected.map(Double.init),
    shape: shape, tolerance: tolerance)
  return expectEqual(difference, prefix, at: place)
}

/// Expects a weight's values to be close to those of another, of any two types of real numbers: a checkpoint's parameter
/// beside the one that was saved, converted or trained.
///
/// - Returns: True if the shapes are equal and the values close.
@discardableResult
public func expectClose(
  _ actual: Weight, _ expected: Weight, tolerance: Tolerance = .float32,
  fileID: StaticString = #fileID, filePath: StaticString = #filePath, line: Int = #line,
  column: Int = #column
) -> Bool {
  let place = SourcePlace(fileID: fileID, filePath: filePath, line: line, column: column)
  do throws(CheckpointError) {
    guard actual.shape == expected.shape else {
      recordIssue("shape \(actual.shape), expected \(expected.shape)", at: place)
      return false
    }
    let difference = TensorDifference(
      name: "weight", found: try actual.floats(), foundShape: actual.shape,
      expected: try expected.floats().map(Double.init), shape: expected.shape,
      tolerance: tolerance)
    return expectEqual(difference, at: place)
  } catch {
    recordIssue("\(error)", at: place)
    return false
  }
}

private func expectEqual(
  _ difference: TensorDifference, _ prefix: String = "", at place: SourcePlace
) -> Bool {
  guard difference.isDifferent else { return true }
  let lines = VerificationSummary.details(of: difference)
  recordIssue(prefix + lines.joined(separator: "\n"), at: place)
  return false
}
