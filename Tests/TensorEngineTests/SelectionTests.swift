import TensorEngine
import TestSupport
import Testing

@Suite struct SelectionTests {
  @Test("The largest is the first of equal ones, and a NaN is larger than all")
  func largest() throws {
    let tensor = try Tensor(
      rows: 4, columns: 3, [1, 3, 3, -.infinity, -.infinity, -.infinity, 1, .nan, .nan, 0, -0.0, 0])
    #expect(try argmax(tensor) == [1, 0, 1, 0])
  }

  @Test("The k largest are those of a sorted row", arguments: SeededGenerator.seeds)
  func sorted(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    // Few different values, so that there are equal ones.
    let values = (0..<generator.number(1...60)).map { _ in Float(generator.number(0...9)) }
    let tensor = try Tensor(rows: 1, columns: values.count, values)
    let order = values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }
    for count in 0...values.count {
      let found = try topK(tensor, row: 0, count)
      #expect(found.map(\.index) == Array(order.prefix(count)))
      #expect(found.map(\.value) == order.prefix(count).map { values[$0] })
    }
  }
}
