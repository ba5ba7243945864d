"""PyTorch files of less common kinds, by torch itself: modules as older versions pickled them, weights that hooks compute,
numpy's classes, quantised tensors, views of elements that share bytes, keys that are no text, constants of TorchScript,
attributes of tensors, Lightning's callbacks.

What `torch.load` gives as state must come through bit for bit; what no other format carries must be named by every command.
"""

import collections
import io
import sys
import types
import zipfile

import numpy
import torch
from torch import nn
from torch.nn import utils
from torch.nn.utils import parametrizations, prune

from case import Case
from weights import numbers

COMPUTED = "an attribute of a module, not in its state dict"
CONSTANT = "a constant of the program, not in its state dict"
LEGACY = {"_use_new_zipfile_serialization": False}


def linear(seed=1):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def foreign(name, *bases, **members):
    """A class of a package that nobody else has."""
    module = sys.modules.setdefault("mylib", types.ModuleType("mylib"))
    made = type(name, bases or (object,), {"__module__": "mylib", **members})
    setattr(module, name, made)
    return made


# MARK: Modules


class Backend:
    """What every module held until torch 1.2; torch keeps the function "for historical pickle deserialization"."""

    def __reduce__(self):
        from torch.nn.backends.thnn import _get_thnn_function_backend
        return _get_thnn_function_backend, ()


def aged(model):
    """A module with the attributes that torch 1.2 gave it, and no others: `__setstate__` adds what is newer."""
    backend = Backend()
    kept = {"training", "_parameters", "_buffers", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_modules"}
    for module in model.modules():
        own = {name: value for name, value in vars(module).items() if not name.startswith("_") or name in kept}
        vars(module).clear()
        vars(module).update(own, _backend=backend)
    return model


def old_model():
    torch.manual_seed(2)
    return aged(nn.Sequential(collections.OrderedDict([
        ("embed", nn.EmbeddingBag(5, 4)), ("norm", nn.BatchNorm1d(4)), ("act", nn.ReLU()), ("drop", nn.Dropout(0.1)),
        ("inner", nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Softmax(1)))])))


def buffered():
    module = linear()
    module.register_buffer("kept", numbers(2))
    module.register_buffer("scratch", numbers(1), persistent=False)
    module.register_buffer("empty", None)
    module.register_parameter("none", None)
    module.note = torch.zeros(3)
    module.table = {"x": torch.zeros(1), "list": [torch.ones(1)]}
    module.same = module.weight
    return nn.Sequential(module)


def spectral():
    module = utils.spectral_norm(linear(3))
    module(torch.ones(1, 3))
    return module


def pruned():
    module = linear(4)
    prune.l1_unstructured(module, "weight", 1)
    prune.random_unstructured(module, "weight", 1)
    prune.identity(module, "bias")
    return module


def masked():
    module = linear(5)
    prune.ln_structured(module, "weight", 1, 2, 0)
    return module


def module_cases():
    """Name, module, and the tensors that its state dict leaves out."""
    yield "old-module", old_model(), {}
    yield "buffers", buffered(), {
        "0.scratch": "a buffer that its module does not save", "0.note": COMPUTED, "0.table.x": COMPUTED, "0.table.list.0": COMPUTED}
    yield "weight-norm", nn.Sequential(utils.weight_norm(linear())), {"0.weight": COMPUTED}
    yield "spectral-norm", spectral(), {"weight": COMPUTED}
    yield "pruned", pruned(), {"weight": COMPUTED, "bias": COMPUTED}
    yield "pruned-rows", masked(), {"weight": COMPUTED}
    for name, module in {
        "data-parallel": nn.DataParallel(linear()), "averaged": torch.optim.swa_utils.AveragedModel(linear()),
        "recurrent": nn.LSTM(2, 3, 2, bidirectional=True, proj_size=2), "attention": nn.MultiheadAttention(4, 2, kdim=3),
        "transformer": nn.Transformer(4, 2, 1, 1, 8), "loss": nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)),
        "adaptive": nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10]), "dictionary": nn.ParameterDict({"a": nn.Parameter(numbers(2)), "c": 3}),
        "parametrizations": parametrizations.weight_norm(linear()).parametrizations}.items():
        yield name, module, {}


def parametrised_states():
    """A parametrised module itself torch refuses to pickle."""
    yield "weight_norm", nn.Sequential(parametrizations.weight_norm(linear()))
    yield "spectral_norm", parametrizations.spectral_norm(linear())
    for kind in ("matrix_exp", "cayley", "householder"):
        yield f"orthogonal-{kind}", parametrizations.orthogonal(nn.Linear(3, 3), orthogonal_map=kind)


# MARK: Values

KEYS = [
    (0, 1), (1,), (), (0, ("a", b"x", None)), None, 7, -5, 10**30, True, 1.5, 1e16, 1e-05, float("inf"), 2j, 1 - 2j, b"a'\xff", "é\n",
    frozenset([1]), frozenset(), ("\n", "é", "\u200b", "'\""), torch.float16, torch.Size([1, 2]), torch.strided, torch.device("cpu"),
    torch.device("cuda", 1), (torch.device("cuda", 0),), numpy.int64(3), numpy.float32(0.25), numpy.str_("s"), numpy.bytes_(b"z")]


