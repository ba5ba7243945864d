import TensorValues
import Testing

@Suite("Differences of values")
struct ValueDifferenceTests {
  private func difference(
    _ first: [Double], _ second: [Double], tolerance: Tolerance = Tolerance(), scale: Double = 0
  ) -> ValueDifference {
    var difference = ValueDifference(.f32, .f32, tolerance: tolerance, scale: scale)
    difference.add(first, second, at: 0)
    return difference
  }

  @Test("Equal values differ in nothing, NaN and infinities among them")
  func equal() {
    let values = [1, -2, Double.nan, .infinity, -.infinity, 0]
    let found = difference(values, values)
    #expect(found.maximumAbsolute == 0 && found.maximumRelative == 0 && found.maximumULPs == 0)
    #expect(found.differing == 0 && found.beyondTolerance == 0)
    #expect(found.nanCounts == (1, 1) && found.infinityCounts == (2, 2))
    #expect(found.cosine.map { abs($0 - 1) < 1e-15 } == true)
  }

  @Test(
    "A NaN or an infinity on one side is beyond every tolerance, also where an infinity is expected"
  )
  func notFinite() {
    let generous = Tolerance(absolute: 1e9, relative: 1)
    for (a, b) in [(Double.nan, 1.0), (1, .nan), (1, .infinity), (.infinity, -.infinity)] {
      let found = difference([0, a], [0, b], tolerance: generous, scale: 5)
      #expect(found.beyondTolerance == 1 && found.worstIndex == 1, "\(a) and \(b)")
      #expect(found.maximumAbsolute == .infinity && found.maximumULPs == .max)
    }
  }

  @Test("The largest differences, and the place that exceeds most what is allowed there")
  func worst() {
    // 1000 ± 0.5 is allowed by a part in 1000; 1 ± 0.01 is not.
    let found = difference(
      [1000.5, 1.01, 3], [1000, 1, 3], tolerance: Tolerance(relative: 1e-3))
    #expect(found.maximumAbsolute == 0.5)
    #expect(abs(found.maximumRelative - 0.01 / 1.01) < 1e-12)
    #expect(found.differing == 2 && found.beyondTolerance == 1)
    #expect(found.worstIndex == 1 && found.worstValues == (1.01, 1))
    #expect(abs(found.worstExcess - 10) < 1e-9)
  }

  @Test("Values below the scale are judged by it, values above it by themselves")
  func scale() {
    let tolerance = Tolerance(relative: 1e-2)
    #expect(difference([0.05], [0], tolerance: tolerance, scale: 10).beyondTolerance == 0)
    #expect(difference([0.15], [0], tolerance: tolerance, scale: 10).beyondTolerance == 1)
    #expect(difference([100.9], [100], tolerance: tolerance, scale: 10).beyondTolerance == 0)
    #expect(difference([0.05], [0], tolerance: tolerance).beyondTolerance == 1)
  }

  @Test("A tolerance that is no number allows nothing", arguments: [Double.nan, -1])
  func noTolerance(_ part: Double) {
    for tolerance in [Tolerance(absolute: part), Tolerance(relative: part)] {
      let found = difference([1, 2], [1, 6], tolerance: tolerance)
      #expect(found.differing == 1 && found.beyondTolerance == 1)
      #expect(found.worstIndex == 1)
    }
  }

  @Test("Units in the last place are counted in the narrower type")
  func units() {
    let one: Float = 1
    #expect(difference([Double(one.nextUp)], [1]).maximumULPs == 1)
    #expect(difference([Double(one.nextDown)], [Double(one.nextUp)]).maximumULPs == 2)
    let least = Double(Float.leastNonzeroMagnitude)
    #expect(difference([-least], [least]).maximumULPs == 2)
    var mixed = ValueDifference(.f32, .bf16)
    mixed.add([1], [1.0078125], at: 0)
    #expect(mixed.maximumULPs == 1)
    #expect(ValueDifference(.i32, .f32).maximumULPs == nil)
  }

  @Test("The cosine is that of the vectors, and there is none with a zero vector")
  func cosine() {
    #expect(difference([3, 4], [6, 8]).cosine == 1)
    #expect(difference([1, 0], [0, 1]).cosine == 0)
    #expect(difference([3, 4], [-3, -4]).cosine == -1)
    #expect(difference([0, 0], [1, 2]).cosine == nil)
  }

  @Test("Pieces add up to the whole")
  func pieces() {
    let first = [1, 2, 3.5, 4], second = [1, 2.5, 3, 4.25]
    var parts = ValueDifference(.f32, .f32)
    parts.add([1], [1], at: 0)
    parts.add([2, 3.5], [2.5, 3], at: 1)
    parts.add([4], [4.25], at: 3)
    let whole = difference(first, second)
    #expect(parts.cosine == whole.cosine && parts.maximumULPs == whole.maximumULPs)
    #expect(parts.worstIndex == 1 && whole.worstIndex == 1 && parts.differing == 3)
  }
}
