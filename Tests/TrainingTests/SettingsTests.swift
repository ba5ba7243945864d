import CheckpointBytes
import Testing
import Training

/// Settings that make a training, and those that make none.
@Suite struct SettingsTests {
  @Test(
    "Numbers that make no training are refused by name, those of which sums would be too great as well"
  )
  func refusals() {
    typealias Change = (inout TrainingSettings) -> Void
    let changes: [(String, Change)] = [
      ("epochs", { $0.epochs = 0 }), ("epochs", { $0.epochs = .infinity }),
      ("epochs", { $0.epochs = 1e300 }), ("steps", { $0.steps = 0 }),
      ("steps", { $0.steps = .max }), ("batch size", { $0.batchSize = 0 }),
      ("batch size", { $0.batchSize = .max }), ("accumulation", { $0.accumulation = -1 }),
      ("accumulation", { $0.accumulation = .max }), ("learning rate", { $0.learningRate = -1 }),
      ("learning rate", { $0.learningRate = .nan }), ("weight decay", { $0.weightDecay = -0.1 }),
      ("warm-up", { $0.warmup = 1e300 }), ("warm-up", { $0.warmup = -1 }),
      ("clipping", { $0.clipping = 0 }), ("maximum length", { $0.maximumLength = 0 }),
      ("patience", { $0.patience = 0 }), ("checkpoints to keep", { $0.keep = 0 }),
    ]
    for (name, change) in changes {
      var settings = TrainingSettings()
      change(&settings)
      let error = #expect(throws: CheckpointError.self) { try settings.check() }
      #expect(error?.kind == .inconsistent && error?.site.field == name, "\(name)")
    }
    #expect(throws: Never.self) { try TrainingSettings().check() }
  }

  @Test("Steps are counted, however many they are")
  func steps() {
    var settings = TrainingSettings()
    settings.batchSize = 4
    settings.accumulation = 2
    settings.epochs = 2.5
    #expect(settings.steps(for: 17) == (perEpoch: 3, total: 8))
    settings.epochs = 0.01
    #expect(settings.steps(for: 17) == (perEpoch: 3, total: 1))
    settings.epochs = 2_147_483_648
    settings.batchSize = 2_147_483_648
    settings.accumulation = 2_147_483_648
    #expect(settings.steps(for: 17) == (perEpoch: 1, total: 2_147_483_648))
    settings.batchSize = 1
    settings.accumulation = 1
    #expect(settings.steps(for: 1 << 40).total == 1 << 53)
    #expect(settings.steps(for: .max).perEpoch == .max)
    settings.batchSize = 0
    #expect(settings.steps(for: 3).perEpoch == 3)
    settings.batchSize = .max
    settings.accumulation = 2
    #expect(settings.steps(for: .max).perEpoch == 1)
  }
}
