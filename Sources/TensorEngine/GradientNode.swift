public import CheckpointBytes
internal import Synchronization

/// What an operator remembers for the way back: what it needs of the way forward, as a value. An operator of one's own is recorded with
/// it by ``Tensor/recorded(as:from:in:derivative:)``.
///
/// Tensors are kept without what they themselves were made from (``Tensor/detached``): the graph alone knows that.
public protocol Derivative: Sendable {
  /// The gradients of the operator's inputs, in the order in which they were recorded and of their shapes, from that of its result. Nil
  /// for inputs that need none.
  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?]
}

/// Where a gradient goes to.
enum GradientInput: Sendable {
  /// The result of another operator.
  case result(GradientNode)
  /// A parameter.
  case parameter(GradientSum)

  /// Where a tensor's goes to; nil if it needs none.
  init?(_ tensor: Tensor?) {
    guard let node = tensor?.node else { return nil }
    self = .result(node)
  }

  fileprivate var node: GradientNode? {
    if case .result(let node) = self { node } else { nil }
  }
}

/// One operator in the graph of gradients: its derivative, and where its inputs came from.
///
/// A node belongs to the result of the operator, and holds on to those of its inputs. It is used once: walking the graph takes it
/// apart, and frees what it remembers.
final class GradientNode: Sendable {
  /// Whatever a node remembers until it is used.
  private struct Memory {
    var inputs: [GradientInput?]
    let derivative: any Derivative
  }

  /// Counts the nodes of the process. A result has a larger number than everything that it was made from.
  private let number: UInt64
  private let operation: String
  /// What the operator ran on, and its derivative will.
  let context: ExecutionContext
  private let memory: Mutex<Memory?>

  private static let count = Atomic<UInt64>(0)

  init(
    _ operation: String, _ inputs: [GradientInput?], _ derivative: some Derivative,
    in context: ExecutionContext
  ) {
    number = Self.count.add(1, ordering: .relaxed).newValue
    self.operation = operation
    self.context = context
    memory = Mutex(Memory(inputs: inputs, derivative: derivative))
  }

  deinit {
    // Inputs that nobody else holds are let go one after the other: a long chain would be one deep recursion otherwise.
    var chain = takeNodes()
    while var node = chain.popLast() {
      if isKnownUniquelyReferenced(&node) { chain += node.takeNodes() }
    }
  }

  /// The derivative, if it makes the result again; nil once the node has been used.
  var repeatable: (any RepeatableDerivative)? {
    let derivative = memory.withLock { $0?.derivative as? any RepeatableDerivative }
    return derivative.flatMap { $0.isRepeatable ? $0 : nil }
  }

  private func takeNodes() -> [GradientNode] {
    memory.withLock { memory in
      let nodes = memory?.inputs.compactMap { $0?.node } ?? []
      memory = nil
      return nodes
    }
  }
}

// MARK: The walk

extension GradientNode {
  /// A node on the way, and its memory if it has been taken.
  private struct Step {
    let node: GradientNode
    var gradient: Tensor?
    var memory: Memory?
  }

  /// Gives every parameter that this node's result depends on its gradient: nodes in the reverse order of their making, each
  /// once the gradients of all that was made from it are added up.
  ///
  /// Throws `inconsistent` before anything is done if a part of the graph has been used, and `limitExceeded`; then gradients may be
  /// in part added, and the graph is used.
  /// - Parameter targets: Nodes whose gradients are wanted instead of those of parameters.
  /// - Returns: The gradients of the targets, nil for those that the result does not depend on.
  @discardableResult
  func walk(
    from gradient: Tensor, for targets: [GradientNode]? = nil
  ) throws(CheckpointError) -> [Tensor?] {
    let steps = try reachable()
    guard let targets else {
      try walk(steps, from: gradient) { _, _ in }
      return []
    }
    var found: [UInt64: Tensor] = [:]
    let wanted = Set(targets.map(\.number))
    // Only what lies between is computed.
    var leads: Set<UInt64> = []
    for step in steps {
      let node = step.node
      let inputs = node.memory.withLock { $0?.inputs.compactMap { $0?.node?.number } ?? [] }
      if wanted.contains(node.number) || inputs.contains(where: leads.contains) {
        leads.insert(node.number)
      }
    }
    if leads.contains(number) {
      try GradientRecording.with(GradientRecording.$reachesParameters, false) {
        () throws(CheckpointError) in
        try walk(steps.filter { leads.contains($0.node.number) }, from: gradient) {
          if wanted.contains($0) { found[$0] = $1 }
        }
      }
    }
    return targets.map { found[$0.number] }
  }

