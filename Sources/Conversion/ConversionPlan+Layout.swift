internal import CheckpointBytes
internal import Checkpoints
internal import ModelDirectories
internal import LayoutRules
internal import ModelFamilies
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

/// The weights of a conversion, and the model they were laid out as, if any.
struct LaidOutWeights {
  let graph: WeightGraph
  var changes = ConversionChanges()
  var model: BoundModel?
  /// The layout written; nil if names and shapes are the source's.
  var layout: Layout?
}

extension WeightGraph {
  /// The weights in the layout that is asked for. Bytes are read only to compare what a layout holds twice.
  func laidOut(
    _ recognition: @autoclosure () -> Result<Recognition, CheckpointError>,
    _ options: ConversionOptions, from format: CheckpointFormat,
    for destination: ConversionDestination, file: String, companions: DirectoryCompanions?
  ) throws(CheckpointError) -> LaidOutWeights {
    if options.task != nil, options.layout != .flat {
      // With a head that is not there names are not to stay as they are.
      do throws(CheckpointError) {
        _ = try recognition().get().model(task: options.task)
      } catch {
        throw error.inFile(file)
      }
    }
    do throws(CheckpointError) {
      switch options.layout {
      case .flat: return LaidOutWeights(graph: self)
      case .layout(let layout):
        try layout.check(destination)
        try joiningScales().checkScales(options)
        let model = try recognition().get()
          .bound(options, file: file, for: destination, companions: companions)
        return try laidOut(model, in: layout, of: destination.format, options)
      case .automatic:
        func laidOut(_ layout: Layout) throws(CheckpointError) -> LaidOutWeights {
          let model = try recognition().get()
            .bound(options, file: file, for: destination, companions: companions)
          return try self.laidOut(model, in: layout, of: destination.format, options)
        }
        let (layout, note) = automaticLayout(
          recognition(), options, from: format, for: destination,
          takes: { (try? laidOut($0)) != nil })
        guard let layout else { return kept(note) }
        try joiningScales().checkScales(options)
        do throws(CheckpointError) {
          return try laidOut(layout)
        } catch {
          guard error.kind == .unsupported else { throw error }
          return kept("names are kept as they are: \(error.problem)")
        }
      }
    } catch {
      if error.kind == .cancelled { throw error }
      let flat: Wording = "\(remedy: .layout("flat")) keeps names and shapes as they are"
      // The configuration's errors name its own file.
      var described = error.site.file == nil ? error.inFile(file) : error
      // Of a layout that nobody asked for, one may want to do without.
      described.remedy =
        error.remedy.map { options.layout == .automatic ? "\($0); or \(flat)" : $0 } ?? flat
      throw described
    }
  }

  /// The weights as they are, and why.
  private func kept(_ note: Wording?) -> LaidOutWeights {
    let remarks = Remarks(notes: note.map { [$0] } ?? [])
    return LaidOutWeights(graph: self, changes: ConversionChanges(remarks: remarks))
  }