def arrays():
    values = numpy.arange(6, dtype="f4").reshape(2, 3)
    return {
        "matrix": numpy.matrix(values), "recarray": numpy.arange(3).view(numpy.recarray), "empty": numpy.zeros((0, 3)).view(numpy.matrix),
        "reversed": numpy.arange(6)[::-1], "columns": values[:, 1:], "broadcast": numpy.broadcast_to(values[0], (2, 3)),
        "zero": numpy.array(3.5), "complex": numpy.array([1j], "c8"), "big": numpy.array([1, 2], ">u4"), "half": numpy.array([1], "f2")}


def scalars():
    """Numbers and types of numpy: values beside a weight, and no weights."""
    names = ("bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble complex64 complex128 str_ "
             "bytes_").split()
    kinds = [getattr(numpy, name) for name in names] + [numpy.dtype(name) for name in ("f4", ">i2", "U3", "O")]
    return {"w": numbers(2), "scalars": {name: getattr(numpy, name)(1) for name in names}, "kinds": kinds,
            "classes": [getattr(numpy.dtypes, name) for name in dir(numpy.dtypes) if name.endswith("DType")]}


def quantised():
    """Name, tensor, what is said of it."""
    scales, zeros = torch.tensor([0.5, 0.25, 2.0]), torch.zeros(3, dtype=torch.long)
    for dtype, point in ((torch.quint8, 3), (torch.qint8, -3), (torch.qint32, 0)):
        kind = str(dtype)[6:]
        whole = torch.quantize_per_tensor(torch.ones(3, 5), 0.5, point, dtype)
        words = f"quantized {kind} [3, 5], per_tensor_affine, scale 0.5, zero point {point}"
        yield f"{kind}", whole, words
        yield f"{kind}-row", whole[1:], words.replace("[3, 5]", "[2, 5]")
        if dtype != torch.qint32:
            yield f"{kind}-channels", torch.quantize_per_channel(torch.ones(3, 5), scales, zeros, 0, dtype), (
                f"quantized {kind} [3, 5], per_channel_affine, 3 scales and zero points along dimension 0")
    for dtype in (torch.quint4x2, torch.quint2x4):
        kind = str(dtype)[6:]
        for columns in (5, 8):  # rows that end inside a byte, and at one
            yield f"{kind}-{columns}", torch.quantize_per_channel(torch.ones(3, columns), scales, zeros.float(), 0, dtype), (
                f"quantized {kind} [3, {columns}], per_channel_affine")


def narrow_views():
    base = torch.arange(48, dtype=torch.uint8).reshape(2, 3, 8)
    views = {"whole": base, "row": base[1:], "transposed": base.transpose(1, 2), "every_second": base[:, :, ::2], "offset": base[1, 1:],
             "again": base[1, 1:], "expanded": base[:1].expand(2, 3, 8), "one": base[0, 0, 3:4]}
    fours = base.view(torch.float4_e2m1fn_x2)
    found = {f"float4.{name}": torch.empty(0, dtype=fours.dtype).set_(fours.untyped_storage(), view.storage_offset(), view.shape, view.stride())
             for name, view in views.items()}
    for dtype in (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz, torch.float8_e8m0fnu):
        own = base.clone().view(dtype)
        found |= {f"{str(dtype)[6:]}.{name}": view for name, view in {"part": own[:, 1:, ::2], "transposed": own.t() if own.ndim < 3 else own.mT}.items()}
    return found


def with_attributes():
    plain, deep, trained = numbers(2), numbers(3), nn.Parameter(numbers(2, 2))
    plain.tag, plain.num, plain.share, plain.flag = "hello", 7, 0.25, True
    deep.inner, deep.parts = torch.ones(1), [torch.zeros(1), torch.ones(2)]
    trained.partition_dim, trained.tensor_model_parallel = 0, True
    return {"plain": plain, "list": [deep], "trained": trained}


def lightning(key):
    score = {"best_model_score": torch.tensor(0.5), "best_k_models": {"a.ckpt": torch.tensor(0.25)}, "monitor": "loss"}
    return {"epoch": 1, "state_dict": linear().state_dict(), "callbacks": {key: score}, "optimizer_states": [], "lr_schedulers": []}


def others():
    """What is like a tensor and is no plain view of numbers: each is said, and left out if asked."""
    found = {
        "sparse": (torch.eye(3).to_sparse(), "sparse_coo float32 [3, 3], 3 values"),
        "rows": (torch.eye(3).to_sparse_csr(), "sparse_csr float32 [3, 3], 3 values"),
        "nested": (torch.nested.nested_tensor([numbers(2), numbers(3)]), "nested F32, 2 tensors, 5 elements"),
        "meta": (torch.ones(2, device="meta"), "meta float32 [2], no data"),
        "bits": (torch.ones(4, dtype=torch.uint8).view(torch.bits8), "bits8 [4]"),
        "late": (nn.parameter.UninitializedParameter(), "parameter without data, not yet initialised")}
    return {name: value for name, (value, _) in found.items()}, {name: words for name, (_, words) in found.items()}


