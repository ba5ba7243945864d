// A test of one's own model with Swift Testing: does it compute what Transformers did?

import Testing
import Weighbridge
import WeighbridgeTesting

/// …/examples/inspect-weights/Tests/ModelTests/ModelTests.swift
let fixtures =
  #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(5)
  .joined(separator: "/") + "/fixtures"

@Test("The model computes what was recorded")
func matchesTheRecord() throws {
  let model = try loadLanguageModel(from: fixtures + "/tiny-bert")
  expectMatches(model, golden: fixtures + "/golden/tiny-bert.safetensors")
}

@Test("Sums that are the same but for rounding are close")
func closeSums() {
  let values: [Float] = [0.1, 0.2, 0.3]
  expectClose([values.reduce(0, +)], [0.6])
}
