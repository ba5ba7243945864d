import CheckpointBytes
import HDF5Format
import TensorValues
import Testing

@Suite struct KerasLayoutTests {
  private func layout(_ name: String) throws -> KerasLayout {
    try Described(name).description.kerasLayout(file: fixture(name))
  }

  @Test func `Layers and weights of Keras 2 are listed in order, split lists joined`() throws {
    let kernel = KerasLayer.Weight(name: "dense/kernel:0", path: "dense/dense/kernel:0")
    let bias = KerasLayer.Weight(name: "dense/bias:0", path: "dense/dense/bias:0")
    #expect(
      try layout("keras2.h5")
        == .keras2(
          root: "",
          layers: [
            KerasLayer(name: "dense", weights: [kernel, bias]),
            KerasLayer(name: "dropout", weights: []),
          ]))
  }

  @Test func `A weight that is listed and not there is named`() throws {
    let error = #expect(throws: CheckpointError.self) { try layout("keras2-missing.h5") }
    #expect(error?.kind == .notFound)
    #expect(error?.tensor == "dense/kernel:0")
    #expect(error?.site.member == "model_weights/dense")
  }

  @Test func `A list of the optimizer that leads nowhere is one that its writer broke off`() throws
  {
    let path = cases("formats/keras-optimizer-list/broken-off.h5")
    let description = try Described(path: path).description
    let error = #expect(throws: CheckpointError.self) { try description.kerasLayout(file: path) }
    #expect(error?.kind == .notFound)
    #expect(error?.site.member == "optimizer_weights")
    #expect(error?.problem.contains("with 3 more of 8: 'adafactor/bias'") == true)
  }

  @Test func `Keras 3 and other files are told apart`() throws {
    #expect(try layout("keras3.weights.h5") == .keras3)
    #expect(try layout("types.h5") == .plain)
  }

  @Test("Opaque bytes are bfloat16 where Keras says so, or wrote them without saying")
  func bfloat16() throws {
    let named = try Described("keras3.weights.h5")
    let unnamed = try Described("keras2.h5")
    #expect(
      named.description.dataset("layers/dense/vars/0")?.elementType == .number(.bf16, .little))
    #expect(
      unnamed.description.dataset("dense/dense/bias:0")?.elementType == .number(.bf16, .little))
    let older = try Described(path: cases("formats/keras215-bfloat16/bf16.weights.h5"))
    #expect(
      older.description.dataset("layers/dense/vars/0")?.elementType == .number(.bf16, .little))
  }
}
