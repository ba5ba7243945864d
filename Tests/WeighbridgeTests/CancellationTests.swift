import TestSupport
import Testing
import Weighbridge

@Suite("A cancelled task")
struct CancellationTests {
  private let guide = GuideModels()

  /// What kind of error work ends with in a task of its own.
  private func failure(of work: @escaping @Sendable () throws -> Void) async -> FailureKind? {
    let task = Task { try work() }
    do {
      try await task.value
      return nil
    } catch {
      return (error as? CheckpointError)?.kind
    }
  }

  private static func cancel() {
    unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
  }

  @Test("A conversion ends, and nothing of it is left", arguments: ["safetensors", "pt", "h5"])
  func conversion(_ format: String) async throws {
    let directory = try TemporaryDirectory()
    let source = Fixtures.path("tiny-bert")
    let path = directory.file("model.\(format)")
    let found = await failure {
      Self.cancel()
      try Checkpoint.open(source).graph.write(to: path)
    }
    #expect(found == .cancelled)
    #expect(try Directory.names(in: directory.path) == [])
  }

  @Test("Generation ends, with beams and without", arguments: [1, 3])
  func generation(_ beams: Int) async throws {
    let directory = try guide.directory("gpt2", "gpt2")
    let found = await failure {
      let model = try GPT2LMHeadModel.load(from: directory)
      var settings = try model.defaultSettings
      settings.beamCount = beams
      settings.maxNewTokens = 4
      Self.cancel()
      _ = try model.generate(ModelInputs(inputIDs: TokenArray([[1, 2, 3]])), settings)
    }
    #expect(found == .cancelled)
  }
}
