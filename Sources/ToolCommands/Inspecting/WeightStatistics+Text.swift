internal import Weighbridge

extension WeightStatistics {
  /// All of it on one line: extremes, mean, spread, the distribution as blocks, and what is odd.
  var line: String {
    guard finiteCount > 0 else { return oddities.isEmpty ? "no values" : oddities }
    let numbers =
      "\(NumberText.significant(minimum)) … \(NumberText.significant(maximum)), mean "
      + "\(NumberText.significant(mean)), std \(NumberText.significant(standardDeviation))"
    return numbers + "  " + bars + (oddities.isEmpty ? "" : "  " + oddities)
  }

  /// The histogram in half as many blocks as it has bins.
  var bars: String {
    let counts = stride(from: 0, to: histogram.count, by: 2).map { bin in
      histogram[bin..<min(bin + 2, histogram.count)].reduce(0, +)
    }
    let blocks = Array("▁▂▃▄▅▆▇█")
    let most = counts.max() ?? 0
    return String(
      counts.map { count -> Character in
        guard count > 0, most > 0 else { return " " }
        return blocks[min(7, count * 8 / (most + 1))]
      })
  }

  private var oddities: String {
    var parts: [String] = []
    if nanCount > 0 { parts.append("NaN \(nanCount)") }
    if infinityCount > 0 { parts.append("infinite \(infinityCount)") }
    if zeroCount > 0, finiteCount > 0 {
      let share = Double(zeroCount) / Double(finiteCount) * 100
      if zeroCount == finiteCount {
        parts.append(nanCount + infinityCount > 0 ? "the others zero" : "all zero")
      } else if share >= 1 {
        parts.append("\(NumberText.fixed(share, digits: 0)) % zero")
      }
    }
    if outlierCount > 0 {
      parts.append("\(outlierCount) beyond \(Int(Self.outlierDistance)) std")
    }
    return parts.joined(separator: ", ")
  }

  /// The statistics for programs.
  var json: JSONValue {
    // Of no values there is no extreme and no mean.
    func number(_ value: Double) -> JSONValue { finiteCount > 0 ? .double(value) : .null }
    return .object([
      JSONValue.Member("min", number(minimum)), JSONValue.Member("max", number(maximum)),
      JSONValue.Member("mean", number(mean)),
      JSONValue.Member("std", number(standardDeviation)),
      JSONValue.Member("finite", .integer(finiteCount)),
      JSONValue.Member("zero", .integer(zeroCount)), JSONValue.Member("nan", .integer(nanCount)),
      JSONValue.Member("infinite", .integer(infinityCount)),
      JSONValue.Member("histogram", .array(histogram.map { .integer($0) })),
      JSONValue.Member("outliers", .integer(outlierCount)),
      JSONValue.Member(
        "furthest",
        .array(
          outliers.map {
            .object([
              JSONValue.Member("index", .integer($0.index)),
              JSONValue.Member("value", .double($0.value)),
            ])
          })),
    ])
  }
}
