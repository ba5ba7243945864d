extension Tensor: CustomStringConvertible {
  /// The extents, and a line for each row: of more than six rows or columns the first and the last three.
  public var description: String {
    let extents = "Tensor [\(rows), \(columns)]"
    guard rows > 0, columns > 0 else { return extents }
    let lines = Tensor.shown(rows).map { row in
      guard let row else { return "  …" }
      let numbers = Tensor.shown(columns).map { column in
        column.flatMap { self[row, $0] }.map(String.init(describing:)) ?? "…"
      }
      return "  [" + numbers.joined(separator: ", ") + "]"
    }
    return ([extents] + lines).joined(separator: "\n")
  }

  /// The places that are shown of so many; nil stands for those that are not.
  private static func shown(_ count: Int) -> [Int?] {
    let edge = 3
    guard count > 2 * edge else { return Array(0..<count) }
    return Array(0..<edge) + [nil] + Array(count - edge..<count)
  }
}

extension Parameter: CustomStringConvertible {
  /// `bert.pooler.dense.bias [768] float32`, and `frozen` if it requires no gradient.
  public var description: String {
    "\(name) \(extents) \(element)\(requiresGradient ? "" : ", frozen")"
  }
}
