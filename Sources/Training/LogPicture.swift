internal import TensorValues

/// A log as a picture: one panel for each name, over the steps. Complete in itself (SVG).
struct LogPicture {
  let text: String

  private static let (width, height, margin) = (640.0, 180.0, 40.0)

  init(_ log: [TrainerState.Entry]) {
    var names: [String] = []
    for entry in log {
      for (name, _) in entry.values where !names.contains(name) { names.append(name) }
    }
    let total = (Self.height + Self.margin) * Double(max(1, names.count)) + Self.margin
    let panels = names.enumerated().map { place, name in
      Self.panel(
        name, log.compactMap { entry in entry[name].map { (Double(entry.step), $0) } },
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

  private static func panel(_ name: String, _ points: [(Double, Double)], top: Double) -> String {
    let shown = points.filter { $0.1.isFinite }
    let (low, high) = (shown.map(\.1).min() ?? 0, shown.map(\.1).max() ?? 1)
    let (first, last) = (shown.map(\.0).min() ?? 0, shown.map(\.0).max() ?? 1)
    let places = shown.map { step, value in
      let x = margin + (last > first ? (step - first) / (last - first) : 0.5) * width
      let y = top + height - (high > low ? (value - low) / (high - low) : 0.5) * height
      return "\(NumberText.fixed(x, digits: 1)),\(NumberText.fixed(y, digits: 1))"
    }
    func label(_ x: Double, _ y: Double, _ text: String, _ anchor: String = "start") -> String {
      "<text x=\"\(NumberText.fixed(x, digits: 1))\" y=\"\(NumberText.fixed(y, digits: 1))\" "
        + "text-anchor=\"\(anchor)\">\(text)</text>"
    }
    let frame =
      "<rect x=\"\(Int(margin))\" y=\"\(Int(top))\" width=\"\(Int(width))\" "
      + "height=\"\(Int(height))\" fill=\"none\" stroke=\"#bbb\"/>"
    let line =
      "<polyline points=\"\(places.joined(separator: " "))\" fill=\"none\" stroke=\"#2060c0\" "
      + "stroke-width=\"1.5\"/>"
    let dots =
      places.count == 1
      ? "<circle cx=\"\(places[0].split(separator: ",")[0])\" cy=\"\(places[0].split(separator: ",")[1])\" r=\"2\" fill=\"#2060c0\"/>"
      : ""
    return [
      frame, line, dots, label(margin, top - 6, name),
      label(margin + width, top - 6, NumberText.significant(high), "end"),
      label(
        margin + width, top + height + 14, "\(NumberText.significant(low)) (step \(Int(last)))",
        "end"),
    ].filter { !$0.isEmpty }.joined(separator: "\n")
  }
}
