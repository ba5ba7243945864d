internal import CheckpointBytes
internal import TensorValues

/// A log as a picture: one panel for each name, over the steps. Complete in itself (SVG).
package struct LogPicture {
  package let text: String

  private static let (width, height, margin) = (640.0, 180.0, 40.0)

  package init(_ log: [TrainerState.Entry]) {
    var names: [String] = []
    for entry in log {
      for (name, _) in entry.values where !names.contains(name) { names.append(name) }
    }
    let total = (Self.height + Self.margin) * Double(max(1, names.count)) + Self.margin
    let panels = names.enumerated().map { place, name in
      Self.panel(
        name, log.compactMap { entry in entry[name].map { (entry.step, $0) } },
        top: Self.margin + Double(place) * (Self.height + Self.margin))
    }
    text =
      """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(Int(Self.width + 2 * Self.margin))" \
      height="\(Int(total))" font-family="sans-serif" font-size="12">
      <rect width="100%" height="100%" fill="white"/>
      \(panels.joined(separator: "\n"))
      </svg>

      """
  }

  private static func panel(_ name: String, _ points: [(Int, Double)], top: Double) -> String {
    let shown = points.filter { $0.1.isFinite }
    let steps = shown.map { Double($0.0) }
    let (low, high) = (shown.map(\.1).min() ?? 0, shown.map(\.1).max() ?? 0)
    let places = shown.map { step, value in
      let x = margin + share(Double(step), of: steps.min() ?? 0, steps.max() ?? 0) * width
      let y = top + height - share(value, of: low, high) * height
      return (x: NumberText.fixed(x, digits: 1), y: NumberText.fixed(y, digits: 1))
    }
    func label(_ x: Double, _ y: Double, _ text: String, _ anchor: String = "start") -> String {
      "<text x=\"\(NumberText.fixed(x, digits: 1))\" y=\"\(NumberText.fixed(y, digits: 1))\" "
        + "text-anchor=\"\(anchor)\">\(singleLine(text).markup)</text>"
    }
    var parts = [
      "<rect x=\"\(Int(margin))\" y=\"\(Int(top))\" width=\"\(Int(width))\" "
        + "height=\"\(Int(height))\" fill=\"none\" stroke=\"#bbb\"/>",
      label(margin, top - 6, name),
    ]
    if places.count == 1 {
      parts.append("<circle cx=\"\(places[0].x)\" cy=\"\(places[0].y)\" r=\"2\" fill=\"#2060c0\"/>")
    } else if !places.isEmpty {
      parts.append(
        "<polyline points=\"\(places.map { "\($0.x),\($0.y)" }.joined(separator: " "))\" "
          + "fill=\"none\" stroke=\"#2060c0\" stroke-width=\"1.5\"/>")
    }
    if let last = shown.map(\.0).max() {
      parts += [
        label(margin + width, top - 6, NumberText.significant(high), "end"),
        label(
          margin + width, top + height + 14, "\(NumberText.significant(low)) (step \(last))", "end"),
      ]
    }
    return parts.joined(separator: "\n")
  }

  /// Where a value lies between two, from 0 to 1; in the middle if they are one. The difference of two numbers may be greater than any.
  private static func share(_ value: Double, of low: Double, _ high: Double) -> Double {
    high > low ? (value / 2 - low / 2) / (high / 2 - low / 2) : 0.5
  }
}
