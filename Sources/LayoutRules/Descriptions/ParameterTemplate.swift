/// A canonical parameter before sizes are known.
struct ParameterTemplate: Sendable {
  let name: NameTemplate
  let extents: [Extent]
  let tiedTo: NameTemplate?

  init(_ name: String, _ extents: [Extent], tiedTo: String? = nil) {
    self.name = NameTemplate(name)
    self.extents = extents
    self.tiedTo = tiedTo.map { NameTemplate($0) }
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
