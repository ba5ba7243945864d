/// A canonical parameter before sizes are known.
struct ParameterTemplate: Sendable {
  let name: NameTemplate
  let extents: [Extent]
  let tiedTo: NameTemplate?
  /// Two widths, if it is there only where they differ: a map from one to the other.
  private let widths: (from: Extent, to: Extent)?

  init(
    _ name: String, _ extents: [Extent], tiedTo: String? = nil,
    between widths: (Extent, Extent)? = nil
  ) {
    self.name = NameTemplate(name)
    self.extents = extents
    self.tiedTo = tiedTo.map { NameTemplate($0) }
    self.widths = widths
  }

  /// True if a model of these sizes has it.
  func exists(in sizes: ModelSizes) -> Bool {
    widths.map { sizes.value(of: $0.from) != sizes.value(of: $0.to) } ?? true
  }

  /// Consecutive templates that belong to layers, together; the others alone.
  static func runs(of templates: [ParameterTemplate]) -> [[ParameterTemplate]] {
    var runs: [[ParameterTemplate]] = []
    for template in templates {
      if template.name.isPerLayer, let last = runs.last, last[0].name.isPerLayer {
        runs[runs.count - 1].append(template)
      } else {
        runs.append([template])
      }
    }
    return runs
  }
}