# MARK: TorchScript


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = linear(6), nn.Linear(2, 2)
        self.small = nn.Parameter(torch.ones(2, dtype=torch.float16))
        self.plain = torch.full((2,), 7.0)
        self.quantised = torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8)

    def forward(self, inputs):
        return self.b(self.a(inputs)) + self.small + self.plain + self.quantised.dequantize()


class Traced(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.plain = linear(6), torch.full((2,), 7.0)

    def forward(self, inputs):
        return self.a(inputs) + self.plain


def constants_of(path):
    """The constants of a program in the archive's order, by `torch.load`, for which they are moved to where a state dict lies."""
    moved = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(moved, "w") as new:
        for name in old.namelist():
            root, _, rest = name.partition("/")
            if rest.startswith("constants"):
                new.writestr(f"{root}/{rest.replace('constants', 'data', 1)}", old.read(name))
            elif rest in ("version", "byteorder"):
                new.writestr(name, old.read(name))
    moved.seek(0)
    return torch.load(moved)


def script_cases(folder):
    script = torch.jit.script(Constant().eval())
    for name, program in {"frozen": torch.jit.freeze(script), "half-frozen": torch.jit.freeze(script, preserved_attrs=["a"]),
                          "traced": torch.jit.trace(Traced().eval(), torch.ones(1, 3))}.items():
        path = folder / f"{name}.pt"
        torch.jit.save(program, path)
        state = torch.jit.load(path).state_dict()
        constants = {f"constants.{index}": value for index, value in enumerate(constants_of(path))}
        plain = {key: value for key, value in constants.items() if not value.is_quantized}
        words = {key: "quantized qint8 [2]" for key in constants.keys() - plain.keys()}
        assert plain and (words or name == "traced")
        case = Case.of_loaded(f"torch/{name} script", path, state or plain)
        if state:
            case.left_out = {key: CONSTANT for key in constants}
        else:
            case.refused = words
        yield case


# MARK: Cases


def saved(folder, name, value, weights=None, options={}, **facts):
    """A case of what torch wrote. `weights` stands in for what is to be compared where not all of the value is."""
    path = folder / f"{name}.pt"
    torch.save(value, path, **options)
    loaded = torch.load(path, weights_only=False)
    case = Case.of_loaded(f"torch/{name}", path, loaded if weights is None else {key: loaded[key] for key in weights})
    for fact, content in facts.items():
        setattr(case, fact, content)
    return case


def cases(folder):
    for name, module, left_out in module_cases():
        for suffix, options in (("", {}), ("-legacy", LEGACY)):
            yield saved(folder, f"{name}{suffix}", module, options=options, left_out=left_out)
    for name, module in parametrised_states():
        yield saved(folder, f"state-{name}", module.state_dict())
    for protocol in (2, 3, 4, 5):
        options = {"pickle_protocol": protocol}
        yield saved(folder, f"arrays-{protocol}", arrays(), options=options, said=["numpy.matrix", "numpy.rec.recarray"])
        yield saved(folder, f"scalars-{protocol}", scalars(), ["w"], options=options)
        yield saved(folder, f"keys-{protocol}", {"t": {key: torch.full((1,), float(i)) for i, key in enumerate(KEYS)}}, options=options)
    yield saved(folder, "parameter-class", {"p": foreign("Sharded", nn.Parameter)(numbers(2))}, said=["1 tensor is a parameter"])
    tagged = numbers(2).as_subclass(foreign("Tagged", torch.Tensor))
    yield saved(folder, "tensor-class", {"s": tagged}, flags=["--inert"], said=["mylib.Tagged"])
    yield saved(folder, "own-array", {"a": numpy.arange(3.0).view(foreign("Own", numpy.ndarray)), "w": numbers(2)}, flags=["--inert"],
                said=["mylib.Own"])
    for suffix, options in (("", {}), ("-legacy", LEGACY)):
        for name, value, words in quantised():
            yield saved(folder, f"{name}{suffix}", {"q": value, "w": numbers(2)}, ["w"], options=options, refused={"q": words})
    values, words = others()
    yield saved(folder, "others", values | {"w": numbers(2)}, ["w"], refused=words)
    yield saved(folder, "narrow-views", narrow_views())
    attributes = {"plain": {"tag": "hello", "num": 7, "share": 0.25, "flag": True}, "trained": {"partition_dim": 0, "tensor_model_parallel": True}}
    for suffix, options in (("", {}), ("-legacy", LEGACY)):
        yield saved(folder, f"attributes{suffix}", with_attributes(), options=options, attributes=attributes,
                    said=["attributes of the tensor 'plain'", "attributes of the tensor 'trained'"])
    yield saved(folder, "lightning", lightning("ModelCheckpoint{'monitor': 'loss', 'mode': 'min'}"))
    yield from script_cases(folder)