  /// The layout that nobody asked for by name, or what is to be said if names stay as they are.
  ///
  /// - Parameters:
  ///   - recognition: What the weights are.
  ///   - options: What is asked for.
  ///   - format: The source's.
  ///   - destination: Where to.
  ///   - takes: True for a layout that the weights can be written in.
  private func automaticLayout(
    _ recognition: Result<Recognition, CheckpointError>, _ options: ConversionOptions,
    from format: CheckpointFormat, for destination: ConversionDestination,
    takes: (Layout) -> Bool
  ) -> (layout: Layout?, note: Wording?) {
    let model: RecognizedModel
    do throws(CheckpointError) {
      model = try recognition.get().model(task: options.task)
    } catch {
      let loads = destination.format.whatLoadsNothing(of: weights.keys, from: format)
      // That names of an unknown model stay is what everybody expects, as long as something reads them.
      if error.kind == .notFound, loads == nil { return (nil, nil) }
      let reason: Wording =
        error.kind == .notFound ? "they are no model's that is known" : error.wording
      let rest = loads.map { "; " + $0 } ?? ""
      return (nil, "names are kept as they are: \(reason)\(rest)")
    }
    let layout = destination.format.usualLayout
    if model.hasUnusualWrapper {
      // Another architecture may have the same names inside.
      let note: Wording =
        "names are kept as they are: they stand under \(quoted(model.wrapper)), which is no usual wrapper"
      return (
        nil, takes(layout) ? note + "; \(remedy: .layout(layout.rawValue)) takes it off" : note
      )
    }
    if layout == .tensorFlow || model.layout != .transformers || options.quantizes(self) {
      return (layout, nil)
    }
    if model.wrapper.isEmpty && model.innerWrappers.isEmpty { return (nil, nil) }
    if destination.isReadByTransformers { return (.transformers, nil) }
    let inside = model.innerWrappers.map { quoted($0) }.joined(separator: ", ")
    let place =
      model.wrapper.isEmpty
      ? "the names have \(inside) inside" : "the names stand under \(quoted(model.wrapper))"
    return (
      nil,
      "\(place), which Transformers does not look into; \(remedy: .layout(Layout.transformers.rawValue)) takes it off"
    )
  }

  private func laidOut(
    _ model: BoundModel, in layout: Layout, of format: CheckpointFormat,
    _ options: ConversionOptions
  ) throws(CheckpointError) -> LaidOutWeights {
    try options.checkAllowances(model.report)
    try model.report.check(
      mayMiss: { name in options.allowMissing.contains { $0.matches(name) } },
      remedy: { ConversionOptions.remedy($0, in: model.report) })
    var remarks = Remarks(notes: model.notes.map { Wording($0) })
    if model.model.hasUnusualWrapper {
      remarks.note(
        "the names stand under \(quoted(model.model.wrapper)), which is no usual wrapper")
    }
    let canonical = layout == .transformers ? try model.untiedAsStated() : model.graph
    let plan = try SavePlan(
      canonical, of: model.architecture(heads: options.attentionHeads), in: layout,
      mayLose: options.allowLoss, mayMiss: options.allowMissing,
      tied: layout == .transformers ? model.tied : [])
    if layout == .kerasHub, let configuration = model.configuration {
      // Whether the settings go along or not: in KerasHub the weights compute what its constants say.
      let preset = try KerasHubPreset(
        model.architecture(heads: options.attentionHeads), configuration: configuration)
      try preset.losses.check(mayLose: options.allowLoss, layout: layout)
    }
    for name in plan.mustBeZero {
      guard let weight = model.graph.weights[name], try !weight.isZero() else { continue }
      throw CheckpointError(
        .unsupported, tensor: name.string,
        "the layout \(layout.rawValue) does not hold it, and it is not zero",
        remedy: "\(remedy: .acceptLoss(name.string)) leaves it out")
    }
    if let pair = try model.graph.unequal(plan.mustEqual).first {
      throw CheckpointError(
        .unsupported, tensor: pair.second.string,
        "the layout \(layout.rawValue) holds it and \(quoted(pair.first.string)) as one weight, and they differ"
      )
    }
    remarks.note(model.report.notesOfFilled)
    for entry in model.report.entries {
      switch entry.outcome {
      case .dropped:
        remarks.omissions += entry.stored.map {
          .init("tensor " + quoted($0.string), Wording(entry.detail ?? "no parameter"))
        }
      case .missing:
        remarks.omissions += entry.parameters.map {
          .init(
            "parameter " + quoted($0.string),
            "it is not in the source, as \(remedy: .acceptMissing(nil)) allows")
        }
      default: break
      }
    }
    for loss in plan.losses {
      let rows = loss.rows.map { "rows \($0.lowerBound)…\($0.upperBound - 1) of " } ?? ""
      remarks.omit(rows + "parameter " + quoted(loss.name.string), loss.reason)
    }
    var graph = plan.graph
    let (facts, lost) = facts.relaidOut(layout, of: format, names: graph.weights.keys)
    graph.facts = facts
    let change = ConversionReceipt.LayoutChange(
      model: model.model, to: layout, report: model.report, written: plan.entries)
    remarks += lost
    return LaidOutWeights(
      graph: graph, changes: ConversionChanges(layout: change, remarks: remarks), model: model,
      layout: layout)
  }
}

