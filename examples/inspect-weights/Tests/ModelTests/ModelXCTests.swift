// The same expectation under XCTest.

import Weighbridge
import WeighbridgeTesting
import XCTest

final class ModelXCTests: XCTestCase {
  func testMatchesTheRecord() throws {
    let model = try loadLanguageModel(from: fixtures + "/tiny-bert")
    expectMatches(model, golden: fixtures + "/golden/tiny-bert.safetensors")
  }
}
