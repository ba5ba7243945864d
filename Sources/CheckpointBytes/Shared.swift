/// A value that its owners share, so that each holds one word of it. It never changes: an owner that wants another one makes it.
final class Shared<Value: Sendable>: Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }
}