extension Recognition {
  /// The layout whose framework reads the names as they are; nil if there is none.
  var layoutAsItIs: Layout? {
    guard let model = try? model(), model.isAsWritten else { return nil }
    return model.layout
  }

  /// The model that is converted, with the configuration beside it. Bytes are read only to compare what a layout holds
  /// twice.
  fileprivate func bound(
    _ options: ConversionOptions, file: String, for destination: ConversionDestination,
    companions: DirectoryCompanions?
  ) throws(CheckpointError) -> BoundModel {
    let family = (try? model(task: options.task))?.architecture.family
    let configuration =
      if let companions {
        try companions.configuration(family: family)
      } else if destination.isDirectory {
        // What lies beside a file goes along with its weights, and has to be right of them.
        try DirectoryCompanions(file, followsLinks: true).configuration(family: family)
      } else {
        try ModelConfiguration(inDirectory: file, family: family)
      }
    return try BoundModel(
      graph, as: model(configuration: configuration, task: options.task),
      configuration: configuration, fill: .zeros(for: options.fillZeros)
    ).settled()
  }
}

extension LaidOutWeights {
  /// Refuses what is asked for of a layout where none is written.
  ///
  /// - Parameters:
  ///   - options: What is asked for.
  ///   - settings: What of it concerns settings as well that are written beside the weights.
  ///   - file: The source.
  func checkUse(
    of options: ConversionOptions, forSettings settings: (losses: Bool, heads: Bool), file: String
  ) throws(CheckpointError) {
    guard layout == nil else { return }
    var idle: [Remedy] = []
    if !options.allowMissing.isEmpty { idle.append(.acceptMissing(nil)) }
    if !options.fillZeros.isEmpty { idle.append(.fillZeros(nil)) }
    if options.task != nil { idle.append(.task(nil)) }
    if !settings.losses, !options.allowLoss.isEmpty { idle.append(.acceptLoss(nil)) }
    if !settings.heads, options.attentionHeads != nil { idle.append(.attentionHeads) }
    guard let first = idle.first else { return }
    throw CheckpointError(
      .inconsistent, file: file, "names and shapes stay as they are, and no model is laid out",
      remedy: "leave out \(remedy: first), which is for a layout; or name one, such as "
        + "\(remedy: .layout(Layout.transformers.rawValue))")
  }
}

extension Layout {
  /// Refuses a destination that no reader of the layout opens.
  fileprivate func check(_ destination: ConversionDestination) throws(CheckpointError) {
    let format = LayoutChoice.layout(self).frameworkFormat
    guard format == nil || destination.format == format else {
      throw CheckpointError(
        .unsupported,
        "the layout \(rawValue) is one of HDF5 files, the destination is \(destination.format.rawValue)",
        remedy:
          "name a destination that ends in .h5, or say \(remedy: .format([CheckpointFormat.hdf5.rawValue]))"
      )
    }
  }
}

extension CheckpointFormat {
  /// What finds nothing in a file of this format by names that came from another one; nil where names serve alike. Those of Keras
  /// and TensorFlow are paths, those of torch never.
  fileprivate func whatLoadsNothing(
    of names: some Sequence<ExactName>, from source: CheckpointFormat
  ) -> String? {
    let arePaths = names.contains { $0.string.utf8.contains(UInt8(ascii: "/")) }
    if self == .hdf5, source != .hdf5, !arePaths {
      return
        "h5py reads them, but neither Keras nor Transformers' TensorFlow classes load a model by them"
    }
    if self != .hdf5, source == .hdf5, arePaths {
      return
        "no module of torch has such names, so that neither load_state_dict nor Transformers loads them"
    }
    return nil
  }
}

