import CheckpointBytes
import LanguageModels
import LayoutRules
import ModelFamilies
import Testing
import WeightGraph

@Suite struct RunOptionsTests {
  private static let masked = RecordedCase.all.filter {
    !["plain", "one", "padding-is-absent"].contains($0.inputs)
      && !$0.options.extras.contains(.attentions)
  }

  private func model(
    _ recorded: RecordedCase, options: LoadOptions = LoadOptions()
  ) throws -> any LanguageModel {
    try load(
      recorded.className, recorded.configuration,
      try weights(of: recorded.className, in: recorded.family), options: options)
  }

  @Test("Padding that is left out changes nothing elsewhere", arguments: masked)
  func skippedPadding(_ recorded: RecordedCase) throws {
    let inputs = try recorded.modelInputs()
    let model = try model(recorded)
    let mask = try #require(inputs.attentionMask)
    var skipping = recorded.options
    skipping.padding = .skipped
    let expected = try recorded.expected()
    for output in try model.run(inputs, skipping).all {
      let reference = try #require(expected[output.name])
      #expect(output.dimensions == reference.shape)
      // A row for each token, or one for each sequence.
      guard mask.elements.count.isMultiple(of: mask.length),
        output.dimensions.starts(with: mask.dimensions)
          || output.dimensions.prefix(2) == [mask.sequenceCount, mask.length]
      else {
        if recorded.inputs != "without" {
          #expect(Distance(output, reference.values).isClose(torch: 3e-6), "\(output.name)")
        }
        continue
      }
      let values = output.values
      let width = values.count / mask.elements.count
      var zeros = 0
      for (place, isSeen) in mask.elements.enumerated() {
        let columns = (place * width)..<((place + 1) * width)
        if isSeen == 1 {
          for column in columns {
            #expect(abs(Double(values[column]) - reference.values[column]) < 2e-5)
          }
        } else if values[columns].allSatisfy({ $0 == 0 }) {
          zeros += 1
        }
      }
      // A mean over the sequence needs every place.
      let takesMean = recorded.configuration["summary_type"] == .string("mean")
      #expect((zeros > 0) == (mask.elements.contains(0) && !takesMean))
    }
  }

  @Test(
    "What is made of some tokens has the same bits whether the last layer goes on with others or not",
    arguments: RecordedCase.all)
  func lastRows(_ recorded: RecordedCase) throws {
    let model = try model(recorded)
    let inputs = try recorded.modelInputs()
    var options = recorded.options
    // States are of all tokens.
    options.extras.insert(.hiddenStates)
    let all = try model.run(inputs, options)
    options.extras.remove(.hiddenStates)
    for output in try model.run(inputs, options).all {
      #expect(output.values == all[output.name]?.values, "\(output.name)")
    }
    let places = [inputs.inputIDs.elements.count - 1, 0]
    options.scoredTokens = .places(places)
    for output in try model.run(inputs, options).all {
      guard let reference = all[output.name], let columns = output.dimensions.last,
        reference.dimensions == inputs.inputIDs.dimensions + [columns]
      else { continue }
      let rows = reference.rows
      #expect(output.dimensions == [places.count, columns])
      #expect(output.rows == places.map { rows[$0] }, "\(output.name)")
    }
  }

  @Test("Attentions have a place for padding too")
  func attentionsWithoutPadding() throws {
    let recorded = try #require(RecordedCase.all.first { $0.name == "0-right*" })
    let model = try model(recorded)
    let options = RunOptions(extras: .attentions, padding: .skipped)
    #expect(
      failure { _ = try model.run(try recorded.modelInputs(), options) }?.kind == .unsupported)
  }

  @Test("Rows that see nothing are as in either of the reference's attentions")
  func blindRows() throws {
    for (family, number) in [("BertModel", 0), ("BertModel", 1), ("GPT2Model", 0)] {
      let name = number == 0 && family == "BertModel" ? "without" : "left"
      for (recorded, other) in [(name, name + "*"), (name + "*", name)] {
        let first = try #require(
          RecordedCase.all.first { $0.className == family && $0.name == "\(number)-\(recorded)" })
        let second = try #require(
          RecordedCase.all.first { $0.className == family && $0.name == "\(number)-\(other)" })
        let reference = try #require(try second.expected()["last_hidden_state"])
        var options = first.options
        let own = try #require(
          try model(first).run(try first.modelInputs(), options).lastHiddenState)
        #expect(!Distance(own, reference.values).isClose(torch: 1e-5))
        options.blindRows = other.hasSuffix("*") ? .average : .zero
        let output = try #require(
          try model(first).run(try first.modelInputs(), options).lastHiddenState)
        #expect(Distance(output, reference.values).isClose(torch: 2e-6))
      }
    }
  }

  @Test("Results have the same bits for any number of threads")
  func threads() throws {
    for recorded in RecordedCase.all where recorded.name.hasSuffix("-right*") {
      var found: [[Float]] = []
      for threads in [1, 2, 3, 5] {
        let model = try model(recorded, options: LoadOptions(threads: threads))
        found.append(
          try model.run(try recorded.modelInputs(), recorded.options).all.flatMap(\.values))
      }
      #expect(found.allSatisfy { $0 == found[0] })
    }
  }

  @Test("A sequence has the same bits alone and among others")
  func batch() throws {
    for recorded in RecordedCase.all where recorded.name == "0-plain" {
      let model = try model(recorded)
      let inputs = try recorded.modelInputs()
      let together = try #require(try model.run(inputs, RunOptions()).lastHiddenState).values
      for row in 0..<inputs.inputIDs.sequenceCount {
        let one = ModelInputs(inputIDs: try TokenArray([Array(inputs.inputIDs.sequence(row))]))
        let alone = try #require(try model.run(one, RunOptions()).lastHiddenState).values
        #expect(alone == Array(together[(row * alone.count)..<((row + 1) * alone.count)]))
      }
    }
  }

  @Test("The last hidden state of choices has their extents, unless it is what goes into the norm")
  func lastStateOfChoices() throws {
    let name = "GPT2DoubleHeadsModel"
    let recorded = try #require(RecordedCase.all.first { $0.className == name })
    let inputs = ModelInputs(inputIDs: try TokenArray(choices: [[[5, 6, 7], [8, 9, 10]]]))
    // The extents that Transformers 5.23 gives.
    for (isNormed, extents) in [(true, [1, 2, 3]), (false, [2, 3])] {
      let members = (recorded.configuration.members ?? []).filter {
        $0.key != "tie_last_hidden_states"
      }
      let configuration = JSONValue.object(
        members + [JSONValue.Member("tie_last_hidden_states", .boolean(isNormed))])
      let model = try load(name, configuration, try weights(of: name, in: .gpt2))
      let states = try model(inputs, options: RunOptions(extras: .hiddenStates))
        .numbered("hidden_states")
      #expect(states.last?.dimensions.dropLast().map { $0 } == extents)
      #expect(states.first?.dimensions.dropLast().map { $0 } == [2, 3])
    }
  }
}
