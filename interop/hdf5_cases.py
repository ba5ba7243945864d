"""HDF5 files by h5py: every number, layout, filter, link, and generation of the format's structures."""

import json

import h5py
import numpy

from case import Case
from weights import Weight, groups, of_array

KERNEL = (numpy.arange(60, dtype="<f4").reshape(6, 10) - 20) / 4
DTYPES = ["?", "u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8", "<c8", "<c16",
          ">u2", ">i2", ">u4", ">i4", ">u8", ">i8", ">f2", ">f4", ">f8", ">c8", ">c16"]
FILTERS = {
    "unfiltered": {}, "gzip": {"compression": "gzip"}, "gzip-9": {"compression": "gzip", "compression_opts": 9},
    "shuffle": {"shuffle": True}, "fletcher32": {"fletcher32": True},
    "shuffle-gzip": {"shuffle": True, "compression": "gzip"},
    "all": {"shuffle": True, "compression": "gzip", "fletcher32": True}, "lzf": {"compression": "lzf"},
}


def sample(dtype):
    values = numpy.arange(24).reshape(4, 6)
    return (values % 2 if dtype == "?" else values * 3 + 1).astype(dtype)


def name_of(dtype):
    kind = numpy.dtype(dtype)
    return ("big_" if dtype.startswith(">") else "") + kind.name


def contiguous(file):
    for dtype in DTYPES:
        file[name_of(dtype)] = sample(dtype)
    file["special"] = numpy.array([numpy.nan, numpy.inf, -numpy.inf, -0.0, 1e-42], dtype="<f4")


def compact(file):
    for dtype in DTYPES:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_layout(h5py.h5d.COMPACT)
        data = sample(dtype)
        kind = h5py.h5t.py_create(data.dtype, logical=True)
        dataset = h5py.h5d.create(file.id, name_of(dtype).encode(), kind, h5py.h5s.create_simple(data.shape), create)
        h5py.Dataset(dataset)[...] = data


def chunked(file):
    for dtype in DTYPES:
        group = file.create_group(name_of(dtype))
        for name, options in FILTERS.items():
            group.create_dataset(name, data=sample(dtype), chunks=(3, 4), **options)


def chunk_indices(file):
    """Shapes that make the library choose each of its chunk indices."""
    file.create_dataset("one_chunk", data=KERNEL, chunks=KERNEL.shape)
    file.create_dataset("fixed", data=KERNEL, chunks=(2, 3))
    file.create_dataset("growing", data=KERNEL, chunks=(2, 3), maxshape=(None, 10))
    file.create_dataset("growing_twice", data=KERNEL, chunks=(2, 3), maxshape=(None, None))
    file.create_dataset("many", data=numpy.arange(5000, dtype="<i4"), chunks=(7,), maxshape=(None,))
    file.create_dataset("cube", data=numpy.arange(210, dtype="<f8").reshape(5, 6, 7), chunks=(2, 3, 4))
    partial = file.create_dataset("partly_written", shape=(6, 6), dtype="<i2", chunks=(2, 2), fillvalue=-7)
    partial[:2, 2:4] = 5
    file.create_dataset("never_written", shape=(3, 3), dtype="<f4", chunks=(2, 2))
    file.create_dataset("one_filtered_chunk", data=KERNEL, chunks=KERNEL.shape, compression="gzip")
    file.create_dataset("fixed_filtered", data=KERNEL, chunks=(2, 3), fletcher32=True)
    file.create_dataset("growing_filtered", data=KERNEL, chunks=(2, 3), maxshape=(None, 10), compression="gzip")
    file.create_dataset("growing_twice_filtered", data=KERNEL, chunks=(2, 3), maxshape=(None, None), compression="gzip")


def shapes(file):
    file["scalar"] = numpy.float32(2.5)
    file["scalar_integer"] = numpy.int64(-3)
    file["empty"] = numpy.empty((0,), dtype="<f4")
    file["no_rows"] = numpy.empty((0, 3), dtype="<f8")
    file["group/inner/one"] = numpy.array([[[1.5]]], dtype="<f4")
    file["group/name with spaces"] = KERNEL
    file["group/café"] = KERNEL[0]
    file["dotted.name"] = KERNEL[1]
    file.create_group("nothing")
    file.attrs["note"] = "text"
    file["group"].attrs["list"] = numpy.arange(3)


def ties(file):
    file["embedding"] = KERNEL
    file["decoder/weight"] = file["embedding"]
    file["copy"] = KERNEL
    file["again"] = file["embedding"]