extension ConversionOptions {
  /// What helps against a problem.
  fileprivate static func remedy(
    _ entry: LoadReport.Entry, in report: LoadReport
  ) -> Wording? {
    switch entry.outcome {
    case .missing:
      guard let parameter = entry.parameters.first else { return nil }
      if entry.isFillable {
        return "\(remedy: .fillZeros(parameter.string)) puts zeros there"
      }
      if let suggestion = entry.suggestion, let expected = entry.expected {
        let rename = Remedy.rename(from: suggestion.string, to: expected.string)
        return "did you mean \(quoted(suggestion.string))? \(remedy: rename) makes it so"
      }
      return
        "open all files of the checkpoint together, or leave it out with \(remedy: .acceptMissing(parameter.string))"
    case .unexpected:
      guard let name = entry.stored.first else { return nil }
      guard let pattern = report.pattern(ofUnexpected: name) else {
        return "\(remedy: .leaveOut([name.string])) leaves it out"
      }
      return "\(remedy: .leaveOutMatching(pattern)) leaves them out"
    case .claimedTwice:
      return entry.stored.last.map { "\(remedy: .leaveOut([$0.string])) leaves one of them out" }
    default: return nil
    }
  }

  /// Every pattern must allow something.
  fileprivate func checkAllowances(_ report: LoadReport) throws(CheckpointError) {
    let missing = report.entries.filter { $0.outcome == .missing }.flatMap(\.parameters)
    for pattern in allowMissing where !missing.contains(where: pattern.matches) {
      throw CheckpointError(
        .inconsistent,
        "the pattern \(quoted(pattern.text)) matches no missing parameter",
        remedy: "leave it out of \(remedy: .acceptMissing(nil))")
    }
  }
}

extension LoadReport {
  /// A pattern for an unexpected name and others that begin with the same component, where every name that does is
  /// unexpected; nil if it would be for one name only.
  fileprivate func pattern(ofUnexpected name: ExactName) -> String? {
    let bytes = name.string.utf8
    let borders = [UInt8(ascii: "/"), UInt8(ascii: ".")]
    guard let border = borders.lazy.compactMap({ bytes.firstIndex(of: $0) }).first else {
      return nil
    }
    let start = bytes[...border]
    // The component is repeated in a pattern: a wildcard in it would stand for more.
    guard !start.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }) else {
      return nil
    }
    let others = entries.filter { entry in
      entry.stored.contains { $0.string.utf8.starts(with: start) }
    }
    guard others.count > 1, others.allSatisfy({ $0.outcome == .unexpected }) else { return nil }
    return String(Substring(start)) + "*"
  }
}

extension CheckpointFacts {
  /// What is beside the weights, as far as it does not describe the layout that is left behind.
  fileprivate func relaidOut(
    _ layout: Layout, of format: CheckpointFormat, names: some Sequence<ExactName>
  ) -> (facts: CheckpointFacts, lost: Remarks) {
    var facts = CheckpointFacts()
    var lost = Remarks()
    facts.others = others
    if let tree, !tree.isFlatListOfWeights {
      lost.omit(
        "the nesting of the checkpoint and the plain values in it",
        "the layout \(layout.rawValue) has its own structure")
    }
    for (path, values) in attributes {
      for name in values.keys where !KerasBookkeeping.isBookkeeping(name) {
        lost.omit(
          "attribute \(quoted(name.string)) of \(quoted("/" + path.string))",
          "its place does not exist in the layout \(layout.rawValue)")
      }
    }
    var entries = metadata.entries ?? [:]
    entries = entries.filter { !KerasBookkeeping.isBookkeeping($0.key) && $0.key != "format" }
    switch layout {
    case .tensorFlow: facts.attributes = KerasBookkeeping.attributes(of: names)
    // HDF5 has it for the safetensors that are made of it.
    case .transformers where format != .pytorch: entries["format"] = "pt"
    default: break
    }
    facts.metadata = entries.isEmpty ? .absent : .entries(entries)
    let types = attributeTypes[""]?.filter { entries[$0.key] != nil } ?? [:]
    if !types.isEmpty { facts.attributeTypes[""] = types }
    return (facts, lost)
  }
}
