import CheckpointBytes
import Checkpoints
import Conversion
import LanguageModels
import LayoutRules
import ModelFamilies

/// A `config.json`, a NUL, and the header of a safetensors file, whose weights are zeros. The weights are laid out for one of the layouts, and
/// loaded as the class that the configuration names, and run. The input's length says which layout, and whether for a file or a directory:
/// seeds, and what mutations make of them, are of all lengths.
func fuzzModel(_ bytes: [UInt8]) {
  let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  guard let configuration = parts.first, let header = parts.last, parts.count == 2,
    let path = ScratchFile.path(holding: safetensors(header: Array(header), filledWith: 0))
  else { return }
  do throws(CheckpointError) {
    let checkpoint = try Checkpoint.open(path)
    let layouts = LayoutChoice.all
    var options = ConversionOptions()
    options.layout = layouts[bytes.count / 2 % layouts.count]
    options.attentionHeads = 2
    let destination = ["/dev/shm/absent.h5", "/dev/shm/absent/"][bytes.count % 2]
    do throws(CheckpointError) {
      _ = try ConversionPlan(checkpoint, named: path, to: destination, options: options)
    } catch {
      expectReadable(error)
    }
    do throws(CheckpointError) {
      let settings = try ModelConfiguration(parsing: Array(configuration), file: "input")
      let model = try Recognition.result(of: checkpoint.graph).get().model(configuration: settings)
      _ = try BoundModel(checkpoint.graph, as: model, configuration: settings)
    } catch {
      expectReadable(error)
    }
    guard let document = try? JSONValue(parsing: Array(configuration), context: "input") else {
      return
    }
    let model = try ModelClass(configuration: document).load(
      weights: checkpoint.graph, configuration: document)
    try run(model)
  } catch {
    expectReadable(error)
  }
}

/// Runs a model on two short texts, and lets it go on with them if it can.
private func run(_ model: any LanguageModel) throws(CheckpointError) {
  let ids = try TokenArray([[0, 1, 1], [1, 0, 0]])
  let mask = try TokenArray([[1, 1, 1], [0, 1, 1]])
  let inputs = ModelInputs(inputIDs: ids, attentionMask: mask)
  for padding in [RunOptions.Padding.computed, .skipped] {
    do throws(CheckpointError) {
      let outputs = try model.run(inputs, RunOptions(extras: .hiddenStates, padding: padding))
      for output in outputs.all {
        expect(
          output.values.count == output.dimensions.reduce(1, *), "an output has its extents")
      }
    } catch {
      expectReadable(error)
    }
  }
  guard let model = model as? any CausalLanguageModel else { return }
  for beams in [1, 2] {
    var settings = try model.defaultSettings
    settings.maxNewTokens = 3
    settings.beamCount = beams
    let texts = try model.generate(inputs, settings)
    expect(texts.count == 2 && texts.allSatisfy { $0.count >= 4 }, "every text goes on")
  }
}
