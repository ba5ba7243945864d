import TensorValues
import Testing

@Suite struct NumberTextTests {
  @Test("What is no number has no sign, and what has no end has one")
  func notFinite() {
    for value in [Double.nan, -Double.nan] {
      #expect(NumberText.fixed(value, digits: 4) == "nan")
      #expect(NumberText.significant(value) == "nan")
    }
    #expect(NumberText.fixed(-.infinity, digits: 4) == "-inf")
    #expect(NumberText.significant(.infinity) == "inf")
  }

  @Test(
    "Decimals are rounded, and nothing is left of a sign that stands before zeros",
    arguments: [(1.25, "1.3"), (-0.04, "0.0"), (-0.05, "-0.1"), (12.96, "13.0")])
  func fixed(value: Double, text: String) {
    #expect(NumberText.fixed(value, digits: 1) == text)
  }
}
