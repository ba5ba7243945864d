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
  }
}