def many(file):
    for index in range(300):
        file[f"group_{index % 7}/weight_{index}"] = numpy.full(3, index, dtype="<f4")


def large(file):
    generator = numpy.random.default_rng(2)
    values = generator.standard_normal((1500, 1100), dtype=numpy.float32)
    file["contiguous"] = values
    file.create_dataset("chunked", data=values.astype("<f2"), chunks=(200, 300), compression="gzip", shuffle=True)
    file.create_dataset("big_endian", data=values.astype(">f4"))


CONTENTS = {"contiguous": contiguous, "compact": compact, "chunked": chunked, "chunk-indices": chunk_indices,
            "shapes": shapes, "ties": ties, "many": many}


def datasets(file):
    """All data sets by path, once for each way that leads to them, and where they lie."""
    found = {}

    def visit(group, prefix):
        for name, child in group.items():
            if isinstance(child, h5py.Dataset):
                found[prefix + name] = child
            elif isinstance(child, h5py.Group):
                visit(child, prefix + name + "/")

    visit(file, "")
    return found


# Keras names the types that HDF5 lacks in an attribute; in its legacy files it leaves that out for bfloat16.
OPAQUE_NAMES = {"bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e8m0fnu": "F8_E8M0",
                "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ"}


def opaque_name(dataset):
    if dataset.dtype == numpy.dtype([("r", "<f2"), ("i", "<f2")]):
        return "C32"
    assert dataset.dtype.names is None, dataset.dtype
    assert "dtype" in dataset.attrs or dataset.dtype == numpy.dtype("V2"), dataset
    return OPAQUE_NAMES[dataset.attrs.get("dtype", "bfloat16")]


def of_dataset(dataset):
    data = dataset[()]
    if dataset.dtype.kind == "V":
        return Weight(opaque_name(dataset), tuple(dataset.shape), data.tobytes())
    return of_array(numpy.asarray(data, dtype=dataset.dtype))


def address(dataset):
    return h5py.h5o.get_info(dataset.id).addr


def of_file(name, path):
    with h5py.File(path, "r") as file:
        found = datasets(file)
        return Case(
            name, path, {path: of_dataset(dataset) for path, dataset in found.items()},
            groups({path: address(dataset) if dataset.size else None for path, dataset in found.items()}))


def made(path, fill, **options):
    with h5py.File(path, "w", **options) as file:
        fill(file)
    return path


def cases(folder):
    for generation in ("earliest", "v108", "v110", "latest"):
        for name, fill in CONTENTS.items():
            yield of_file(f"hdf5/{name}-{generation}", made(folder / f"{name}-{generation}.h5", fill, libver=generation))
    for name, fill, options in [
        ("large", large, {}), ("user-block", ties, {"userblock_size": 1024}), ("ordered", shapes, {"track_order": True}),
    ]:
        yield of_file(f"hdf5/{name}", made(folder / f"{name}.h5", fill, **options))
    case = of_file("hdf5/named-types", made(folder / "named-types.h5", named_types))
    words = "a named datatype, "
    case.left_out = {name: words + "F32 with 1 attribute" for name in ("kind", "group/again")} | {
        "alone/colour": words + "I16", "record": words + "compound"}
    yield case


def named_types(file):
    """Datatypes with names of their own, by one of which a data set is typed."""
    file["kind"] = numpy.dtype("<f4")
    file["kind"].attrs["note"] = "x"
    file["group/again"] = file["kind"]
    file["alone/colour"] = h5py.enum_dtype({"RED": 0, "BLUE": 1}, basetype="i2")
    file["record"] = numpy.dtype([("a", "i4"), ("b", "f8")])
    file.create_dataset("weight", data=KERNEL, dtype=file["kind"])


def loaded(path):
    """What a written file holds: weights and ties, under the names that its attributes give them."""
    with h5py.File(path, "r") as file:
        separator = file.attrs.get("weighbridge.separator", "/")
        names = json.loads(file.attrs.get("weighbridge.names", "{}"))
        weights, places = {}, {}
        for place, dataset in datasets(file).items():
            name = names.get(place, place.replace("/", separator))
            if "weighbridge.dtype" in dataset.attrs:
                shape = tuple(int(extent) for extent in dataset.attrs["weighbridge.shape"].split(",") if extent)
                weights[name] = Weight(dataset.attrs["weighbridge.dtype"], shape, numpy.asarray(dataset[()]).tobytes())
            else:
                weights[name] = of_dataset(dataset)
            places[name] = address(dataset) if weights[name].data else None
        return weights, groups(places)
