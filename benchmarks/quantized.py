"""Forward passes of BERT-base as int8 on one thread, beside ONNX Runtime and OpenVINO where Python has them (with onnx), and beside
PyTorch's float32. See models.py, which calls it.

ONNX Runtime quantises as it comes to rows (`quantize_dynamic`, a scale for each channel of weights), as weighbridge does; OpenVINO takes
the scales of rows from a few examples (`quantize_static`, Q/DQ around every MatMul), which saves it looking at them.
"""


PASSES = ((1, 32), (1, 128), (8, 128), (1, 512))
# All of these are as far from float32 as int8 is: the last number of the output is of order 1.
TOLERANCE = 0.3


def numbers(batch, length):
    import numpy

    return numpy.tile(1000 + numpy.arange(length, dtype=numpy.int64), (batch, 1))


def exported(model, data):
    """The model as ONNX, float32, dynamically and statically quantised; nothing where a package is missing."""
    try:
        import numpy
        import onnx  # noqa: F401
        import torch
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
    except ImportError:
        return None
    paths = {name: data / f"bert-{name}.onnx" for name in ("float32", "dynamic", "static")}
    if all(path.exists() for path in paths.values()):
        return paths

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids):
            return self.model(input_ids=ids).last_hidden_state

    torch.onnx.export(
        States().eval(), (torch.from_numpy(numbers(1, 32)),), str(paths["float32"]), input_names=["input_ids"],
        output_names=["last_hidden_state"], dynamic_axes={"input_ids": {0: "batch", 1: "length"}}, opset_version=17, dynamo=False)
    quantize_dynamic(str(paths["float32"]), str(paths["dynamic"]), weight_type=QuantType.QInt8, per_channel=True)

    class Examples(CalibrationDataReader):
        def __init__(self):
            random = numpy.random.default_rng(0)
            self.left = [{"input_ids": random.integers(1000, 30000, (1, 64))} for _ in range(4)]

        def get_next(self):
            return self.left.pop() if self.left else None

    quantize_static(
        str(paths["float32"]), str(paths["static"]), Examples(), quant_format=QuantFormat.QDQ, op_types_to_quantize=["MatMul"],
        per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True})
    return paths


def peers(model, data):
    """Name and what computes the last number of a pass."""
    import torch

    def torch_pass(batch, length):
        with torch.no_grad():
            return model(input_ids=torch.from_numpy(numbers(batch, length))).last_hidden_state.flatten()[-1]

    yield "PyTorch float32", torch_pass
    paths = exported(model, data)
    if paths is None:
        return
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(paths["dynamic"]), settings, providers=["CPUExecutionProvider"])
    yield "ONNX Runtime, dynamic int8", lambda batch, length: session.run(
        None, {"input_ids": numbers(batch, length)})[0].reshape(-1)[-1]
    try:
        import openvino
    except ImportError:
        return
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(str(paths["static"])), "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1})
    request = compiled.create_infer_request()
    yield "OpenVINO, static int8", lambda batch, length: request.infer(
        {"input_ids": numbers(batch, length)})[compiled.output(0)].reshape(-1)[-1]
