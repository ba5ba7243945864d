public import CheckpointBytes
internal import Dispatch
internal import Synchronization

/// Hands out batches of examples: by their numbers, through all epochs.
///
///     let loader = try DataLoader(examples, try Collator(task, tokenizer: tokenizer), batchSize: 32)
///     for number in 0..<3 * loader.batchesPerEpoch {
///       let batch = try loader.batch(number)
///       let outputs = try model(batch.inputs)
///     }
///
/// What is in a batch follows from its number and the seed, so that a loop which goes on begins at any of them. Examples that are texts yet
/// become tokens on another thread while the batch before is computed.
public final class DataLoader {
  /// The examples.
  public let examples: TrainingExamples
  /// Puts them together.
  public let collator: Collator
  /// Examples of a batch.
  public let batchSize: Int
  /// In which order they are taken.
  public let order: ExampleOrder
  /// Of the order.
  public let seed: UInt64
  /// Batches whose gradients add up to a step: as many are encoded ahead.
  public let batchesPerStep: Int

  /// The number of the batch that is there no more, for which nothing is encoded.
  var end = Int.max
  private let lengths: [Int]?
  /// The order of each epoch that batches are taken of.
  private var orders: [Int: [Int]] = [:]
  private let queue = DispatchQueue(label: "weighbridge.examples")
  /// What is encoded ahead, by the number of its batch.
  private var ahead: [Int: EncodingWork] = [:]

  /// Batches of examples. An order by length has all of them encoded here.
  ///
  /// - Throws: `inconsistent` without examples, or for batches or steps of none; what encoding throws.
  public init(
    _ examples: TrainingExamples, _ collator: Collator, batchSize: Int = 8,
    order: ExampleOrder = .random, seed: UInt64 = 42, batchesPerStep: Int = 1
  ) throws(CheckpointError) {
    for (name, value) in [
      ("examples", examples.count), ("batch size", batchSize),
      ("batches of a step", batchesPerStep),
    ] where !(1...TrainingSettings.greatestCount).contains(value) {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: name),
        "expected one to \(TrainingSettings.greatestCount), found \(value)")
    }
    var examples = examples
    if order == .byLength, examples.takesTime { examples = TrainingExamples(try examples.all()) }
    self.examples = examples
    self.collator = collator
    self.batchSize = batchSize
    self.order = order
    self.seed = seed
    self.batchesPerStep = batchesPerStep
    lengths = examples.lengths
  }

  /// The batches of an epoch, of which the last may have fewer examples.
  public var batchesPerEpoch: Int { (examples.count - 1) / batchSize + 1 }

  /// The numbers of the batches of a step, of which the last of an epoch may have fewer.
  package func batches(of step: Int) -> Range<Int> {
    let stepsPerEpoch = (batchesPerEpoch - 1) / batchesPerStep + 1
    let (epoch, place) = step.quotientAndRemainder(dividingBy: stepsPerEpoch)
    let first = epoch * batchesPerEpoch + place * batchesPerStep
    return first..<min(first + batchesPerStep, (epoch + 1) * batchesPerEpoch)
  }

  /// A batch.
  ///
  /// - Throws: `inconsistent` for a number below 0, or one that no run reaches; what encoding and the collator throw.
  public func batch(_ number: Int) throws(CheckpointError) -> ExampleBatch {
    guard number >= 0, number < Int.max / 2 else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "batch"),
        "expected 0 to \(Int.max / 2), found \(number)")
    }
    orders = orders.filter { $0.key >= number / batchesPerEpoch }
    let begun = ahead.removeValue(forKey: number)
    let (epoch, numbers) = numbers(of: number)
    // `??` would lose the type of the error. What fails ahead of its turn waits for it.
    let found = if let begun { try begun.take() } else { try examples.examples(at: numbers) }
    encodeAhead(of: number)
    // Of each example and epoch its own numbers.
    return try collator(found, draws: numbers.map { epoch &* examples.count &+ $0 })
  }

  /// The epoch of a batch, and the numbers of its examples.
  private func numbers(of batch: Int) -> (epoch: Int, numbers: [Int]) {
    let (epoch, place) = batch.quotientAndRemainder(dividingBy: batchesPerEpoch)
    let order =
      orders[epoch]
      ?? order(
        examples.count, lengths: lengths, perStep: batchSize * batchesPerStep, seed: seed,
        epoch: epoch)
    orders[epoch] = order
    return (
      epoch, Array(order[place * batchSize..<min(examples.count, (place + 1) * batchSize)])
    )
  }

  private func encodeAhead(of number: Int) {
    guard examples.takesTime, number < end else { return }
    let next = number + 1..<min(number + 1 + batchesPerStep, end)
    ahead = ahead.filter { next.contains($0.key) }
    for batch in next where ahead[batch] == nil {
      ahead[batch] = EncodingWork(numbers(of: batch).numbers, of: examples, on: queue)
    }
  }
}

/// Examples that become tokens on another thread.
private final class EncodingWork: Sendable {
  private let done = DispatchSemaphore(value: 0)
  private let result = Mutex<Result<[TrainingExample], CheckpointError>>(.success([]))

  init(_ numbers: [Int], of examples: TrainingExamples, on queue: DispatchQueue) {
    queue.async { [self] in
      let made = Result { () throws(CheckpointError) in try examples.examples(at: numbers) }
      result.withLock { $0 = made }
      done.signal()
    }
  }

  /// Waits until they are made, and hands them out once.
  func take() throws(CheckpointError) -> [TrainingExample] {
    done.wait()
    return try result.withLock { result in
      defer { result = .success([]) }
      return result
    }.get()
  }
}