  /// Gives every parameter its gradient, where the walk that this is a part of does so, and one node's back; nil if the result does
  /// not depend on it, or there is none.
  func walk(
    from gradient: Tensor, beside target: GradientNode?
  ) throws(CheckpointError) -> Tensor? {
    var found: Tensor?
    try walk(try reachable(), from: gradient) { number, gradient in
      if number == target?.number { found = gradient }
    }
    return found
  }

  private func walk(
    _ reached: [Step], from gradient: Tensor, visit: (UInt64, Tensor) -> Void
  ) throws(CheckpointError) {
    let adds = GradientRecording.reachesParameters
    var steps = reached
    for index in steps.indices { steps[index].memory = try steps[index].node.take() }
    var places: [UInt64: Int] = [:]
    for (place, step) in steps.enumerated() { places[step.node.number] = place }
    steps[steps.count - 1].gradient = gradient
    while let step = steps.popLast() {
      // Whatever was made from it passed none on.
      guard let gradient = step.gradient, let memory = step.memory else { continue }
      visit(step.node.number, gradient)
      let context = step.node.context
      let gradients = try memory.derivative.gradients(gradient, in: context)
      for (input, term) in zip(memory.inputs, gradients) {
        guard let term else { continue }
        switch input {
        case .none: break
        case .parameter(let sum): if adds { try sum.add(.dense(term), in: context) }
        case .result(let node):
          guard let place = places[node.number] else { continue }
          steps[place].gradient =
            try steps[place].gradient.map { (sum) throws(CheckpointError) in
              try add(sum, term, in: context)
            } ?? term
        }
      }
      guard adds, let derivative = memory.derivative as? any RowDerivative else { continue }
      for (place, input) in memory.inputs.enumerated() {
        guard case .parameter(let sum) = input,
          let rows = try derivative.rows(of: place, gradient, in: context)
        else { continue }
        try sum.add(.rows(rows), in: context)
      }
    }
  }

  /// All nodes that this one was made from and itself, in the order of their making.
  private func reachable() throws(CheckpointError) -> [Step] {
    var found: Set<UInt64> = [number]
    var steps = [Step(node: self)]
    var next = 0
    while next < steps.count {
      let node = steps[next].node
      next += 1
      guard let inputs = node.memory.withLock({ $0?.inputs }) else { throw node.isUsed }
      for input in inputs {
        guard let node = input?.node, found.insert(node.number).inserted else { continue }
        steps.append(Step(node: node))
      }
    }
    return steps.sorted { $0.node.number < $1.node.number }
  }

  private func take() throws(CheckpointError) -> Memory {
    let taken = memory.withLock { memory in
      // What was made from nothing holds nothing, and other results may be made from it still.
      defer { if memory?.inputs.isEmpty == false { memory = nil } }
      return memory
    }
    guard let taken else { throw isUsed }
    return taken
  }

  private var isUsed: CheckpointError {
    CheckpointError(
      .inconsistent, "backward", operation,
      "the graph has been walked already, which freed it; compute the result again")
  }
}

/// The gradient of a parameter: the sum of all that walks have brought.
final class GradientSum: Sendable {
  private let sum = Mutex<GradientContents?>(nil)

  var contents: GradientContents? { sum.withLock { $0 } }

  func clear() { sum.withLock { $0 = nil } }

  func add(_ term: GradientContents, in context: ExecutionContext) throws(CheckpointError) {
    try sum.withLock { (sum) throws(CheckpointError) in
      sum =
        try sum.map { (sum) throws(CheckpointError) in
          try sum.adding(term, in: context)
        } ?? term
    }
  }
}
