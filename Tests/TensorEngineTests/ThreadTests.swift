import Synchronization
import TensorEngine
import TestSupport
import Testing

@Suite struct ThreadTests {
  /// The bits of every operator's result on some shapes, in order.
  private func everything(_ context: ExecutionContext) throws -> [[UInt32]] {
    var generator = SeededGenerator(seed: 11)
    var results: [[UInt32]] = []
    for (rows, inputs, outputs) in [(1, 300, 200), (37, 70, 45), (300, 130, 260)] {
      let input = try generator.tensor(rows, inputs)
      let weights = try LinearWeights(
        PackedMatrix(
          outputs: outputs, inputs: inputs, generator.floats(outputs * inputs), in: context),
        bias: generator.tensor(1, outputs))
      let result = try linear(
        input, weights, activation: .gelu, adding: generator.tensor(rows, outputs), in: context)
      results.append(bits(result))
      let norm = try LayerNormWeights(
        weight: generator.tensor(1, outputs), bias: generator.tensor(1, outputs), epsilon: 1e-5)
      results.append(bits(try layerNorm(result, norm, in: context)))
      results.append(bits(try softmax(result, in: context)))
      results.append(bits(try logSoftmax(result, in: context)))
      results.append(bits(try activate(result, .tanh, in: context)))
      results.append(bits(try scale(add(result, result, in: context), by: 0.3, in: context)))
    }
    let batch = try RaggedBatch(lengths: [100, 3, 0, 270])
    let qkv = try generator.tensor(batch.tokenCount, 96)
    for reach in [AttentionMask.Reach.everywhere, .causal] {
      let result = try attention(
        query: qkv.columns(0..<32), key: qkv.columns(32..<64), value: qkv.columns(64..<96),
        heads: 4, scale: 0.4, batch, mask: AttentionMask(reach), probabilities: .returned,
        in: context)
      results.append(bits(result.output))
      results += result.probabilities.map(bits)
    }
    return results
  }

  @Test("The bits of all results are the same on 1, 2, 3 and 5 threads", arguments: [2, 3, 5])
  func sameBits(_ threads: Int) throws {
    for kernels in KernelSet.available {
      let one = try everything(ExecutionContext(threads: 1, kernels: kernels))
      let several = try everything(ExecutionContext(threads: threads, kernels: kernels))
      #expect(one == several, "\(kernels)")
    }
  }

  @Test("Every index is run exactly once, by threads that the pool has")
  func everyIndex() throws {
    let pool = try ThreadPool(threads: 3)
    for count in [0, 1, 2, 3, 100, 5000] {
      // Without a lock: that no two calls write to one place is what the pool promises.
      let calls = UnsafeMutableBufferPointer<Int>.allocate(capacity: count)
      let threads = UnsafeMutableBufferPointer<Int>.allocate(capacity: count)
      unsafe calls.initialize(repeating: 0)
      unsafe threads.initialize(repeating: -1)
      pool.run(count) { index, thread in
        unsafe calls[index] += 1
        unsafe threads[index] = thread
      }
      #expect(unsafe calls.allSatisfy { $0 == 1 })
      #expect(unsafe threads.allSatisfy { (0..<pool.threads).contains($0) })
      unsafe calls.deallocate()
      unsafe threads.deallocate()
    }
  }

  @Test("Thousands of short runs, with pauses in which threads fall asleep, lose no call")
  func manyRuns() async throws {
    let pool = try ThreadPool(threads: 4)
    let total = Atomic(0)
    for round in 0..<3000 {
      pool.run(round % 7) { _, _ in total.add(1, ordering: .relaxed) }
      if round % 500 == 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(total.load(ordering: .relaxed) == (0..<3000).reduce(0) { $0 + $1 % 7 })
  }

  @Test("A context that several tasks use at the same time gives each its own results")
  func sharedContext() async throws {
    let context = try ExecutionContext(threads: 2)
    let expected = try everything(ExecutionContext(threads: 1))
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask { try everything(context) == expected }
      }
      for try await same in group { #expect(same) }
    }
  }

  @Test("Numbers of threads that make no sense are brought to ones that do", arguments: [0, -7])
  func oddCounts(_ threads: Int) throws {
    #expect(try ThreadPool(threads: threads).threads == 1)
    #expect(try ThreadPool().threads >= 1)
  }
}
